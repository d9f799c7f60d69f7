import { assert, utf8 } from "@conclave/bytes";

const MAX_BYTES = 255;

/** Bytes of a domain separation tag. RFC 9380 §3.1 asks for one that is not empty; longer ones than 255 would be hashed. */
export function domainTag(dst: string): Uint8Array {
  const bytes = utf8(dst);
  assert(bytes.length > 0 && bytes.length <= MAX_BYTES, "a domain separation tag is 1 to 255 bytes");
  return bytes;
}
