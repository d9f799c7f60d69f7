import { get, type Route, type RouteContext } from "./router.ts";

const RECENT = 10;

/** Satoshis per vbyte by the number of blocks to wait: small, and falling so that presets differ. */
const FEE_STEPS: readonly (readonly [number, number])[] = [
  [1, 5],
  [3, 3],
  [6, 2],
  [144, 1],
];
const FEE_TARGETS: readonly number[] = [...Array.from({ length: 25 }, (_, i) => i + 1), 144, 504, 1008];

function feeEstimates({ regtest }: RouteContext): object {
  if (regtest.faults.current.emptyFeeEstimates) return {};
  const rateFor = (target: number): number => FEE_STEPS.findLast(([from]) => from <= target)![1];
  return Object.fromEntries(FEE_TARGETS.map((target) => [target, rateFor(target)]));
}

function summary({ regtest }: RouteContext): object {
  const entries = regtest.mempool.entries();
  const rates = entries.map(({ fee, vsize }) => [Number(fee) / vsize, vsize] as const);
  return {
    count: entries.length,
    vsize: entries.reduce((sum, { vsize }) => sum + vsize, 0),
    total_fee: Number(entries.reduce((sum, { fee }) => sum + fee, 0n)),
    fee_histogram: rates.sort(([a], [b]) => b - a),
  };
}

function recent({ regtest }: RouteContext): readonly object[] {
  const newest = regtest.mempool.entries().slice(-RECENT).reverse();
  return newest.map(({ txid, fee, vsize, tx }) => ({
    txid,
    fee: Number(fee),
    vsize,
    value: Number(tx.outs.reduce((sum, { value }) => sum + value, 0n)),
  }));
}

export const mempoolRoutes: readonly Route[] = [
  get("/mempool", summary),
  get("/mempool/txids", ({ regtest }) => regtest.mempool.entries().map(({ txid }) => txid)),
  get("/mempool/recent", recent),
  get("/fee-estimates", feeEstimates),
];
