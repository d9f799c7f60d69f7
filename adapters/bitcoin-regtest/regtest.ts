import type { Transaction } from "bitcoinjs-lib";
import { admitPackage, type PackageResult } from "./package.ts";
import { admit, decodeTransaction, type Door, readmit } from "./admission.ts";
import { type BlockContent, chooseTransactions } from "./block-content.ts";
import { Chain, type ChainBlock } from "./chain.ts";
import { faucetTransaction } from "./faucet.ts";
import { FaultSwitch } from "./faults.ts";
import { type ListenOptions, listen, type RegtestServer } from "./http.ts";
import { Mempool } from "./mempool.ts";
import { decodeBlock, mineBlock } from "./mining.ts";
import { BlockInvalid, Rejected } from "./rejected.ts";
import { DEFAULT_POLICY, type RelayPolicy } from "./relay-policy.ts";
import { OP_TRUE, scriptOfAddress } from "./scripts.ts";
import { ChainFile, type Snapshot } from "./snapshot.ts";

/** How to open a chain. Everything may be left out. */
export interface RegtestOptions {
  /** Where the chain lives between runs; without it, in memory only. */
  readonly file?: string;
  /** Unix seconds; the system's clock by default. */
  readonly now?: () => number;
  /** Blocks mined when the chain is new: 100 for maturity, and one for each coin the faucet starts with. */
  readonly premine?: number;
  readonly policy?: Partial<RelayPolicy>;
  /** Mine a block every so many milliseconds until `close`. */
  readonly autoMineMs?: number;
  /** Told when auto-mining failed (a full disk) and stopped. Rethrown from the timer if absent. */
  readonly onAutoMineError?: (error: unknown) => void;
}

export type { BlockContent, PackageResult };

const DEFAULT_PREMINE = 120;
/** Spacing of pre-mined blocks in the past, so that their times look like a chain's. */
const PREMINE_SPACING_SECONDS = 600;

/** Opens a chain: from its file if there is one, else new and pre-mined. Throws `SnapshotCorrupt`. */
export async function openRegtest(options: RegtestOptions = {}): Promise<Regtest> {
  return new Regtest(options);
}

/** A regtest node in this process: chain, mempool, miner, faucet, and an Esplora server on demand. */
export class Regtest {
  readonly chain = new Chain();
  readonly mempool = new Mempool();
  /** What the HTTP servers of this chain do wrong on purpose. */
  readonly faults = new FaultSwitch();
  readonly policy: RelayPolicy;
  readonly now: () => number;
  readonly #file: ChainFile;
  readonly #servers = new Set<RegtestServer>();
  #extraNonce = 0;
  #autoMine: NodeJS.Timeout | undefined;

