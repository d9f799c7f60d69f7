/**
 * The first 36 bytes of everything on a relay's socket (document 002's relay, RL-05 and RL-07): 32 bytes of id, a code for the
 * time to live, flags. A frame that is nothing but a header asks; a longer one publishes.
 */
import { CodecError } from "@conclave/bytes";

export const ID_BYTES = 32;
export const HEADER_BYTES = ID_BYTES + 2 + 2;

/** The relay forgets the message once it was delivered. */
export const FLAG_ONE_RECEIVER = 0x8000;
/**
 * The id names a mailbox and not one message: what is published is queued, and delivered to everybody who asks at that time or
 * asked before. Ours; the documented relay knows single messages only.
 */
export const FLAG_MAILBOX = 0x4000;
const KNOWN_FLAGS = FLAG_ONE_RECEIVER | FLAG_MAILBOX;
/** Free for applications; the relay carries them along. */
const APPLICATION_FLAGS = 0x0fff;

export interface Header {
  readonly id: Uint8Array;
  /** Of a message: how long it is kept. Of a question: how long its asker waits. */
  readonly ttlSeconds: number;
  readonly flags: number;
}

/** Codes up to here are seconds; above, a step is ten seconds. */
const FINE_CODES = 255;
const COARSE_STEP_SECONDS = 10;
const MAX_CODE = 0xffff;
/** About seven and a half days. */
export const MAX_TTL_SECONDS = (MAX_CODE - FINE_CODES) * COARSE_STEP_SECONDS + 250;

/** Rounds up to what a code can say; longer than the longest becomes the longest. Throws `RangeError` below zero. */
export function ttlCode(seconds: number): number {
  if (!(seconds >= 0)) throw new RangeError("a time to live is zero seconds or more");
  if (seconds <= FINE_CODES) return Math.ceil(seconds);
  // Code 256 is 260 seconds, the first that the coarse scale has above 255.
  return Math.min(MAX_CODE, FINE_CODES + Math.ceil((seconds - 250) / COARSE_STEP_SECONDS));
}

export const ttlSecondsOf = (code: number): number =>
  code <= FINE_CODES ? code : (code - FINE_CODES) * COARSE_STEP_SECONDS + 250;

/** The 36 bytes. Throws `RangeError` for an id of another length or flags beyond 16 bits. */
export function encodeHeader({ id, ttlSeconds, flags }: Header): Uint8Array {
  if (id.length !== ID_BYTES) throw new RangeError(`an id is ${ID_BYTES} bytes`);
  if (!Number.isInteger(flags) || flags < 0 || flags > 0xffff) throw new RangeError("flags are 16 bits");
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(id);
  const view = new DataView(bytes.buffer);
  view.setUint16(ID_BYTES, ttlCode(ttlSeconds), true);
  view.setUint16(ID_BYTES + 2, flags, true);
  return bytes;
}

/** Reads the first 36 bytes. Throws `CodecError` if there are fewer, or a flag is set that has no meaning. */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes.length < HEADER_BYTES) throw new CodecError(`a frame has ${HEADER_BYTES} bytes or more`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const flags = view.getUint16(ID_BYTES + 2, true);
  if ((flags & ~(KNOWN_FLAGS | APPLICATION_FLAGS)) !== 0) throw new CodecError("a flag without a meaning is set");
  return { id: bytes.slice(0, ID_BYTES), ttlSeconds: ttlSecondsOf(view.getUint16(ID_BYTES, true)), flags };
}
