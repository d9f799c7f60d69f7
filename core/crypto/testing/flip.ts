/** A copy of `bytes` with bit `bit` changed, counted from the least significant bit of the first byte. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  changed[bit >> 3]! ^= 1 << (bit & 7);
  return changed;
}
