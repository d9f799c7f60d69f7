/** What the model's small numbers stand for in real records. */
import { fromHex } from "@conclave/bytes";
import { parseNodeId } from "@conclave/consensus";

const hexOf = (tag: number, value: number): string =>
  tag.toString(16).padStart(2, "0") + value.toString(16).padStart(62, "0");
const filled = (tag: number, value: number): Uint8Array => fromHex(hexOf(tag, value));

export const WALLET = filled(1, 0);
export const PROOF = filled(2, 0);
export const CONTEXT = filled(3, 0);
export const FOREIGN_TXID = hexOf(7, 0);
export const NODES = Array.from({ length: 8 }, (_, i) => parseNodeId(hexOf(8, i)));
export const outpoint = (coin: number) => ({ txid: hexOf(4, coin), vout: 0 });
export const intentId = (intent: number): Uint8Array => filled(5, intent);
export const txidOf = (revision: number): string => hexOf(6, revision);
export const contentDigest = (revision: number): Uint8Array => filled(9, revision);
