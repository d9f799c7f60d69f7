/** Coins: unspent outputs that pay the wallet, as one node's view of the chain knows them. */
import { fromHex, record, text, toHex, uint } from "@conclave/bytes";
import type { Schema } from "@conclave/bytes";
import type { Branch } from "./descriptor.ts";
import type { Sats } from "./sats.ts";

/** An output of a transaction. `txid` is 64 lower-case hexadecimal digits, byte-reversed as explorers print it. */
export interface Outpoint {
  readonly txid: string;
  readonly vout: number;
}

const TXID = /^[0-9a-f]{64}$/;

/** True for the printed form of a hash. Accepts anything, as it comes from a server's JSON. */
export const isTxid = (value: unknown): boolean => typeof value === "string" && TXID.test(value);

/** Wire form of a transaction id. */
export const txidSchema: Schema<string> = text({ max: 64, pattern: TXID });

/** Wire form of an outpoint. */
export const outpointSchema: Schema<Outpoint> = record({ txid: txidSchema, vout: uint({ max: 0xffff_ffff }) });

/** `txid:vout`, for maps and sets. */
export const outpointKey = ({ txid, vout }: Outpoint): string => `${txid}:${vout}`;

/** Consensus bytes of a txid (the order in which it is hashed and serialized). */
export const txidBytes = (txid: string): Uint8Array => fromHex(txid).reverse();

/** The printed form of a double SHA-256 that names a transaction or a block. */
export const printHash = (hash: Uint8Array): string => toHex(hash.toReversed());

/** A coin of ours. */
export interface Coin {
  readonly outpoint: Outpoint;
  readonly value: Sats;
  readonly branch: Branch;
  readonly index: number;
  /** Block that holds it; null while it waits in the mempool. */
  readonly height: number | null;
  /** True for an output of a block's first transaction, which matures after 100 blocks. */
  readonly coinbase: boolean;
  /**
   * The whole transaction that made the coin, best without its witnesses (`stripWitnesses`): a P2WPKH signature commits to
   * the value of its own coin only, so every signer wants proof of each. Payments from Taproot need none and ignore it.
   */
  readonly previous?: Uint8Array;
}

const COINBASE_MATURITY = 100;

/** Blocks on top of and including the coin's own. 0 while it waits. */
export const confirmations = (coin: Coin, tipHeight: number): number =>
  coin.height === null ? 0 : Math.max(0, tipHeight - coin.height + 1);

/** False for a coinbase output that consensus does not let the next block spend. */
export const isMature = (coin: Coin, tipHeight: number): boolean =>
  !coin.coinbase || confirmations(coin, tipHeight) >= COINBASE_MATURITY;

/** BIP69's order of inputs: by printed txid, then output number. */
export const compareOutpoints = (a: Outpoint, b: Outpoint): number =>
  a.txid < b.txid ? -1 : a.txid > b.txid ? 1 : a.vout - b.vout;
