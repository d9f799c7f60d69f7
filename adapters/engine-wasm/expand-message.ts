import { utf8 } from "@conclave/bytes";

/** s_in_bytes and b_in_bytes of SHA-256. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** l_i_b_str and a zero, in front of DST_prime. */
const LENGTH_BYTES = 3;
const MAX_TAG_BYTES = 255;

/** Room for the two messages that SHA-256 is given, with the parts that the tag and the length fix. */
interface Layout {
  readonly dst: string;
  readonly messageBytes: number;
  /** Z_pad ‖ msg ‖ l_i_b_str ‖ 0 ‖ DST_prime */
  readonly opening: Uint8Array;
  /** b_0 ⊕ b_(i−1) ‖ i ‖ DST_prime */
  readonly chained: Uint8Array;
}

/**
 * RFC 9380 §5.3.1, expand_message_xmd with SHA-256: `length` uniform bytes, at most 255 digests of them. Throws `RangeError`
 * on a tag that is empty or longer than 255 bytes. It keeps the layout of the last message, since a protocol hashes many of
 * the same tag and size, but wipes the message.
 */
export function messageExpander(
  sha256: (bytes: Uint8Array) => Uint8Array,
): (message: Uint8Array, dst: string, length: number) => Uint8Array {
  let layout: Layout | undefined;
  return (message, dst, length) => {
    if (layout?.dst !== dst || layout.messageBytes !== message.length) layout = layoutOf(dst, message.length);
    const { opening, chained } = layout;
    opening.set(message, BLOCK_BYTES);
    opening[BLOCK_BYTES + message.length] = length >> 8;
    opening[BLOCK_BYTES + message.length + 1] = length;
    const first = sha256(opening); // b_0
    opening.fill(0, BLOCK_BYTES, BLOCK_BYTES + message.length);
    chained.set(first);
    const count = Math.ceil(length / DIGEST_BYTES);
    const uniform = new Uint8Array(count * DIGEST_BYTES);
    for (let i = 1; i <= count; i++) {
      chained[DIGEST_BYTES] = i;
      const block = sha256(chained); // b_i
      uniform.set(block, (i - 1) * DIGEST_BYTES);
      for (let k = 0; k < DIGEST_BYTES; k++) chained[k] = first[k]! ^ block[k]!; // strxor(b_0, b_i)
    }
    chained.fill(0, 0, DIGEST_BYTES);
    return uniform.subarray(0, length);
  };
}

function layoutOf(dst: string, messageBytes: number): Layout {
  const suffix = primed(dst);
  const opening = new Uint8Array(BLOCK_BYTES + messageBytes + LENGTH_BYTES + suffix.length);
  opening.set(suffix, BLOCK_BYTES + messageBytes + LENGTH_BYTES);
  const chained = new Uint8Array(DIGEST_BYTES + 1 + suffix.length);
  chained.set(suffix, DIGEST_BYTES + 1);
  return { dst, messageBytes, opening, chained };
}

/** DST_prime: the tag, and its length in one byte. */
function primed(dst: string): Uint8Array {
  const tag = utf8(dst);
  if (tag.length === 0 || tag.length > MAX_TAG_BYTES) {
    throw new RangeError(`a domain separation tag is 1 to ${MAX_TAG_BYTES} bytes, not ${tag.length}`);
  }
  return Uint8Array.of(...tag, tag.length);
}
