/** Handshake and step envelopes that came before what they belong to: kept per sender, the oldest go first. */
import type { NodeId } from "@conclave/consensus";
import type { Envelope } from "./envelope.ts";

/** Kept per sender, so that a talkative member displaces only its own. */
const MAX_EARLY = 64;

export class EarlyEnvelopes {
  readonly #waiting = new Map<NodeId, Envelope[]>();

  keep(envelope: Envelope): void {
    const queue = this.#waiting.get(envelope.header.sender) ?? [];
    queue.push(envelope);
    if (queue.length > MAX_EARLY) queue.shift();
    this.#waiting.set(envelope.header.sender, queue);
  }

  /** Everything that waits; whoever takes it puts back what is still early. */
  take(): readonly Envelope[] {
    const waiting = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    return waiting;
  }
}
