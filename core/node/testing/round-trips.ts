/** How long a frame needs to a peer and back, over any transport. For benchmarks; both ends may be in one process or in two. */
import type { NodeId } from "@conclave/consensus";
import type { Transport, TransportHandler } from "../ports.ts";

/** Frames of one size, each sent when the one before was back. Milliseconds. */
export interface RoundTrips {
  readonly bytes: number;
  readonly rounds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A size, and how often it goes there and back. */
export interface RoundTripPlan {
  readonly bytes: number;
  readonly rounds: number;
}

/** Sizes that a protocol sends: a message of a round, a key generation's, the largest frame. */
export const USUAL_ROUND_TRIPS: readonly RoundTripPlan[] = [
  { bytes: 1 << 10, rounds: 1_000 },
  { bytes: 1 << 16, rounds: 300 },
  { bytes: 1 << 20, rounds: 60 },
];

/** Rounds before those that count: caches, compilers and congestion windows get warm. */
const WARM_UP_ROUNDS = 20;
/** A frame that is not back in so long is lost, and with it the measurement. */
const PATIENCE_MS = 30_000;
/** Each frame begins with its number, so that a late answer is not taken for another's. */
const NUMBER_BYTES = 4;

/** What the far end does: every frame goes back to its sender. */
export const echoing = (transport: Transport): TransportHandler => ({
  frame: (from, frame) => transport.send(from, frame),
  link: () => {},
});

/** The near end. Give it to `start`, then measure. */
export class RoundTripProbe implements TransportHandler {
  readonly #transport: Transport;
  readonly #peer: NodeId;
  #number = 0;
  #changed: () => void = () => {};
  #answered = 0;

  constructor(transport: Transport, peer: NodeId) {
    this.#transport = transport;
    this.#peer = peer;
  }

  frame(_: NodeId, frame: Uint8Array): void {
    this.#answered = new DataView(frame.buffer, frame.byteOffset).getUint32(0);
    this.#changed();
  }

  link(): void {
    this.#changed();
  }

  /** Waits for the link. Rejects when it does not come up. */
  async linked(): Promise<void> {
    while (!this.#transport.isUp(this.#peer)) await this.#change("the link did not come up");
  }

  /** Rejects when a frame does not come back, and for frames shorter than their number. */
  async measure({ bytes, rounds }: RoundTripPlan): Promise<RoundTrips> {
    if (bytes < NUMBER_BYTES) throw new RangeError(`a frame that is measured holds its number: ${NUMBER_BYTES} bytes`);
    for (let round = 0; round < WARM_UP_ROUNDS; round++) await this.#once(bytes);
    const took: number[] = [];
    for (let round = 0; round < rounds; round++) took.push(await this.#once(bytes));
    took.sort((a, b) => a - b);
    const at = (share: number): number => took[Math.min(rounds - 1, Math.floor(rounds * share))]!;
    return { bytes, rounds, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: took.at(-1)! };
  }

  async #once(bytes: number): Promise<number> {
    const number = ++this.#number;
    const frame = new Uint8Array(bytes);
    new DataView(frame.buffer).setUint32(0, number);
    const startMs = performance.now();
    this.#transport.send(this.#peer, frame);
    while (this.#answered !== number) await this.#change(`a frame of ${bytes} bytes did not come back`);
    return performance.now() - startMs;
  }

  #change(otherwise: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const patience = setTimeout(() => reject(new Error(`${otherwise} within ${PATIENCE_MS} ms`)), PATIENCE_MS);
      this.#changed = () => {
        clearTimeout(patience);
        resolve();
      };
    });
  }
}

/** Starts both ends, `b` as an echo, and measures each of the plans in turn. Leaves both running. */
export async function measureRoundTrips(
  a: Transport,
  b: Transport,
  options: { readonly idOfB: NodeId; readonly plans?: readonly RoundTripPlan[] },
): Promise<readonly RoundTrips[]> {
  const probe = new RoundTripProbe(a, options.idOfB);
  await b.start(echoing(b));
  await a.start(probe);
  await probe.linked();
  const results: RoundTrips[] = [];
  for (const plan of options.plans ?? USUAL_ROUND_TRIPS) results.push(await probe.measure(plan));
  return results;
}
