import { createHash } from "node:crypto";
import { fromHex, toHex } from "@conclave/bytes";

/** Bitcoin's hash of transactions, headers and Merkle nodes. */
export function doubleSha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(createHash("sha256").update(bytes).digest()).digest();
}

/** A hash in the reversed hex order in which it is written down. */
export const displayHash = (hash: Uint8Array): string => toHex(hash.toReversed());

/** Bytes of a hash as blocks and transactions hold it. */
export const internalHash = (display: string): Uint8Array => fromHex(display).reverse();

/** Esplora's name for a script: SHA-256, in plain order. */
export const scriptHash = (scriptPubKey: Uint8Array): string => createHash("sha256").update(scriptPubKey).digest("hex");
