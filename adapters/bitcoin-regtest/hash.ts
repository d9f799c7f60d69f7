import { createHash } from "node:crypto";
import type { Transaction } from "bitcoinjs-lib";

type Input = Transaction["ins"][number];

/** A hash in the reversed hexadecimal order in which people and Esplora write txids and block hashes. */
export const displayHash = (hash: Uint8Array): string => Buffer.from(hash).reverse().toString("hex");

/** The bytes of a displayed hash, in the order they have inside blocks and transactions. */
export const internalHash = (display: string): Uint8Array => Uint8Array.from(Buffer.from(display, "hex").reverse());

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Bitcoin's hash of blocks, transactions and Merkle nodes. */
export function doubleSha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(createHash("sha256").update(bytes).digest()).digest();
}

/** Esplora's name for an output script: plain, not reversed, SHA-256 of its bytes. */
export const scriptHash = (script: Uint8Array): string => createHash("sha256").update(script).digest("hex");

/** One output among all transactions, as a map key: `txid:vout`. */
export const outpoint = (txid: string, vout: number): string => `${txid}:${vout}`;

/** The output that an input spends. */
export const spentOutpoint = (input: Input): string => outpoint(displayHash(input.hash), input.index);
