/** What a relay counts. No label says who: keys, ids and addresses stay out. */
import { Counter, Gauge, Registry } from "prom-client";

export interface Metrics {
  readonly registry: Registry;
  readonly frames: Counter<"outcome">;
  readonly delivered: Counter;
  readonly deliveredBytes: Counter;
  readonly cut: Counter<"reason">;
  readonly forwarded: Counter;
  readonly journalErrors: Counter;
}

/** Read when somebody looks at `/metrics`. */
export type Gauges = Readonly<Record<string, { readonly help: string; readonly read: () => number }>>;

/** A registry of its own: several relays may live in one process. */
export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  for (const [name, { help, read }] of Object.entries(gauges)) {
    const gauge: Gauge = new Gauge({
      name: `conclave_relay_${name}`,
      help,
      registers,
      collect: () => gauge.set(read()),
    });
  }
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name: `conclave_relay_${name}_total`, help, labelNames: [...labelNames], registers });
  return {
    registry,
    frames: counter("frames", "Messages and questions that arrived, by what became of them", ["outcome"]),
    delivered: counter("delivered", "Messages handed out"),
    deliveredBytes: counter("delivered_bytes", "Bytes handed out"),
    cut: counter("cut", "Connections ended by the relay, by reason", ["reason"]),
    forwarded: counter("forwarded", "Questions put to peers"),
    journalErrors: counter("journal_errors", "Failures to write the file of kept messages"),
  };
}
