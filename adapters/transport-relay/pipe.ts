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
  post(frame: Uint8Array): boolean;
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

/** Bytes given to one relay that it has not taken: room for eight largest messages, and a bound for a relay that stands still. */
export const MAX_UNSENT_BYTES = 8 << 20;
