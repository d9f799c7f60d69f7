/** One relay, however it is talked to. The client has one pipe per relay and says everything to all of them. */

import type { Rng } from "@conclave/bytes";
import type { Clock } from "@conclave/node";
import type { Platform } from "./platform.ts";

/** What a pipe is made of. */
export interface PipeParts {
  /** Of the relay: `http:` or `https:`. */
  readonly url: string;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly rng: Rng;
  /** A new message of our own, under an id that nobody else has. */
  readonly makeMarker: (ttlSeconds: number) => Uint8Array;
  readonly events: PipeEvents;
}

export interface PipeEvents {
  /** The relay can be talked to; whatever was said to it before may be forgotten. Called again after each `down`. */
  up(): void;
  down(reason: string): void;
  /** Bytes that the relay says were published. Nothing about them is true yet. */
  received(frame: Uint8Array): void;
  /** The relay would not keep what was sent by `post`. */
  refused(id: string, reason: string): void;
}

export interface Pipe {
  readonly url: string;
  readonly isUp: boolean;
  /** Why it is not up; empty while it is. */
  readonly reason: string;
  /** Bytes handed over that have not left this machine. */
  readonly unsentBytes: number;
  /** Resolves when the relay has the message. Rejects with `RelayRefused`, or `PipeBroken` if that is not known. */
  publish(frame: Uint8Array): Promise<void>;
  /** Hands a message over and forgets it. False if the relay is not there, or has not taken enough of what came before. */
  post(frame: Uint8Array, terms: PostTerms): boolean;
  /** Asks with this header, again and again until `forget` where the relay does not wait for us. */
  ask(header: Uint8Array): void;
  forget(id: string): void;
  /** Ends it; nothing is reported any more. */
  close(): void;
}

/** What was sent may or may not have arrived. */
export class PipeBroken extends Error {
  override readonly name = "PipeBroken";
}

/**
 * Bytes given to one relay that have not left: room for a largest message behind another, and so few that what is urgent is
 * not late behind them on a line of 10 Mbit/s. It also bounds what a relay costs that stands still.
 */
const MAX_UNSENT_BYTES = (5 << 20) / 2;
/** Beyond that, for signs of life: some hundred of them. */
const URGENT_RESERVE_BYTES = 1 << 18;

export interface PostTerms {
  /** A few bytes that have to get through though much else waits. */
  readonly urgent?: boolean;
}

/** Whether a pipe that has so much unsent takes a frame. */
export const hasRoom = (unsentBytes: number, frame: Uint8Array, { urgent = false }: PostTerms = {}): boolean =>
  unsentBytes + frame.length <= MAX_UNSENT_BYTES + (urgent ? URGENT_RESERVE_BYTES : 0);
