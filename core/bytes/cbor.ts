/**
 * CBOR (RFC 8949) in its deterministic form (§4.2.1): the shortest head that holds a length or an integer, and no indefinite
 * lengths. Transcripts encode thousands of small arrays, for which a general encoder spends most of its time on its options.
 */
import { encode as cborEncode } from "cborg";
import { utf8 } from "./bytes.ts";

/** A value in CBOR's data model, as far as we use it. */
export type Cbor = number | bigint | string | boolean | null | Uint8Array | readonly Cbor[];

/** Major types (§3.1), in the upper three bits of a head. */
const [UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY] = [0x00, 0x20, 0x40, 0x60, 0x80];
/** Simple values (§3.3). */
const [FALSE, TRUE, NULL] = [0xf4, 0xf5, 0xf6];
/** The lower five bits of a head whose argument follows in one byte (§3). Smaller arguments stand there themselves. */
const ONE_BYTE = 24;
/** The same by number of bytes that follow, less one: 1, 2, 4 or 8. */
const FOLLOWING = [ONE_BYTE, 25, 0, 26, 0, 0, 0, 27] as const;

/** The one encoding of `value`, in an array of its own: nothing that was encoded stays in memory that others share. */
export function encodeCbor(value: Cbor): Uint8Array {
  const encoded = new Uint8Array(sizeOf(value));
  write(encoded, 0, value);
  return encoded;
}

function sizeOf(value: Cbor): number {
  if (typeof value === "string") {
    const length = isAscii(value) ? value.length : utf8(value).length;
    return headSize(length) + length;
  }
  if (typeof value === "number" && Number.isSafeInteger(value)) return headSize(value < 0 ? -1 - value : value);
  if (value instanceof Uint8Array) return headSize(value.length) + value.length;
  if (Array.isArray(value)) {
    let size = headSize(value.length);
    for (const item of value as readonly Cbor[]) size += sizeOf(item);
    return size;
  }
  return value === null || typeof value === "boolean" ? 1 : rare(value).length;
}

/** Returns where the next value begins. */
function write(to: Uint8Array, at: number, value: Cbor): number {
  if (typeof value === "string") return writeText(to, at, value);
  if (typeof value === "number" && Number.isSafeInteger(value)) {
    return value < 0 ? writeHead(to, at, NEGATIVE, -1 - value) : writeHead(to, at, UNSIGNED, value);
  }
  if (value instanceof Uint8Array) return writeBytes(to, writeHead(to, at, BYTES, value.length), value);
  if (Array.isArray(value)) {
    let next = writeHead(to, at, ARRAY, value.length);
    for (const item of value as readonly Cbor[]) next = write(to, next, item);
    return next;
  }
  if (value === null || typeof value === "boolean") {
    to[at] = value === null ? NULL : value ? TRUE : FALSE;
    return at + 1;
  }
  return writeBytes(to, at, rare(value));
}

/** What no schema of ours holds, but a test that rewrites messages may: fractions, and integers beyond 2^53. */
const rare = (value: Cbor): Uint8Array => cborEncode(value);

function writeBytes(to: Uint8Array, at: number, bytes: Uint8Array): number {
  to.set(bytes, at);
  return at + bytes.length;
}

function writeText(to: Uint8Array, at: number, value: string): number {
  if (!isAscii(value)) {
    const bytes = utf8(value);
    return writeBytes(to, writeHead(to, at, TEXT, bytes.length), bytes);
  }
  const from = writeHead(to, at, TEXT, value.length);
  for (let i = 0; i < value.length; i++) to[from + i] = value.charCodeAt(i);
  return from + value.length;
}

function isAscii(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) >= 0x80) return false;
  return true;
}

function headSize(argument: number): number {
  if (argument < ONE_BYTE) return 1;
  if (argument < 2 ** 8) return 2;
  if (argument < 2 ** 16) return 3;
  return argument < 2 ** 32 ? 5 : 9;
}

/** A major type with its argument, an integer from 0 to 2^53, in as few bytes as hold it. */
function writeHead(to: Uint8Array, at: number, major: number, argument: number): number {
  if (argument < ONE_BYTE) {
    to[at] = major | argument;
    return at + 1;
  }
  const end = at + headSize(argument);
  to[at] = major | FOLLOWING[end - at - 2]!;
  let rest = argument;
  // Not by shifts: they work on 32 bits.
  for (let i = end - 1; i > at; i--) {
    to[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return end;
}
