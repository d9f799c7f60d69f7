/** Calls of custody, with their time measured, and what came back shown to whoever follows requests. */
import type { CustodyEvent, CustodyPort } from "@conclave/custody";
import type { NodeMetrics } from "./metrics.ts";

/** One answered call. Times are of a clock that only goes forward. */
export interface CustodyAnswer {
  readonly call: keyof CustodyPort;
  readonly startMs: number;
  readonly endMs: number;
  /** A peer's message that the call brought; null for other calls. */
  readonly wire: Uint8Array | null;
  readonly events: readonly CustodyEvent[];
}

type Eventful = {
  [Call in keyof CustodyPort]: Awaited<ReturnType<CustodyPort[Call]>> extends readonly CustodyEvent[] ? Call : never;
}[keyof CustodyPort];

/** Calls that answer with events: exactly those whose type says so. */
const EVENTFUL: Readonly<Record<Eventful, true>> = {
  start: true,
  receive: true,
  propose: true,
  recall: true,
  recallResult: true,
  republish: true,
  vote: true,
  decide: true,
  abandon: true,
  open: true,
  begin: true,
  expire: true,
  release: true,
  checkpoint: true,
};

type AnyCall = (...args: readonly unknown[]) => Promise<unknown>;

/** The same port. `answered` is called before the caller has the answer, so that it knows of an event no later than others. */
export function measuredCustody(
  port: CustodyPort,
  { custodySeconds }: Pick<NodeMetrics, "custodySeconds">,
  answered: (answer: CustodyAnswer) => void,
): CustodyPort {
  const calls = (Object.keys(port) as (keyof CustodyPort)[]).map((call) => {
    const measured = async (...args: readonly unknown[]): Promise<unknown> => {
      const startMs = performance.now();
      const value = await (port[call] as AnyCall)(...args);
      const endMs = performance.now();
      custodySeconds.observe({ call }, (endMs - startMs) / 1_000);
      if (Object.hasOwn(EVENTFUL, call)) {
        const wire = call === "receive" && args[1] instanceof Uint8Array ? args[1] : null;
        answered({ call, startMs, endMs, wire, events: value as readonly CustodyEvent[] });
      }
      return value;
    };
    return [call, measured] as const;
  });
  return Object.fromEntries(calls) as unknown as CustodyPort;
}
