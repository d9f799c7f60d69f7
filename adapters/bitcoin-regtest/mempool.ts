import { outpoint, spentOutpoint } from "./hash.ts";
import type { Spend } from "./chain.ts";
import { type Entry, type Output, ScriptIndex } from "./script-index.ts";

/** A transaction that waits for a block. */
export interface MempoolEntry extends Entry {
  /** Virtual bytes. */
  readonly vsize: number;
  /** When it came in, Unix seconds. */
  readonly arrived: number;
}

/** Unconfirmed transactions in the order of arrival, so that a parent always stands before its children. */
export class Mempool {
  readonly #entries = new Map<string, MempoolEntry>();
  readonly #spends = new Map<string, Spend>();
  readonly scripts = new ScriptIndex();

  get size(): number {
    return this.#entries.size;
  }

  /** Oldest first. */
  entries(): readonly MempoolEntry[] {
    return [...this.#entries.values()];
  }

  get(txid: string): MempoolEntry | undefined {
    return this.#entries.get(txid);
  }

  /** The output at an outpoint, if a waiting transaction makes it; spent or not. */
  output(txid: string, vout: number): Output | undefined {
    return this.#entries.get(txid)?.tx.outs[vout];
  }

  spend(key: string): Spend | undefined {
    return this.#spends.get(key);
  }

  add(entry: MempoolEntry): void {
    this.#entries.set(entry.txid, entry);
    this.scripts.add(entry);
    entry.tx.ins.forEach((input, vin) => this.#spends.set(spentOutpoint(input), { txid: entry.txid, vin }));
  }

  /** Takes out one transaction and leaves its children: it was confirmed. */
  confirm(txid: string): void {
    const entry = this.#entries.get(txid);
    if (entry === undefined) return;
    this.#entries.delete(txid);
    for (const input of entry.tx.ins) this.#spends.delete(spentOutpoint(input));
    this.scripts.remove(entry, { restore: (key) => this.#entries.has(key.slice(0, 64)) });
  }

  /** Takes out a transaction and everything that spends from it; returns their txids, children first. */
  evict(txid: string): readonly string[] {
    const gone = [...this.descendants(txid)].reverse();
    for (const id of gone) this.confirm(id);
    return gone;
  }

  clear(): readonly MempoolEntry[] {
    const entries = this.entries();
    for (const { txid } of entries.toReversed()) this.confirm(txid);
    return entries;
  }

  /** The transaction and all that spend from it, directly or not, parents first. Empty if it is not here. */
  descendants(txid: string): ReadonlySet<string> {
    const found = new Set<string>();
    const queue = this.#entries.has(txid) ? [txid] : [];
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      found.delete(id); // seen again by a longer way: it belongs behind its other parent
      found.add(id);
      for (const child of this.#children(id)) queue.push(child);
    }
    return found;
  }

  /** The transactions and everything that spends from them. */
  withDescendants(txids: Iterable<string>): ReadonlySet<string> {
    const all = new Set<string>();
    for (const txid of txids) for (const id of this.descendants(txid)) all.add(id);
    return all;
  }

  /** All unconfirmed transactions that the given inputs build on, directly or not. */
  ancestors(tx: Entry["tx"]): ReadonlySet<string> {
    const found = new Set<string>();
    const queue = [tx];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const input of next.ins) {
        const id = spentOutpoint(input).slice(0, 64);
        const parent = this.#entries.get(id);
        if (parent === undefined || found.has(id)) continue;
        found.add(id);
        queue.push(parent.tx);
      }
    }
    return found;
  }

  #children(txid: string): readonly string[] {
    const outputs = this.#entries.get(txid)!.tx.outs;
    const children = outputs.map((_, vout) => this.#spends.get(outpoint(txid, vout))?.txid);
    return [...new Set(children.filter((id) => id !== undefined))];
  }
}
