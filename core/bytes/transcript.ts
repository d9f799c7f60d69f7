/**
 * The one door for hashing. A transcript is a tag and named fields, encoded as canonical CBOR (self-delimiting, so no byte
 * can move from one field to its neighbour) and hashed. Each tag is used in exactly one place; the tidy test keeps that.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { encodeCbor, type Cbor } from "./cbor.ts";

/** What a transcript can hold. Points and scalars enter as their canonical bytes. */
export type TranscriptFields = Readonly<Record<string, Cbor>>;

/** The bytes that are hashed for (tag; fields). */
export function transcriptBytes(tag: string, fields: TranscriptFields): Uint8Array {
  const values: Cbor[] = ["conclave", tag];
  for (const name of Object.keys(fields)) values.push(name, fields[name]!);
  return encodeCbor(values);
}

/** H(tag; fields): 32 bytes, SHA-256. */
export const transcript = (tag: string, fields: TranscriptFields): Uint8Array => sha256(transcriptBytes(tag, fields));
