import type { Block, Transaction } from "bitcoinjs-lib";
import { checkBlock, checkCoinbaseValue } from "./block-rules.ts";
import { displayHash, outpoint, spentOutpoint } from "./hash.ts";
import { genesisBlock, MEDIAN_TIME_SPAN } from "./params.ts";
import { BlockInvalid, Rejected } from "./rejected.ts";
import { type Entry, ScriptIndex } from "./script-index.ts";
import {
  checkInputs,
  checkTransaction,
  type Coin,
  isCoinbase,
  isFinal,
  sequenceLocksPass,
  type SpendContext,
} from "./transaction-rules.ts";

/** A connected block. */
export interface ChainBlock {
  readonly block: Block;
  /** The block's bytes: kept, because every snapshot writes all of them. */
  readonly hex: string;
  readonly hash: string;
  readonly height: number;
  readonly entries: readonly Entry[];
  /** What the block spent, for disconnecting it: outpoint and coin. */
  readonly undo: readonly (readonly [string, Coin])[];
}

/** Who spends an output. */
export interface Spend {
  readonly txid: string;
  readonly vin: number;
}

/** A confirmed transaction and where. */
export interface Confirmed {
  readonly entry: Entry;
  readonly block: ChainBlock;
  readonly position: number;
}

/** The best chain: blocks, coins and indexes, each updated block by block. */
export class Chain {
  readonly #blocks: ChainBlock[] = [];
  readonly #byHash = new Map<string, ChainBlock>();
  readonly #transactions = new Map<string, Confirmed>();
  readonly #spends = new Map<string, Spend>();
  readonly #coins = new Map<string, Coin>();
  readonly scripts = new ScriptIndex();

  constructor() {
    const block = genesisBlock();
    const tx = block.transactions![0]!;
    const entry: Entry = { tx, txid: tx.getId(), prevouts: [], fee: 0n };
    // The first coinbase is in the index but not among the coins: it cannot be spent (Core, ConnectBlock).
    this.#append({ block, hex: block.toHex(), hash: block.getId(), height: 0, entries: [entry], undo: [] });
  }

  get tip(): ChainBlock {
    return this.#blocks.at(-1)!;
  }

  get height(): number {
    return this.#blocks.length - 1;
  }

  /** All blocks, from the first. */
  get blocks(): readonly ChainBlock[] {
    return this.#blocks;
  }

  at(height: number): ChainBlock | undefined {
    return this.#blocks[height];
  }

  byHash(hash: string): ChainBlock | undefined {
    return this.#byHash.get(hash);
  }

  transaction(txid: string): Confirmed | undefined {
    return this.#transactions.get(txid);
  }

  /** The coin at an outpoint, if it exists and no block spent it. */
  coin(key: string): Coin | undefined {
    return this.#coins.get(key);
  }

  spend(key: string): Spend | undefined {
    return this.#spends.get(key);
  }

  /** Median of the times of the 11 blocks up to `height`, Unix seconds (BIP113). */
  medianTime(height = this.height): number {
    const times = this.#blocks
      .slice(Math.max(0, height - MEDIAN_TIME_SPAN + 1), height + 1)
      .map(({ block }) => block.timestamp)
      .sort((a, b) => a - b);
    return times[times.length >> 1] ?? 0;
  }

  /** What time and height rules see in the next block. */
  nextContext(): SpendContext {
    return {
      height: this.height + 1,
      medianTime: this.medianTime(),
      medianTimeBefore: (height) => this.medianTime(Math.max(0, height - 1)),
    };
  }

  /**
   * Adds a block on top of the tip. Throws `BlockInvalid` and changes nothing if it breaks a rule. Signatures are not
   * checked again: that happened where the transaction came in, and a stored chain is sealed by its digest.
   */
  connect(block: Block): ChainBlock {
    const height = this.height + 1;
    checkBlock(block, { height, previous: this.tip.hash, medianTime: this.medianTime() });
    const { entries, undo } = this.#spendAll(block.transactions!, height);
    const fees = entries.reduce((sum, entry) => sum + entry.fee, 0n);
    checkCoinbaseValue(block, { height, fees });
    const connected: ChainBlock = { block, hex: block.toHex(), hash: block.getId(), height, entries, undo };
    this.#append(connected);
    this.#applyCoins(connected);
    return connected;
  }

