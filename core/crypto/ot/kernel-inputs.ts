/** What every OT kernel derives from a session before it starts: each tag is named here once, for all engines. */
import { assert, transcript } from "@conclave/bytes";
import { SESSION_BYTES } from "./parameters.ts";

const STREAM_START_BYTES = 16;

/**
 * Where the leaves' ChaCha20 streams begin: 4 bytes of block counter (little-endian, even, so that the second block never
 * wraps around), then 12 bytes of nonce.
 */
export function streamStart(session: Uint8Array): Uint8Array {
  const start = transcript("ot/extension/stream", { session: checked(session) }).slice(0, STREAM_START_BYTES);
  start[0]! &= 0xfe;
  return start;
}

/** P of `hashColumns`: hashed twice in a row, it fills SHA-256's first block, whose state is then common to all rows. */
export const columnHashPrefix = (session: Uint8Array): Uint8Array =>
  transcript("ot/extension/hash", { session: checked(session) });

/** P of `gadget`, used in the same way. */
export const gadgetPrefix = (session: Uint8Array): Uint8Array =>
  transcript("ot/rvole/gadget", { session: checked(session) });

function checked(session: Uint8Array): Uint8Array {
  assert(session.length === SESSION_BYTES, "an OT session is 32 bytes");
  return session;
}
