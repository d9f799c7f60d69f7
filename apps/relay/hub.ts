/** Carries out what the mailroom decides: deliveries to connections, questions to peers, records to the journal. */
import { toHex } from "@conclave/bytes";
import type { Effect, Header, Mailroom, Published, Refusal } from "@conclave/relay";
import type { Journal } from "./journal.ts";
import type { Metrics } from "./metrics.ts";

/** The other end of a connection. */
export interface Receiver {
  deliver(bytes: Uint8Array): void;
  /** One of its frames came to nothing. `id` in hexadecimal. */
  refuse(id: string | null, error: Refusal): void;
}

/** Where questions for peers go. */
export interface Peers {
  ask(frame: Uint8Array): void;
}

/** Nobody of good will sends these, while any other refusal is for want of room. */
const FAULTS: ReadonlySet<Refusal> = new Set(["malformed", "another-id", "bad-signature"]);

export const isFault = (error: Refusal): boolean => FAULTS.has(error);

/** What runs out is looked for this often. */
const TICK_MS = 1_000;

/** Milliseconds since 1970 that never go backwards, so that nobody's clock is set under a question that waits. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

export class Hub {
  readonly mailroom: Mailroom;
  readonly metrics: Metrics;
  readonly #journal: Journal | null;
  readonly #receivers = new Map<number, Receiver>();
  readonly #timer: NodeJS.Timeout;
  #peers: Peers = { ask: () => {} };

  constructor({ mailroom, metrics, journal }: { mailroom: Mailroom; metrics: Metrics; journal: Journal | null }) {
    this.mailroom = mailroom;
    this.metrics = metrics;
    this.#journal = journal;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** From now on questions that are not answered here go there. */
  usePeers(peers: Peers): void {
    this.#peers = peers;
  }

  join({ source, peer, receiver }: { source: string; peer: boolean; receiver: Receiver }): number {
    const id = this.mailroom.connect({ source, peer });
    this.#receivers.set(id, receiver);
    return id;
  }

  leave(id: number): void {
    this.#receivers.delete(id);
    this.mailroom.disconnect(id);
  }

  /** What came over a socket. */
  frame(from: number, bytes: Uint8Array): void {
    const { outcome, effects } = this.mailroom.frame(from, bytes, nowMs());
    this.metrics.frames.inc({ outcome });
    this.#carryOut(effects);
  }

  ask(from: number, header: Header): void {
    this.metrics.frames.inc({ outcome: "asked" });
    this.#carryOut(this.mailroom.ask(from, header, nowMs()));
  }

  publish(from: number, bytes: Uint8Array): Published {
    const published = this.mailroom.publish(from, bytes, nowMs());
    this.metrics.frames.inc({ outcome: published.outcome });
    this.#carryOut(published.effects);
    return published;
  }

  openQuestions(): Generator<Uint8Array> {
    return this.mailroom.openQuestions(nowMs());
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    this.#carryOut(this.mailroom.tick(nowMs()));
    this.#journal?.tidy(this.mailroom);
  }

  #carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "deliver":
          this.metrics.delivered.inc();
          this.metrics.deliveredBytes.inc(effect.bytes.length);
          this.#receivers.get(effect.to)?.deliver(effect.bytes);
          break;
        case "refuse":
          this.#refuse(effect.to, effect.id === null ? null : toHex(effect.id), effect.error);
          break;
        case "forward":
          this.metrics.forwarded.inc();
          this.#peers.ask(effect.frame);
          break;
        case "keep":
          this.#journal?.keep(effect.bytes, effect.untilSecond);
          break;
        case "forget":
          this.#journal?.forget(effect.signature);
      }
    }
  }

  #refuse(to: number, id: string | null, error: Refusal): void {
    this.#receivers.get(to)?.refuse(id, error);
  }
}
