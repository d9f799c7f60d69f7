/** One node's signature on a charter, as its operator sends it to the others. */
import { readFileSync } from "node:fs";
import { codec, fixedBytes, record, type CodecOf } from "@conclave/bytes";
import { nodeId } from "@conclave/consensus";
import { FileUnusable, writePrivate } from "../private-files.ts";
import { parseToken, printToken } from "../tokens.ts";

const signatureCodec = codec(
  record({
    /** Hash of the charter: says of a signature that fits no charter here which one it was meant for. */
    charter: fixedBytes(32),
    node: nodeId,
    signature: fixedBytes(64),
  }),
);

export type CharterSignature = CodecOf<typeof signatureCodec>;

export const writeSignature = (file: string, signature: CharterSignature): void =>
  writePrivate(file, printToken("signature", signatureCodec.encode(signature)));

/** Throws `FileUnusable` naming the file. */
export function readSignature(file: string): CharterSignature {
  try {
    return signatureCodec.decode(parseToken("signature", readFileSync(file, "utf8")));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "is not there" : `cannot be read: ${told(cause)}`;
    throw new FileUnusable(`${file} ${why}`, { cause });
  }
}

const told = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
