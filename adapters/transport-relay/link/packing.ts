/** Frames in a packet: each behind its length. Many short ones share a signature and a seal. */
import { concatBytes } from "@conclave/bytes";

const LENGTH_BYTES = 4;
/** Small enough that a lost packet costs little, large enough that a signature per packet does not count. */
const PACKED_BYTES = 64 << 10;

/** How many of the first frames go into one packet: at least one, however long. */
export function fitting(frames: readonly Uint8Array[], from: number): number {
  let bytes = 0;
  let count = 0;
  for (let at = from; at < frames.length; at++) {
    bytes += LENGTH_BYTES + frames[at]!.length;
    if (count > 0 && bytes > PACKED_BYTES) break;
    count += 1;
  }
  return count;
}

export const pack = (frames: readonly Uint8Array[]): Uint8Array =>
  concatBytes(...frames.flatMap((frame) => [lengthOf(frame), frame]));

/** Each frame as an array of its own; null for bytes that `pack` does not make of frames up to `maxBytes`. */
export function unpack(packed: Uint8Array, maxBytes: number): readonly Uint8Array[] | null {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < packed.length;) {
    if (packed.length - at < LENGTH_BYTES) return null;
    const length = view.getUint32(at);
    at += LENGTH_BYTES;
    if (length > maxBytes || length > packed.length - at) return null;
    frames.push(packed.slice(at, at + length));
    at += length;
  }
  return frames;
}

function lengthOf(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES);
  new DataView(bytes.buffer).setUint32(0, frame.length);
  return bytes;
}
