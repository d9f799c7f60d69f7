/**
 * Which coins pay for a payment. Every input is a signing ceremony of the whole group, so inputs are few: an exact match
 * without change if there is one (Murch, "An Evaluation of Coin Selection Strategies", 2016, §4.4), otherwise the fewest
 * coins that do, whichever wastes less. Deterministic: the same coins and request give the same answer on every node.
 */
import { assert } from "@conclave/bytes";
import { branchAndBound } from "./branch-and-bound.ts";
import { compareOutpoints, isMature, outpointKey } from "./coins.ts";
import type { Coin } from "./coins.ts";
import { dustLimit } from "./address.ts";
import type { ScriptType } from "./descriptor.ts";
import { feeFor, feeRate } from "./fee-rate.ts";
import type { FeeRate } from "./fee-rate.ts";
import { checkFee } from "./fees.ts";
import type { FeePolicy } from "./fees.ts";
import { MAX_INPUTS, metadataScript } from "./payment.ts";
import { MAX_PREVIOUS_BYTES } from "./previous.ts";
import { MAX_SATS, sats, sumSats } from "./sats.ts";
import type { Sats } from "./sats.ts";
import { FeeTooHigh, FeeTooLow, InsufficientFunds, OutputBelowDust, TooManyInputs } from "./selection-errors.ts";
import { CHANGE_SCRIPT_LENGTH, INPUT_WEIGHT, outputWeight, transactionWeight, virtualSize } from "./size.ts";

/** What spending a coin later is assumed to cost: 10 sat/vB. Splits "cheap now" from "expensive now". */
export const LONG_TERM_RATE: FeeRate = feeRate(10_000n);

/** Change smaller than its dust limit would never be relayed. */
export const CHANGE_DUST: { readonly [T in ScriptType]: Sats } = { p2tr: sats(330n), p2wpkh: sats(294n) };

/** What to pay, from what, under which rules. */
export interface SelectionRequest {
  readonly scriptType: ScriptType;
  readonly coins: readonly Coin[];
  /** `outpointKey` of every coin that another payment holds. */
  readonly locked: ReadonlySet<string>;
  /** Coins that must be spent, as a replacement must spend its anchor. They may be locked: by the payment they replace. */
  readonly required: readonly Coin[];
  readonly tipHeight: number;
  readonly spendUnconfirmed: boolean;
  readonly amount: Sats;
  /** scriptPubKey of the recipient. */
  readonly recipient: Uint8Array;
  /** Bytes to publish along, or null. */
  readonly metadata: Uint8Array | null;
  readonly feeRate: FeeRate;
  readonly policy: FeePolicy;
  /** What one more signature is worth avoiding. */
  readonly signingCost: Sats;
  /** At most `MAX_INPUTS`. */
  readonly maxInputs: number;
}

/** The coins that pay, and what becomes of their value. */
export interface Selection {
  /** In BIP69's order. */
  readonly inputs: readonly Coin[];
  /** Null if the transaction has no change output. */
  readonly change: Sats | null;
  readonly fee: Sats;
  readonly vsize: number;
  /** What this choice costs beyond the ideal, in satoshis; may be negative when spending is cheap now. For comparison only. */
  readonly waste: bigint;
}

/** Throws `OutputBelowDust`, `FeeTooLow`, `FeeTooHigh`, `InsufficientFunds`, `TooManyInputs`. */
export function selectCoins(request: SelectionRequest): Selection {
  const { amount, recipient, policy, maxInputs, required } = request;
  assert(maxInputs >= 1 && maxInputs <= MAX_INPUTS, `a payment has 1 to ${MAX_INPUTS} inputs`);
  assert(required.length <= maxInputs, "the required coins fit into a payment");
  const dust = dustLimit(recipient);
  if (amount < dust) throw new OutputBelowDust(amount, dust);
  if (request.feeRate < policy.minRate) throw new FeeTooLow(request.feeRate, policy.minRate);

  const pool = usableCoins(request);
  const candidates = [exactMatch(request, pool), fewestInputs(request, pool)].filter((found) => found !== undefined);
  const [first, second] = candidates;
  if (first === undefined) throw explainShortage(request, pool);
  const best = second !== undefined && second.waste < first.waste ? second : first;
  const problems = checkFee(policy, { fee: best.fee, vsize: best.vsize, amount });
  if (problems.length > 0) throw new FeeTooHigh(problems);
  return best;
}

/** The most that one payment can carry with these coins, spending without change; 0 if not even its fee is covered. */
export function maxPayable(request: Omit<SelectionRequest, "amount" | "policy" | "signingCost">): Sats {
  return payableWith(request, usableCoins(request));
}

type Pool = readonly Coin[];
type Sizing = Pick<SelectionRequest, "scriptType" | "recipient" | "metadata" | "feeRate">;

