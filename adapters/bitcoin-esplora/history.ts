import { equalBytes } from "@conclave/bytes";
import { ChainLied, ChainRefused, type ChainTransaction, ChainUnreachable } from "./chain.ts";

/** What reading a history takes; Esplora's endpoints of one script. */
export interface HistorySource {
  tipHash(): Promise<string>;
  /** How many confirmed transactions the server says there are. */
  confirmedCount(): Promise<number>;
  /** Waiting transactions and the newest confirmed ones. */
  firstPage(): Promise<readonly ChainTransaction[]>;
  /** Confirmed ones older than `lastTxid`; empty at the end, or if that one has left the history. */
  pageAfter(lastTxid: string): Promise<readonly ChainTransaction[]>;
}

/** Reads of one history before giving up on a chain that moves all the time. */
const MAX_READS = 5;
/** A wallet's scripts are used once; a script with more than this is not a wallet's. */
export const MAX_HISTORY = 5_000;

/**
 * The whole history of a script. Pages are only consistent while the tip stays, and a reorganisation makes later pages
 * silently empty; so the tip is compared before and after, and what came is counted. Throws `ChainLied` if the server
 * keeps holding back a part of what it counts.
 */
export async function readHistory(
  source: HistorySource,
  scriptPubKey: Uint8Array,
): Promise<readonly ChainTransaction[]> {
  let missing: string | null = null;
  for (let read = 0; read < MAX_READS; read++) {
    const before = await source.tipHash();
    const count = await source.confirmedCount();
    if (count > MAX_HISTORY) {
      const message = `a history of ${count} transactions; at most ${MAX_HISTORY} are read`;
      throw new ChainRefused({ code: null, message, raw: message });
    }
    const found = await readPages(source, count);
    if ((await source.tipHash()) !== before) {
      missing = null;
      continue;
    }
    const confirmed = found.filter(({ position }) => position.kind === "confirmed");
    if (confirmed.length === count) {
      checkPrevouts(found, scriptPubKey);
      return found;
    }
    missing = `${confirmed.length} of ${count} confirmed transactions came`;
  }
  if (missing !== null) throw new ChainLied(`history is incomplete: ${missing}`);
  throw new ChainUnreachable(`the chain moved during each of ${MAX_READS} reads of a history`);
}

/** All pages, each transaction once: some servers list waiting ones twice. */
async function readPages(source: HistorySource, count: number): Promise<readonly ChainTransaction[]> {
  const found = new Map<string, ChainTransaction>();
  let confirmed = 0;
  let page = await source.firstPage();
  for (;;) {
    const fresh = page.filter(({ txid }) => !found.has(txid));
    for (const tx of fresh) found.set(tx.txid, tx);
    const last = fresh.findLast(({ position }) => position.kind === "confirmed");
    confirmed = [...found.values()].filter(({ position }) => position.kind === "confirmed").length;
    if (last === undefined || confirmed >= count) return [...found.values()];
    page = await source.pageAfter(last.txid);
  }
}

/** Claimed prevouts against the transactions they come from, wherever both are in the history. */
function checkPrevouts(found: readonly ChainTransaction[], scriptPubKey: Uint8Array): void {
  const byTxid = new Map(found.map((tx) => [tx.txid, tx]));
  for (const { txid, inputs, position } of found) {
    for (const { outpoint, claimedPrevout } of inputs) {
      if (claimedPrevout === null) continue;
      const source = byTxid.get(outpoint.txid);
      const actual = source?.outputs[outpoint.vout];
      if (source === undefined) {
        // Who spends from the script spends an output of the same history.
        if (position.kind === "confirmed" && equalBytes(claimedPrevout.scriptPubKey, scriptPubKey)) {
          throw new ChainLied(`history of a script: ${txid} spends ${outpoint.txid}, which the history leaves out`);
        }
      } else if (
        actual === undefined ||
        actual.value !== claimedPrevout.value ||
        !equalBytes(actual.scriptPubKey, claimedPrevout.scriptPubKey)
      ) {
        throw new ChainLied(`${txid}: what it is said to spend is not output ${outpoint.vout} of ${outpoint.txid}`);
      }
    }
  }
}