  constructor(options: RegtestOptions) {
    this.now = options.now ?? ((): number => Math.floor(Date.now() / 1000));
    this.policy = { ...DEFAULT_POLICY, ...options.policy };
    this.#file = new ChainFile(options.file, () => this.#snapshot());
    if (!this.#restore()) this.#premine(options.premine ?? DEFAULT_PREMINE);
    if (options.autoMineMs !== undefined) this.startAutoMine(options.autoMineMs, options.onAutoMineError);
  }

  get height(): number {
    return this.chain.height;
  }

  get tipHash(): string {
    return this.chain.tip.hash;
  }

  /** `sendrawtransaction`: takes a raw transaction (hex) into the mempool and returns its txid. Throws `Rejected`. */
  broadcast(rawTx: string): string {
    const txid = admit(this.#door, decodeTransaction(rawTx));
    this.#file.saveSoon();
    return txid;
  }

  /** `submitpackage`: parents first, then the child that may pay for them. Nothing is taken after the first refusal. */
  submitPackage(rawTxs: readonly string[]): readonly PackageResult[] {
    const results = admitPackage(this.#door, rawTxs);
    this.#file.saveSoon();
    return results;
  }

  /** Raw transaction as hex, waiting or confirmed; null if unknown. */
  rawTransaction(txid: string): string | null {
    return (this.mempool.get(txid) ?? this.chain.transaction(txid)?.entry)?.tx.toHex() ?? null;
  }

  /** Mines `count` blocks and returns their hashes. Rewards go to `to`, by default to the faucet. */
  mine(
    count = 1,
    { transactions = "mempool", to }: { transactions?: BlockContent; to?: string } = {},
  ): readonly string[] {
    const payTo = to === undefined ? OP_TRUE : scriptOfAddress(to);
    const hashes: string[] = [];
    for (let i = 0; i < count; i++) {
      const content = typeof transactions === "string" || i === 0 ? transactions : "mempool";
      hashes.push(this.#mineOne({ payTo, transactions: chooseTransactions(this.#door, content) }).hash);
    }
    this.save();
    return hashes;
  }

  /**
   * Pays `sats` to an address and returns the txid. The payment is mined at once unless `confirm` is false. Throws
   * `AddressInvalid`, `FaucetEmpty`, or `Rejected` for dust.
   */
  faucet(address: string, sats: bigint | number, { confirm = true }: { confirm?: boolean } = {}): string {
    const tx = faucetTransaction(this, { script: scriptOfAddress(address), value: BigInt(sats) });
    const txid = this.broadcast(tx.toHex());
    if (confirm) this.mine(1);
    return txid;
  }

  /**
   * Replaces the newest `depth` blocks by `replacement` others (one more by default; 0 leaves the chain shorter, as
   * Core's invalidateblock does). Their transactions wait again, unless `transactions` conflict with them: raw
   * transactions for the first new block. By default the new blocks are empty.
   */
  reorg(
    depth: number,
    { replacement = depth + 1, transactions = "none" }: { replacement?: number; transactions?: BlockContent } = {},
  ): void {
    if (!Number.isSafeInteger(depth) || depth < 0 || depth > this.height) {
      throw new RangeError(`reorg of ${depth} blocks on a chain of ${this.height}`);
    }
    const waiting = this.mempool.clear();
    const gone = Array.from({ length: depth }, () => this.chain.disconnect()).reverse();
    if (typeof transactions !== "string") for (const rawTx of transactions) admit(this.#door, decodeTransaction(rawTx));
    const returning = [...gone.flatMap(({ entries }) => entries), ...waiting];
    for (const { tx } of returning) readmit(this.#door, tx);
    this.mine(replacement, { transactions });
  }

  /** Forgets a waiting transaction and its children, as after two weeks or a full mempool; returns their txids. */
  dropFromMempool(txid: string): readonly string[] {
    const gone = this.mempool.evict(txid);
    this.#file.saveSoon();
    return gone;
  }

  /** Mines a block every `everyMs` milliseconds, in place of an earlier interval. */
  startAutoMine(everyMs: number, onError?: (error: unknown) => void): void {
    this.stopAutoMine();
    this.#autoMine = setInterval(() => {
      try {
        this.mine(1);
      } catch (cause) {
        this.stopAutoMine();
        if (onError === undefined) throw cause;
        onError(cause);
      }
    }, everyMs);
  }

  stopAutoMine(): void {
    clearInterval(this.#autoMine);
  }

  /** Serves this chain over Esplora's HTTP API on 127.0.0.1. */
  async listen(options: ListenOptions = {}): Promise<RegtestServer> {
    const server = await listen(this, options);
    this.#servers.add(server);
    return server;
  }

  /** Writes the chain to its file now. Does nothing without one. */
  save(): void {
    this.#file.save();
  }

  /** Stops timers and servers and writes what is not yet written. */
  async close(): Promise<void> {
    this.stopAutoMine();
    await Promise.all([...this.#servers].map((server) => server.close()));
    this.#file.flush();
  }

  get #door(): Door {
    return this;
  }

  #mineOne({
    payTo,
    transactions,
    time = this.now(),
  }: {
    payTo: Uint8Array;
    transactions: readonly Transaction[];
    time?: number;
  }): ChainBlock {
    const block = mineBlock({
      previous: this.chain.tip.hash,
      height: this.height + 1,
      time: Math.max(time, this.chain.medianTime() + 1),
      payTo,
      extraNonce: this.#extraNonce++,
      transactions,
      fees: transactions.reduce((sum, tx) => sum + this.mempool.get(tx.getId())!.fee, 0n),
    });
    const connected = this.chain.connect(block);
    for (const { txid } of connected.entries) this.mempool.confirm(txid);
    return connected;
  }

  #premine(count: number): void {
    const now = this.now();
    for (let left = count; left > 0; left--) {
      this.#mineOne({ payTo: OP_TRUE, transactions: [], time: now - (left - 1) * PREMINE_SPACING_SECONDS });
    }
    this.save();
  }

  #restore(): boolean {
    const snapshot = this.#file.read();
    if (snapshot === null) return false;
    this.#extraNonce = snapshot.extraNonce;
    try {
      for (const hex of snapshot.blocks) this.chain.connect(decodeBlock(hex));
      for (const hex of snapshot.mempool) readmit(this.#door, decodeTransaction(hex));
    } catch (cause) {
      if (!(cause instanceof BlockInvalid || cause instanceof Rejected)) throw cause;
      throw this.#file.corrupt(cause);
    }
    return true;
  }

  #snapshot(): Snapshot {
    return {
      blocks: this.chain.blocks.slice(1).map(({ hex }) => hex),
      mempool: this.mempool.entries().map(({ tx }) => tx.toHex()),
      extraNonce: this.#extraNonce,
    };
  }
}
