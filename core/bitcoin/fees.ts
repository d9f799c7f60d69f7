/** What a node is ready to pay a miner: every signer holds every payment against its own policy. */
import type { NetworkName } from "./network.ts";
import { feeFor, feeRate, printFeeRate, rateOf } from "./fee-rate.ts";
import type { FeeRate } from "./fee-rate.ts";
import { sats } from "./sats.ts";
import type { Sats } from "./sats.ts";

/** Caps on a fee. All of them hold at once. */
export interface FeePolicy {
  /** Below this rate the network does not relay. */
  readonly minRate: FeeRate;
  readonly maxRate: FeeRate;
  readonly maxAbsolute: Sats;
  /** Largest fee in percent of the amount paid; fees up to `shareAppliesAbove` are exempt, or small payments were impossible. */
  readonly maxShareOfAmount: number;
  readonly shareAppliesAbove: Sats;
}

const REAL_MONEY: FeePolicy = {
  minRate: feeRate(1_000n),
  maxRate: feeRate(500_000n),
  maxAbsolute: sats(1_000_000n),
  maxShareOfAmount: 25,
  shareAppliesAbove: sats(5_000n),
};

const TEST_MONEY: FeePolicy = { ...REAL_MONEY, maxRate: feeRate(1_000_000n), maxAbsolute: sats(10_000_000n) };

/** Sane caps to start from. 1 sat/vB is still what most nodes relay, though Bitcoin Core 30 goes down to 0.1. */
export const defaultFeePolicy: { readonly [N in NetworkName]: FeePolicy } = {
  mainnet: REAL_MONEY,
  testnet: TEST_MONEY,
  testnet4: TEST_MONEY,
  signet: TEST_MONEY,
  regtest: TEST_MONEY,
};

/** Which limit a fee breaks. */
export type FeeProblemCode = "fee-rate-too-low" | "fee-rate-too-high" | "fee-too-high" | "fee-share-too-high";

/** One broken limit. */
export interface FeeProblem {
  readonly code: FeeProblemCode;
  /** For people: the figure and the limit it breaks. */
  readonly message: string;
}

/** Every limit of `policy` that a fee breaks. `amount` is null for a transaction that pays only ourselves. */
export function checkFee(
  policy: FeePolicy,
  { fee, vsize, amount }: { readonly fee: Sats; readonly vsize: number; readonly amount: Sats | null },
): readonly FeeProblem[] {
  const problems: FeeProblem[] = [];
  const found = (code: FeeProblemCode, message: string): void => void problems.push({ code, message });
  const rate = printFeeRate(rateOf(fee, vsize));
  if (fee < feeFor(policy.minRate, vsize)) {
    found(
      "fee-rate-too-low",
      `The fee rate of ${rate} sat/vB is below ${printFeeRate(policy.minRate)}: it would not be relayed.`,
    );
  }
  if (fee > feeFor(policy.maxRate, vsize)) {
    found("fee-rate-too-high", `The fee rate of ${rate} sat/vB is above the limit of ${printFeeRate(policy.maxRate)}.`);
  }
  if (fee > policy.maxAbsolute) {
    found("fee-too-high", `The fee of ${fee} sat is above the limit of ${policy.maxAbsolute}.`);
  }
  if (amount !== null && fee > policy.shareAppliesAbove && fee * 100n > amount * BigInt(policy.maxShareOfAmount)) {
    found(
      "fee-share-too-high",
      `The fee of ${fee} sat is more than ${policy.maxShareOfAmount} % of the amount of ${amount} sat.`,
    );
  }
  return problems;
}

/** A rate, and where it comes from. "floor": the server knows nothing or asks for less than we relay. */
export interface Estimate {
  readonly rate: FeeRate;
  readonly source: "server" | "floor" | "cap";
}

/** The answer of a fee server is not what Esplora documents. */
export class FeeEstimateError extends Error {
  override readonly name = "FeeEstimateError";
}

/**
 * The rate for confirmation within `targetBlocks`, from an Esplora `/fee-estimates` answer (blocks → sat/vB, floats).
 * An empty answer, normal on regtest, gives the policy's floor. Never leaves the policy's range. Throws `FeeEstimateError`.
 */
export function estimateRate(
  answer: unknown,
  { targetBlocks, policy }: { targetBlocks: number; policy: FeePolicy },
): Estimate {
  const known = parseEstimates(answer);
  const fitting = known.findLast(({ blocks }) => blocks <= targetBlocks) ?? known[0];
  if (fitting === undefined || fitting.rate < policy.minRate) return { rate: policy.minRate, source: "floor" };
  if (fitting.rate > policy.maxRate) return { rate: policy.maxRate, source: "cap" };
  return { rate: fitting.rate, source: "server" };
}

function parseEstimates(answer: unknown): { readonly blocks: number; readonly rate: FeeRate }[] {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
    throw new FeeEstimateError("the fee server did not answer with an object of rates");
  }
  const entries = Object.entries(answer).map(([blocks, rate]: [string, unknown]) => {
    if (!/^\d{1,4}$/.test(blocks) || typeof rate !== "number" || !(rate >= 0 && rate <= 1e6)) {
      throw new FeeEstimateError(`the fee server gave no sane rate for ${blocks.slice(0, 10)} blocks`);
    }
    return { blocks: Number(blocks), rate: feeRate(BigInt(Math.ceil(rate * 1000))) };
  });
  return entries.toSorted((a, b) => a.blocks - b.blocks);
}
