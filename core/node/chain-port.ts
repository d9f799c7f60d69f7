/**
 * The Bitcoin network as a wallet sees it, through one server that may be slow, wrong or lying.
 *
 * Txids and block hashes are lower-case hex in the order people write them; amounts are bigint satoshis; heights count
 * from 0. What an implementation returns agrees with the hashes involved; what no hash can prove is marked *claimed*.
 */

/** One output among all transactions. */
export interface Outpoint {
  readonly txid: string;
  readonly vout: number;
}

/** Where a transaction stands, as the server claims; `merkleProof` proves it. */
export type Position =
  | { readonly kind: "waiting" }
  | {
      readonly kind: "confirmed";
      readonly height: number;
      readonly blockHash: string;
      /** Unix seconds, from the block's header. */
      readonly blockTime: number;
    };

export interface TransactionOutput {
  readonly scriptPubKey: Uint8Array;
  readonly value: bigint;
}

export interface TransactionInput {
  readonly outpoint: Outpoint;
  readonly sequence: number;
  /** What is spent, *claimed*: no txid commits to it. Null for a coinbase. */
  readonly claimedPrevout: TransactionOutput | null;
}

/** A transaction without its signatures. All but the prevouts and the position is proven by its txid. */
export interface ChainTransaction {
  readonly txid: string;
  readonly version: number;
  readonly lockTime: number;
  readonly inputs: readonly TransactionInput[];
  readonly outputs: readonly TransactionOutput[];
  readonly position: Position;
}

/** An unspent output. Its script and value are proven by its txid; that it is unspent is claimed. */
export interface Utxo extends TransactionOutput {
  readonly outpoint: Outpoint;
  readonly position: Position;
}

export interface Tip {
  readonly height: number;
  readonly hash: string;
  /** Unix seconds in the tip's header: an old one may mean that the server hides newer blocks. */
  readonly time: number;
}

/** A header whose hash was computed from `raw` and meets the target it names. */
export interface BlockHeader {
  readonly hash: string;
  readonly version: number;
  readonly previous: string;
  readonly merkleRoot: string;
  readonly time: number;
  readonly bits: number;
  readonly nonce: number;
  /** The 80 bytes. */
  readonly raw: Uint8Array;
}

/** Proof, already checked, that a transaction is in the block with this header. The height is claimed. */
export interface MerkleProof {
  readonly txid: string;
  readonly height: number;
  readonly header: BlockHeader;
  readonly position: number;
  /** Siblings from the leaf to the root. */
  readonly branch: readonly string[];
}

/** Who spends an output; the spending input was looked up and does spend it. */
export interface Outspend {
  readonly txid: string;
  readonly vin: number;
  readonly position: Position;
}

/** `already-known`: it was in the mempool or in a block before. */
export interface BroadcastResult {
  readonly txid: string;
  readonly outcome: "accepted" | "already-known";
}

/** How old what we know is. */
export interface ChainHealth {
  /** `resting`: after repeated failures the server is left alone until `retryAtMs`. */
  readonly state: "ok" | "failing" | "resting";
  /** When the server last answered properly; null if never. */
  readonly lastAnswerMs: number | null;
  readonly retryAtMs: number | null;
  /** For people: `data is 42 s old`. */
  readonly message: string;
}

/**
 * Every method may throw `ChainUnreachable` (try later, or another server), `ChainRefused` (the server understood and
 * said no) or `ChainLied` (its answer contradicts itself or a hash: do not use this server).
 */
export interface BitcoinChain {
  /** Throws `ChainLied` if the server's first block is not our network's. Other methods call it before their first question. */
  verifyNetwork(): Promise<void>;
  tip(): Promise<Tip>;
  /** Unspent outputs of a script, waiting ones included. */
  utxos(scriptPubKey: Uint8Array): Promise<readonly Utxo[]>;
  /** All transactions that touch a script, newest first, waiting ones at the front. */
  history(scriptPubKey: Uint8Array): Promise<readonly ChainTransaction[]>;
  /** Null if the server does not know it: never seen, dropped, or replaced. */
  transaction(txid: string): Promise<ChainTransaction | null>;
  /** All bytes, signatures included, the caller's to keep; null if unknown. */
  rawTransaction(txid: string): Promise<Uint8Array | null>;
  /** Null if unknown: never seen, dropped, or replaced. */
  status(txid: string): Promise<Position | null>;
  /** Null while nothing known spends it. */
  outspend(outpoint: Outpoint): Promise<Outspend | null>;
  /** Null if the transaction is unknown or waits. */
  merkleProof(txid: string): Promise<MerkleProof | null>;
  /** By height on the server's best chain, or by hash; null if there is none. */
  header(heightOrHash: number | string): Promise<BlockHeader | null>;
  /** Up to `count` headers upwards from a height, each linked to the one before; fewer at the tip. */
  headers(fromHeight: number, count: number): Promise<readonly BlockHeader[]>;
  /**
   * Hands in a signed transaction. May be repeated. The answer is a hint: whether the transaction is on its way shows
   * only in later observation. Throws `ChainRefused` with the node's code and words.
   */
  broadcast(rawTx: Uint8Array): Promise<BroadcastResult>;
  /** Satoshis per vbyte by the number of blocks to wait; may be empty. */
  feeEstimates(): Promise<ReadonlyMap<number, number>>;
  health(): ChainHealth;
}

/** No usable answer came: network, timeout, overload, or resting after such failures. */
export class ChainUnreachable extends Error {
  override readonly name = "ChainUnreachable";
}

/** The server, or the node behind it, said no. */
export class ChainRefused extends Error {
  override readonly name = "ChainRefused";
  /** Bitcoin Core's RPC code (-22 not a transaction, -25 inputs missing or spent, -26 refused by policy); null if none was given. */
  readonly code: number | null;
  /** What the server said, unchanged but shortened. */
  readonly raw: string;
  constructor({ code, message, raw }: { code: number | null; message: string; raw: string }) {
    super(message);
    this.code = code;
    this.raw = raw;
  }
}

/** An answer has the wrong shape or contradicts a hash. */
export class ChainLied extends Error {
  override readonly name = "ChainLied";
}

/** Whether it is the server's fault, and none of ours. It may concern one question only, whatever its name says. */
export const isOfTheChain = (error: unknown): error is ChainUnreachable | ChainRefused | ChainLied =>
  error instanceof ChainUnreachable || error instanceof ChainRefused || error instanceof ChainLied;
