import type { Transaction } from "bitcoinjs-lib";
import { displayHash, outpoint, scriptHash } from "./hash.ts";

/** An output: its script and its value in satoshis. */
export type Output = Transaction["outs"][number];

/** A transaction with what it spends: looked up once, when it was taken in. */
export interface Entry {
  readonly tx: Transaction;
  readonly txid: string;
  /** The outputs spent, one per input, in order; none for a coinbase. */
  readonly prevouts: readonly Output[];
  /** Satoshis; 0 for a coinbase. */
  readonly fee: bigint;
}

/** Esplora's sums over one script; counts of outputs and satoshis. */
export interface ScriptStats {
  transactions: number;
  funded: number;
  fundedSats: bigint;
  spent: number;
  spentSats: bigint;
}

/** An output that no transaction of its layer spends. */
export interface OwnedOutput {
  readonly txid: string;
  readonly vout: number;
  readonly value: bigint;
}

interface ScriptRecord {
  /** Oldest first. */
  readonly history: Set<string>;
  readonly unspent: Map<string, OwnedOutput>;
  readonly stats: ScriptStats;
}

const emptyStats = (): ScriptStats => ({ transactions: 0, funded: 0, fundedSats: 0n, spent: 0, spentSats: 0n });

/** Who touched which script, kept up to date transaction by transaction. The chain has one, the mempool another. */
export class ScriptIndex {
  readonly #records = new Map<string, ScriptRecord>();

  add({ tx, txid, prevouts }: Entry): void {
    prevouts.forEach((output, i) => {
      const input = tx.ins[i]!;
      const record = this.#touch(output, txid);
      record.unspent.delete(outpoint(displayHash(input.hash), input.index));
      record.stats.spent += 1;
      record.stats.spentSats += output.value;
    });
    tx.outs.forEach((output, vout) => {
      const record = this.#touch(output, txid);
      record.unspent.set(outpoint(txid, vout), { txid, vout, value: output.value });
      record.stats.funded += 1;
      record.stats.fundedSats += output.value;
    });
  }

  /** Undoes `add`. `restore` says which of the outputs spent belong to this layer and become unspent again. */
  remove({ tx, txid, prevouts }: Entry, { restore }: { restore: (outpoint: string) => boolean }): void {
    tx.outs.forEach((output, vout) => {
      const record = this.#leave(output, txid);
      record.unspent.delete(outpoint(txid, vout));
      record.stats.funded -= 1;
      record.stats.fundedSats -= output.value;
    });
    prevouts.forEach((output, i) => {
      const input = tx.ins[i]!;
      const source = displayHash(input.hash);
      const record = this.#leave(output, txid);
      const key = outpoint(source, input.index);
      if (restore(key)) record.unspent.set(key, { txid: source, vout: input.index, value: output.value });
      record.stats.spent -= 1;
      record.stats.spentSats -= output.value;
    });
  }

  /** Txids, oldest first. */
  history(hash: string): readonly string[] {
    return [...(this.#records.get(hash)?.history ?? [])];
  }

  unspent(hash: string): Iterable<OwnedOutput> {
    return this.#records.get(hash)?.unspent.values() ?? [];
  }

  stats(hash: string): Readonly<ScriptStats> {
    return this.#records.get(hash)?.stats ?? emptyStats();
  }

  #touch(output: Output, txid: string): ScriptRecord {
    const record = this.#record(output);
    record.history.add(txid);
    record.stats.transactions = record.history.size;
    return record;
  }

  #leave(output: Output, txid: string): ScriptRecord {
    const record = this.#record(output);
    record.history.delete(txid);
    record.stats.transactions = record.history.size;
    return record;
  }

  #record(output: Output): ScriptRecord {
    const hash = scriptHash(output.script);
    const known = this.#records.get(hash);
    if (known !== undefined) return known;
    const record: ScriptRecord = { history: new Set(), unspent: new Map(), stats: emptyStats() };
    this.#records.set(hash, record);
    return record;
  }
}
