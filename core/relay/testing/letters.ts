/** Senders with fixed keys, and messages in their names. */
import type { Engine } from "@conclave/crypto";
import { encodeHeader, ID_BYTES } from "../header.ts";
import { signMessage } from "../message.ts";

export interface LetterParts {
  /** Which of the senders. */
  readonly sender?: number;
  readonly tag?: number | bigint;
  readonly flags?: number;
  readonly ttlSeconds?: number;
  readonly payload?: Uint8Array;
  readonly receiver?: Uint8Array | null;
}

const SEED_BYTES = 32;
const INSTANCE = new Uint8Array(32).fill(0x1d);

/** Writes messages; sender 1 always has the same key, and so has sender 2. */
export function letterWriter(engine: Engine): (parts?: LetterParts) => Uint8Array {
  const seed = (sender: number): Uint8Array => {
    const bytes = new Uint8Array(SEED_BYTES);
    new DataView(bytes.buffer).setUint32(0, sender);
    return bytes;
  };
  return ({ sender = 1, tag = 1, flags = 0, ttlSeconds = 60, payload = new Uint8Array(8), receiver = null } = {}) =>
    signMessage(engine, engine.ed25519Signer(seed(sender)), {
      tag: BigInt(tag),
      receiver,
      instance: INSTANCE,
      ttlSeconds,
      flags,
      payload,
    });
}

export const idOf = (message: Uint8Array): Uint8Array => message.slice(0, ID_BYTES);

/** The frame that asks for a message. */
export const questionFor = (message: Uint8Array, ttlSeconds = 60, flags = 0): Uint8Array =>
  encodeHeader({ id: idOf(message), ttlSeconds, flags });
