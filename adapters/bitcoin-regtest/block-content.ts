import type { Transaction } from "bitcoinjs-lib";
import { admit, decodeTransaction, type Door } from "./admission.ts";
import { spentOutpoint } from "./hash.ts";
import type { Mempool } from "./mempool.ts";
import { MAX_BLOCK_WEIGHT } from "./params.ts";

/** What goes into a block: everything that waits, nothing, or exactly these raw transactions and their parents. */
export type BlockContent = "mempool" | "none" | readonly string[];

/** Room for the header and the coinbase. */
const RESERVED_WEIGHT = 4_000;

/** Transactions for the next block, in an order it can hold. Raw ones replace what conflicts with them, whatever it paid. */
export function chooseTransactions(door: Door, content: BlockContent): readonly Transaction[] {
  if (content === "none") return [];
  if (content === "mempool") return selectForBlock(door.mempool);
  const wanted = new Set<string>();
  for (const rawTx of content) {
    const tx = decodeTransaction(rawTx);
    const txid = tx.getId();
    for (const input of tx.ins) {
      const rival = door.mempool.spend(spentOutpoint(input))?.txid;
      if (rival !== undefined && rival !== txid) door.mempool.evict(rival);
    }
    admit(door, tx);
    for (const id of [txid, ...door.mempool.ancestors(tx)]) wanted.add(id);
  }
  return selectForBlock(door.mempool).filter((tx) => wanted.has(tx.getId()));
}

/** The waiting transactions that fit into one block, in order of arrival; one that is left out leaves out its children. */
function selectForBlock(mempool: Mempool): readonly Transaction[] {
  const left = new Set<string>();
  const chosen: Transaction[] = [];
  let weight = RESERVED_WEIGHT;
  for (const { tx, txid } of mempool.entries()) {
    const size = tx.weight();
    if (weight + size > MAX_BLOCK_WEIGHT || [...mempool.ancestors(tx)].some((id) => left.has(id))) {
      left.add(txid);
      continue;
    }
    chosen.push(tx);
    weight += size;
  }
  return chosen;
}
