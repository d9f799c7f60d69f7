/**
 * The outside of every file of a vault: kind (8 bytes), format version (2 bytes, big-endian), body, SHA-256 of all that.
 * The checksum tells damage from everything else (a wrong password, a newer version); authenticity comes from the cipher.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, equalBytes, utf8 } from "@conclave/bytes";
import { VaultError } from "@conclave/custody";
import { corrupt } from "./failures.ts";

/** Raised with every change of a file's layout. */
export const FORMAT_VERSION = 1;

const KIND_BYTES = 8;
const HEAD_BYTES = KIND_BYTES + 2;
const CHECKSUM_BYTES = 32;

export type FileKind = "CNCVKEYS" | "CNCVITEM";

export function frame(kind: FileKind, body: Uint8Array): Uint8Array {
  const checked = concatBytes(utf8(kind), Uint8Array.of(FORMAT_VERSION >> 8, FORMAT_VERSION & 255), body);
  return concatBytes(checked, sha256(checked));
}

/** The body. Throws `VaultError`: `corrupt` for damage, `unavailable` for a newer format. */
export function unframe(kind: FileKind, bytes: Uint8Array, file: string): Uint8Array {
  if (bytes.length < HEAD_BYTES + CHECKSUM_BYTES) throw corrupt(file, "it was cut");
  const checked = bytes.subarray(0, -CHECKSUM_BYTES);
  if (!equalBytes(sha256(checked), bytes.subarray(-CHECKSUM_BYTES)))
    throw corrupt(file, "bytes were changed, added or cut");
  if (!equalBytes(checked.subarray(0, KIND_BYTES), utf8(kind))) throw corrupt(file, "it is another kind of file");
  const version = (checked[KIND_BYTES]! << 8) | checked[KIND_BYTES + 1]!;
  if (version > FORMAT_VERSION)
    throw new VaultError(
      "unavailable",
      `vault file ${file}: format ${version} is newer than this program's ${FORMAT_VERSION}. Start the newer program again`,
    );
  if (version !== FORMAT_VERSION) throw corrupt(file, `unknown format ${version}`);
  return checked.subarray(HEAD_BYTES);
}
