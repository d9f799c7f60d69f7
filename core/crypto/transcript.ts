import { transcriptBytes, type TranscriptFields } from "@conclave/bytes";
import { sha512 } from "@noble/hashes/sha2.js";
import type { Group } from "./groups/group.ts";

/** H(tag; fields) as an integer mod q: SHA-512 (FIPS 180-4) reduced, so that its bias is negligible. */
export const transcriptScalar = (group: Group, tag: string, fields: TranscriptFields): bigint =>
  group.reduce(sha512(transcriptBytes(tag, fields)));
