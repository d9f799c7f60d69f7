/**
 * The journal's format: a first line, then records of length ‖ CRC-32 ‖ body, numbers least significant byte first. A body
 * keeps a message until a second, or forgets one by its signature. What a crash tore is recognised and ends the file.
 */
import { readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { MAX_MESSAGE_BYTES } from "@conclave/relay";

export const FIRST_LINE = Buffer.from("conclave relay messages 1\n");

const HEAD_BYTES = 8;
const KIND = { keep: 1, forget: 2 } as const;
const UNTIL_BYTES = 8;
const SIGNATURE_BYTES = 64;
const MAX_BODY_BYTES = 1 + UNTIL_BYTES + MAX_MESSAGE_BYTES;

/** What `keepRecord` has around a message. */
export const RECORD_OVERHEAD_BYTES = HEAD_BYTES + 1 + UNTIL_BYTES;

export type JournalRecord =
  | { readonly kind: "keep"; readonly untilSecond: number; readonly message: Uint8Array; readonly signature: string }
  | { readonly kind: "forget"; readonly signature: string };

export function keepRecord(message: Uint8Array, untilSecond: number): Buffer {
  const record = Buffer.alloc(RECORD_OVERHEAD_BYTES + message.length);
  record[HEAD_BYTES] = KIND.keep;
  record.writeBigUInt64LE(BigInt(untilSecond), HEAD_BYTES + 1);
  record.set(message, RECORD_OVERHEAD_BYTES);
  return sealed(record);
}

/** `signature` in hexadecimal. */
export function forgetRecord(signature: string): Buffer {
  const record = Buffer.alloc(HEAD_BYTES + 1 + SIGNATURE_BYTES);
  record[HEAD_BYTES] = KIND.forget;
  record.write(signature, HEAD_BYTES + 1, "hex");
  return sealed(record);
}

function sealed(record: Buffer): Buffer {
  const body = record.subarray(HEAD_BYTES);
  record.writeUInt32LE(body.length, 0);
  record.writeUInt32LE(crc32(body), 4);
  return record;
}

/** Reads from `offset` on, up to the end or the first record that is torn or damaged. Yields each with the offset behind it. */
export function* readRecords(fd: number, offset: number): Generator<{ record: JournalRecord; end: number }> {
  const head = Buffer.alloc(HEAD_BYTES);
  let at = offset;
  while (readSync(fd, head, 0, HEAD_BYTES, at) === HEAD_BYTES) {
    const length = head.readUInt32LE(0);
    if (length === 0 || length > MAX_BODY_BYTES) return;
    const body = Buffer.alloc(length);
    if (readSync(fd, body, 0, length, at + HEAD_BYTES) !== length || crc32(body) !== head.readUInt32LE(4)) return;
    const record = parsed(body);
    if (record === null) return;
    at += HEAD_BYTES + length;
    yield { record, end: at };
  }
}

function parsed(body: Buffer): JournalRecord | null {
  if (body[0] === KIND.forget && body.length === 1 + SIGNATURE_BYTES)
    return { kind: "forget", signature: body.toString("hex", 1) };
  if (body[0] !== KIND.keep || body.length < 1 + UNTIL_BYTES + SIGNATURE_BYTES) return null;
  return {
    kind: "keep",
    untilSecond: Number(body.readBigUInt64LE(1)),
    message: new Uint8Array(body.subarray(1 + UNTIL_BYTES)),
    signature: body.toString("hex", body.length - SIGNATURE_BYTES),
  };
}