  /** Takes the tip off and returns it. The first block stays. */
  disconnect(): ChainBlock {
    if (this.height === 0) throw new RangeError("the first block cannot be disconnected");
    const gone = this.#blocks.pop()!;
    this.#byHash.delete(gone.hash);
    for (const entry of gone.entries.toReversed()) this.#unindex(entry);
    for (const [key, coin] of gone.undo) this.#coins.set(key, coin);
    // A coin made and spent inside the block is in `undo` as well: it goes with its transaction.
    for (const { tx, txid } of gone.entries) tx.outs.forEach((_, vout) => this.#coins.delete(outpoint(txid, vout)));
    return gone;
  }

  /** Runs every transaction of a block against the coins, without changing them. */
  #spendAll(transactions: readonly Transaction[], height: number): Pick<ChainBlock, "entries" | "undo"> {
    const made = new Map<string, Coin>();
    const undo = new Map<string, Coin>();
    const context = this.nextContext();
    const take = (key: string): Coin => {
      const coin = undo.has(key) ? undefined : (made.get(key) ?? this.#coins.get(key));
      if (coin === undefined) throw new BlockInvalid(`bad-txns-inputs-missingorspent: ${key}`);
      undo.set(key, coin);
      return coin;
    };
    const entries = transactions.map((tx): Entry => {
      const txid = tx.getId();
      const coinbase = isCoinbase(tx);
      const coins = coinbase ? [] : tx.ins.map((input) => take(spentOutpoint(input)));
      const fee = coinbase ? 0n : this.#checkInBlock(tx, coins, context);
      tx.outs.forEach((output, vout) => made.set(outpoint(txid, vout), { ...output, height, coinbase }));
      return { tx, txid, prevouts: coins.map(({ script, value }) => ({ script, value })), fee };
    });
    return { entries, undo: [...undo] };
  }

  #checkInBlock(tx: Transaction, coins: readonly Coin[], context: SpendContext): bigint {
    try {
      checkTransaction(tx);
      if (!isFinal(tx, context)) throw new BlockInvalid("bad-txns-nonfinal");
      if (!sequenceLocksPass(tx, coins, context)) throw new BlockInvalid("bad-txns-nonfinal, BIP68");
      return checkInputs(tx, coins, context.height);
    } catch (cause) {
      if (cause instanceof Rejected) throw new BlockInvalid(cause.message, { cause });
      throw cause;
    }
  }

  #append(connected: ChainBlock): void {
    this.#blocks.push(connected);
    this.#byHash.set(connected.hash, connected);
    connected.entries.forEach((entry, position) => {
      this.#transactions.set(entry.txid, { entry, block: connected, position });
      this.scripts.add(entry);
      if (entry.prevouts.length === 0) return;
      entry.tx.ins.forEach((input, vin) => this.#spends.set(spentOutpoint(input), { txid: entry.txid, vin }));
    });
  }

  #applyCoins({ entries, undo, height }: ChainBlock): void {
    for (const { tx, txid, prevouts } of entries) {
      const coinbase = prevouts.length === 0;
      tx.outs.forEach((output, vout) => {
        if (output.script[0] !== 0x6a) this.#coins.set(outpoint(txid, vout), { ...output, height, coinbase });
      });
    }
    for (const [key] of undo) this.#coins.delete(key);
  }

  #unindex(entry: Entry): void {
    this.#transactions.delete(entry.txid);
    this.scripts.remove(entry, { restore: () => true });
    if (entry.prevouts.length === 0) return;
    for (const { hash, index } of entry.tx.ins) this.#spends.delete(outpoint(displayHash(hash), index));
  }
}
