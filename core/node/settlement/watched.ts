/** What a node remembers of a payment that it follows on the chain, and how it waits. */
import type { PaymentView } from "@conclave/bitcoin";
import type { RequestId } from "../store/ids.ts";
import type { Timings } from "../timings.ts";

export interface Watched {
  readonly request: RequestId;
  txid: string;
  rawTx: Uint8Array;
  /** When this node last handed it to the chain, and how often in a row; null and 0: never. */
  broadcastMs: number | null;
  broadcasts: number;
  /** Since when the chain shows it waiting; null while it does not. */
  waitingSinceMs: number | null;
  /** The block that holds it, as the server says; null while none does. */
  block: { readonly height: number; readonly hash: string; readonly time: number } | null;
  /** Depth in that very block that the server has proven. */
  provenDepth: number;
  /** Confirmations that were last told; 0 while it is in no block. */
  told: number;
  /** Custody let go of the request. */
  released: boolean;
  /** What an operator should know of it; null while all is well. */
  trouble: string | null;
}

export const newlyWatched = (request: RequestId, txid: string, rawTx: Uint8Array): Watched => ({
  request,
  txid,
  rawTx,
  broadcastMs: null,
  broadcasts: 0,
  waitingSinceMs: null,
  block: null,
  provenDepth: 0,
  told: 0,
  released: false,
  trouble: null,
});

/**
 * Whether it is time to hand a transaction to the chain (again): at once the first time, then after waits that double, so that
 * a server which forgets or refuses what it is given is not asked for ever at the same pace.
 */
export function isBroadcastDue(
  { broadcastMs, broadcasts }: Pick<Watched, "broadcastMs" | "broadcasts">,
  { rebroadcastMs, rebroadcastLongestMs }: Pick<Timings, "rebroadcastMs" | "rebroadcastLongestMs">,
  nowMs: number,
): boolean {
  if (broadcastMs === null) return true;
  const doublings = Math.min(Math.max(broadcasts - 1, 0), MAX_DOUBLINGS);
  return nowMs - broadcastMs >= Math.min(rebroadcastMs * 2 ** doublings, rebroadcastLongestMs);
}

/** More would pass every longest wait that is a safe integer. */
const MAX_DOUBLINGS = 20;

/** Blocks within which a payment whose fee nobody bids against is mined; what the chain asks less for waits longer. */
const DAY_BLOCKS = 144;

/**
 * Why a payment waits, if its fee explains it: it pays less than the chain asks of transactions that have a day's time. Null if
 * it pays enough, or the chain names no price.
 */
export function lowFee(
  { fee, vsize }: Pick<PaymentView, "fee" | "vsize">,
  estimates: ReadonlyMap<number, number>,
): string | null {
  const prices = [...estimates].filter(([blocks]) => blocks <= DAY_BLOCKS).map(([, rate]) => rate);
  if (prices.length === 0) return null;
  const [paid, asked] = [Number(fee) / vsize, Math.min(...prices)];
  if (paid >= asked) return null;
  return `its fee of ${paid.toFixed(1)} sat/vB is too low: the chain asks for ${asked.toFixed(1)} sat/vB`;
}