/** Spendable coins that are worth more than their own input, largest first; ties in BIP69's order. */
function usableCoins(request: Omit<SelectionRequest, "amount" | "policy" | "signingCost">): Pool {
  const { coins, locked, required, tipHeight, spendUnconfirmed, feeRate, scriptType } = request;
  const excluded = new Set([...locked, ...required.map(({ outpoint }) => outpointKey(outpoint))]);
  const inputCost = feeRate * BigInt(INPUT_WEIGHT[scriptType]);
  return coins
    .filter((coin) => !excluded.has(outpointKey(coin.outpoint)))
    .filter((coin) => (coin.height !== null || spendUnconfirmed) && isMature(coin, tipHeight))
    .filter((coin) => coin.value * SCALE > inputCost && provable(request, [coin]))
    .toSorted((a, b) => (a.value === b.value ? compareOutpoints(a.outpoint, b.outpoint) : a.value > b.value ? -1 : 1));
}

/** Whether the transactions that made P2WPKH coins fit into one payment together. Taproot coins need none. */
const provable = ({ scriptType }: Pick<SelectionRequest, "scriptType">, coins: Pool): boolean =>
  scriptType === "p2tr" || coins.reduce((sum, { previous }) => sum + (previous?.length ?? 0), 0) <= MAX_PREVIOUS_BYTES;

/** As many of the largest coins as a payment may spend, leaving out those that no longer fit beside larger ones. */
function largestCoins(request: Sizing & Pick<SelectionRequest, "required" | "maxInputs">, pool: Pool): Pool {
  const chosen: Coin[] = [];
  for (const coin of pool) {
    if (request.required.length + chosen.length >= request.maxInputs) break;
    if (provable(request, [...request.required, ...chosen, coin])) chosen.push(coin);
  }
  return chosen;
}

/** Weight × millisatoshi per virtual byte is 4000 times satoshis: exact fees without rounding inside the search. */
const SCALE = 4000n;

function weightOf(
  { scriptType, recipient, metadata }: Sizing,
  inputCount: number,
  { change }: { readonly change: boolean },
): number {
  const outputScripts = [recipient.length];
  if (metadata !== null) outputScripts.push(metadataScript(metadata).length);
  if (change) outputScripts.push(CHANGE_SCRIPT_LENGTH[scriptType]);
  return transactionWeight({ scriptType, inputCount, outputScripts });
}

const vsizeOf = (request: Sizing, inputCount: number, options: { readonly change: boolean }): number =>
  virtualSize(weightOf(request, inputCount, options));

/** Fee and change for given inputs, or `undefined` if they do not cover the payment. Change below dust becomes fee. */
function settle(request: SelectionRequest, inputs: Pool): Selection | undefined {
  const left = inputs.reduce((sum, { value }) => sum + value, 0n) - request.amount;
  const vsize = vsizeOf(request, inputs.length, { change: false });
  if (left < feeFor(request.feeRate, vsize)) return undefined;
  const vsizeWithChange = vsizeOf(request, inputs.length, { change: true });
  const change = left - feeFor(request.feeRate, vsizeWithChange);
  return change >= CHANGE_DUST[request.scriptType]
    ? finish(request, inputs, { change: sats(change), fee: sats(left - change), vsize: vsizeWithChange })
    : finish(request, inputs, { change: null, fee: sats(left), vsize });
}

function finish(
  request: SelectionRequest,
  inputs: Pool,
  parts: Pick<Selection, "change" | "fee" | "vsize">,
): Selection {
  const sorted = inputs.toSorted((a, b) => compareOutpoints(a.outpoint, b.outpoint));
  return { ...parts, inputs: sorted, waste: wasteOf(request, inputs.length, parts) };
}

/** Core's metric, plus the ceremonies: inputs at today's rate instead of the long-term one, and change or excess fee. */
function wasteOf(
  request: SelectionRequest,
  inputCount: number,
  { change, fee, vsize }: Pick<Selection, "change" | "fee" | "vsize">,
): bigint {
  const { feeRate, scriptType, signingCost } = request;
  const inputs = (feeRate - LONG_TERM_RATE) * BigInt(INPUT_WEIGHT[scriptType] * inputCount);
  const rest = change === null ? fee - feeFor(feeRate, vsize) : costOfChange(request) / SCALE + signingCost;
  return inputs / SCALE + signingCost * BigInt(inputCount) + rest;
}

/** Scaled: making the change output now, and spending it one day. */
const costOfChange = ({ feeRate, scriptType }: SelectionRequest): bigint =>
  feeRate * BigInt(outputWeight(CHANGE_SCRIPT_LENGTH[scriptType])) + LONG_TERM_RATE * BigInt(INPUT_WEIGHT[scriptType]);

