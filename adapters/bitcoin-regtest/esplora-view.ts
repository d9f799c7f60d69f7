import type { ChainBlock, Spend } from "./chain.ts";
import { outpoint } from "./hash.ts";
import type { Regtest } from "./regtest.ts";
import { type Entry, ScriptIndex, type ScriptStats } from "./script-index.ts";

/** A transaction as the server sees it; `block` is null while it waits. */
export interface Sighting {
  readonly entry: Entry;
  readonly block: ChainBlock | null;
}

/** An output that nothing spends, as far as the server knows. */
export interface UnspentOutput extends Sighting {
  readonly vout: number;
}

/**
 * What a server lets out of a chain: all of it, or all but the newest blocks when it withholds some. Transactions of
 * withheld blocks look as if they were waiting.
 */
export class EsploraView {
  readonly #regtest: Regtest;
  /** Height of the newest block shown. */
  readonly height: number;

  constructor(regtest: Regtest) {
    this.#regtest = regtest;
    this.height = Math.max(0, regtest.chain.height - regtest.faults.current.withheldBlocks);
  }

  get tip(): ChainBlock {
    return this.#regtest.chain.at(this.height)!;
  }

  blockAt(height: number): ChainBlock | undefined {
    return height <= this.height ? this.#regtest.chain.at(height) : undefined;
  }

  blockByHash(hash: string): ChainBlock | undefined {
    const block = this.#regtest.chain.byHash(hash);
    return block !== undefined && this.#shows(block) ? block : undefined;
  }

  medianTime(height: number): number {
    return this.#regtest.chain.medianTime(height);
  }

  transaction(txid: string): Sighting | undefined {
    const waiting = this.#regtest.mempool.get(txid);
    if (waiting !== undefined) return { entry: waiting, block: null };
    const confirmed = this.#regtest.chain.transaction(txid);
    if (confirmed === undefined) return undefined;
    const { entry, block } = confirmed;
    if (this.#shows(block)) return { entry, block };
    return entry.prevouts.length === 0 ? undefined : { entry, block: null };
  }

  spend(key: string): Spend | undefined {
    return this.#regtest.mempool.spend(key) ?? this.#regtest.chain.spend(key);
  }

  /** Transactions that touch a script, newest first, waiting and confirmed apart. */
  history(hash: string): { waiting: readonly Sighting[]; confirmed: readonly Sighting[] } {
    const { chain, mempool } = this.#regtest;
    const txids = [...chain.scripts.history(hash), ...mempool.scripts.history(hash)].toReversed();
    const seen = txids.map((txid) => this.transaction(txid)).filter((sighting) => sighting !== undefined);
    return {
      waiting: seen.filter(({ block }) => block === null),
      confirmed: seen.filter(({ block }) => block !== null),
    };
  }

  unspent(hash: string): readonly UnspentOutput[] {
    const { chain, mempool } = this.#regtest;
    const outputs = [...chain.scripts.unspent(hash), ...mempool.scripts.unspent(hash)];
    return outputs.flatMap(({ txid, vout }) => {
      const sighting = this.transaction(txid);
      if (sighting === undefined || mempool.spend(outpoint(txid, vout)) !== undefined) return [];
      return [{ ...sighting, vout }];
    });
  }

  /** Sums over what is confirmed and over what waits. */
  stats(hash: string): { confirmed: Readonly<ScriptStats>; waiting: Readonly<ScriptStats> } {
    const { chain, mempool } = this.#regtest;
    if (this.height === chain.height)
      return { confirmed: chain.scripts.stats(hash), waiting: mempool.scripts.stats(hash) };
    const { waiting, confirmed } = this.history(hash); // the indexes count withheld blocks too
    return { confirmed: statsOf(confirmed, hash), waiting: statsOf(waiting, hash) };
  }

  #shows(block: ChainBlock): boolean {
    return block.height <= this.height;
  }
}

function statsOf(sightings: readonly Sighting[], hash: string): Readonly<ScriptStats> {
  const index = new ScriptIndex();
  for (const { entry } of sightings) index.add(entry);
  return index.stats(hash);
}
