import { concatBytes as nobleConcat, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** Characters that are made into text at once: a call takes as many arguments. */
const CHUNK_CHARACTERS = 4_096;

const DIGITS = utf8ToBytes("0123456789abcdef");

/**
 * Lower-case hexadecimal. The text is made in one piece: one put together digit by digit keeps every piece, a kilobyte for a hash,
 * and names made of hashes are what a node holds most of.
 */
export function toHex(bytes: Uint8Array): string {
  const characters = new Uint8Array(2 * bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    characters[2 * i] = DIGITS[bytes[i]! >> 4]!;
    characters[2 * i + 1] = DIGITS[bytes[i]! & 15]!;
  }
  if (characters.length <= CHUNK_CHARACTERS) return textOf(characters);
  let text = "";
  for (let at = 0; at < characters.length; at += CHUNK_CHARACTERS)
    text += textOf(characters.subarray(at, at + CHUNK_CHARACTERS));
  return text;
}

const textOf = (characters: Uint8Array): string => Reflect.apply(String.fromCharCode, null, characters);

/** True for an even number of hexadecimal digits, of exactly `length` bytes if given. */
export const isHex = (value: string, length?: number): boolean =>
  /^(?:[0-9a-f]{2})*$/i.test(value) && (length === undefined || value.length === 2 * length);

/** Bytes of a hexadecimal string. Throws on an odd number of digits or any other character. */
export const fromHex = (hex: string): Uint8Array => hexToBytes(hex);

/** Bytes of a string, UTF-8. */
export const utf8 = (value: string): Uint8Array => utf8ToBytes(value);

/** One array out of many. For wire and storage layouts of fixed-width parts; hashing goes through `transcript`. */
export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => nobleConcat(...parts);

/** Messages of 50 KB are compared: word by word, wherever they begin. */
const WORD_BYTES = 4;

/** True if both hold the same bytes. The running time depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const whole = a.length - (a.length % WORD_BYTES);
  let difference = 0;
  if (whole > 0) {
    const [left, right] = [viewOf(a), viewOf(b)];
    for (let i = 0; i < whole; i += WORD_BYTES) difference |= left.getInt32(i) ^ right.getInt32(i);
  }
  for (let i = whole; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Lexicographic order; a proper prefix comes first. Not constant-time: for public values. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Bytewise exclusive or of arrays of equal length. */
export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length !== b.length) throw new RangeError(`xor of ${a.length} and ${b.length} bytes`);
  const sum = new Uint8Array(a.length);
  for (let i = 0; i < sum.length; i++) sum[i] = a[i]! ^ b[i]!;
  return sum;
}

/** Text of UTF-8 bytes. Throws `URIError` on anything that is not well-formed UTF-8. */
export function utf8Decode(bytes: Uint8Array): string {
  let escaped = "";
  for (const byte of bytes) escaped += `%${byte.toString(16).padStart(2, "0")}`;
  return decodeURIComponent(escaped);
}