/** Coins that pay exactly enough, with an excess below what change would cost. */
function exactMatch(request: SelectionRequest, pool: Pool): Selection | undefined {
  const { required, scriptType, feeRate, amount, maxInputs } = request;
  const inputCost = feeRate * BigInt(INPUT_WEIGHT[scriptType]);
  const effective = pool.map(({ value }) => value * SCALE - inputCost);
  const fixed = required.reduce((sum, { value }) => sum + value * SCALE - inputCost, 0n);
  const frame = weightOf(request, 0, { change: false });
  const target = amount * SCALE + feeRate * BigInt(frame) - fixed;
  let best: Selection | undefined;
  branchAndBound({
    values: effective,
    target,
    upper: target + costOfChange(request),
    maxCount: maxInputs - required.length,
    found: (indices) => {
      const inputs = [...required, ...indices.map((i) => pool[i]!)];
      const selection = settleWithoutChange(request, inputs);
      if (selection !== undefined && (best === undefined || selection.waste < best.waste)) best = selection;
    },
  });
  return best;
}

function settleWithoutChange(request: SelectionRequest, inputs: Pool): Selection | undefined {
  if (!provable(request, inputs)) return undefined;
  const fee = inputs.reduce((sum, { value }) => sum + value, 0n) - request.amount;
  const vsize = vsizeOf(request, inputs.length, { change: false });
  return fee < feeFor(request.feeRate, vsize)
    ? undefined
    : finish(request, inputs, { change: null, fee: sats(fee), vsize });
}

/** The largest coins until they suffice; then each is swapped for the smallest unused one that still does. */
function fewestInputs(request: SelectionRequest, pool: Pool): Selection | undefined {
  const { required } = request;
  const largest = largestCoins(request, pool);
  for (let count = required.length === 0 ? 1 : 0; count <= largest.length; count++) {
    const chosen = largest.slice(0, count);
    const selection = settle(request, [...required, ...chosen]);
    if (selection !== undefined) {
      return selection.change === null ? selection : settle(request, [...required, ...swapDown(request, chosen, pool)]);
    }
  }
  return undefined;
}

function swapDown(request: SelectionRequest, largest: Pool, pool: Pool): Pool {
  const chosen = [...largest];
  const unused = pool.filter((coin) => !largest.includes(coin));
  for (const [i, coin] of chosen.entries()) {
    for (let j = unused.length - 1; j >= 0; j--) {
      chosen[i] = unused[j]!;
      const inputs = [...request.required, ...chosen];
      const smaller = provable(request, inputs) ? settle(request, inputs) : undefined;
      if (smaller !== undefined && smaller.change !== null) {
        unused[j] = coin;
        break;
      }
      chosen[i] = coin;
    }
  }
  return chosen;
}

function payableWith(request: Sizing & Pick<SelectionRequest, "required" | "maxInputs">, pool: Pool): Sats {
  const inputs = [...request.required, ...largestCoins(request, pool)];
  const total = sumSats(inputs.map(({ value }) => value));
  const fee = feeFor(request.feeRate, vsizeOf(request, inputs.length, { change: false }));
  return total > fee ? sats(total - fee) : sats(0n);
}

function explainShortage(request: SelectionRequest, pool: Pool): InsufficientFunds | TooManyInputs {
  const { required, locked, coins, tipHeight, spendUnconfirmed, amount } = request;
  const limit = required.length + largestCoins(request, pool).length;
  for (let count = 1; count <= pool.length; count++) {
    const inputs = [...required, ...pool.slice(0, count)];
    if (settle(request, inputs) === undefined) continue;
    return new TooManyInputs({ needed: inputs.length, limit, payable: payableWith(request, pool) });
  }
  const fee = feeFor(request.feeRate, vsizeOf(request, Math.max(1, required.length + pool.length), { change: false }));
  const sumOf = (filter: (coin: Coin) => boolean): Sats => sumSats(coins.filter(filter).map(({ value }) => value));
  const isRequired = new Set(required.map(({ outpoint }) => outpointKey(outpoint)));
  const isLocked = (coin: Coin): boolean =>
    locked.has(outpointKey(coin.outpoint)) && !isRequired.has(outpointKey(coin.outpoint));
  return new InsufficientFunds({
    needed: amount + fee > MAX_SATS ? MAX_SATS : sats(amount + fee),
    available: sumSats([...required, ...pool].map(({ value }) => value)),
    locked: sumOf(isLocked),
    unconfirmed: sumOf((coin) => !isLocked(coin) && coin.height === null && !spendUnconfirmed),
    immature: sumOf((coin) => !isLocked(coin) && coin.height !== null && !isMature(coin, tipHeight)),
  });
}
