/**
 * A revision that replaces an earlier one of the same intent. It must conflict with the earlier one in every future (it
 * spends the anchor), pay the same or nobody, and be relayed (BIP125, with full replaceability as nodes apply it now).
 */
import { equalBytes } from "@conclave/bytes";
import { outpointKey } from "./coins.ts";
import type { Outpoint } from "./coins.ts";
import type { KnownCoin } from "./check-payment.ts";
import { feeFor, printFeeRate, rateOf } from "./fee-rate.ts";
import type { FeeRate } from "./fee-rate.ts";
import { signedWeight } from "./payment-view.ts";
import type { PaymentView } from "./payment-view.ts";
import type { Sats } from "./sats.ts";
import { USUAL_SLACK, virtualSize } from "./size.ts";

/** What a replacement is judged against. */
export interface ReplacementContext {
  /** The outpoint that the intent's first signed revision spends, and every later one must. */
  readonly anchor: Outpoint;
  /** Every revision of the intent that was signed before: any of them may be the one that others see. */
  readonly earlier: readonly PaymentView[];
  /** Fees of all waiting transactions that it would evict: the one it replaces and everything that spends from it. */
  readonly evictedFees: Sats;
  /** What a node asks per virtual byte of the replacement on top, 1 sat/vB by default. */
  readonly incrementalRate: FeeRate;
  readonly findCoin: (outpoint: Outpoint) => KnownCoin | undefined;
}

/** Names of the rules for replacements. */
export type ReplacementObjectionCode =
  | "anchor-not-spent"
  | "nothing-to-replace"
  | "payee-altered"
  | "fee-not-raised"
  | "rate-not-raised"
  | "new-unconfirmed-input";

/** One broken rule. */
export interface ReplacementObjection {
  readonly code: ReplacementObjectionCode;
  readonly message: string;
}

/** Every rule that `view` breaks as a replacement. The rules of `checkPayment` hold beside these. */
export function checkReplacement(view: PaymentView, context: ReplacementContext): readonly ReplacementObjection[] {
  const { anchor, earlier } = context;
  const found: ReplacementObjection[] = [];
  if (!view.inputs.some(({ outpoint }) => outpointKey(outpoint) === outpointKey(anchor))) {
    found.push({
      code: "anchor-not-spent",
      message: `the replacement does not spend ${outpointKey(anchor)}, so both could be mined`,
    });
  }
  if (earlier.length === 0) found.push({ code: "nothing-to-replace", message: "no earlier revision was signed" });
  if (!isCancellation(view) && earlier.some((before) => !paysTheSame(view, before))) {
    found.push({
      code: "payee-altered",
      message: "a replacement pays the same recipient, amount and metadata, or only ourselves",
    });
  }
  return [...found, ...checkFees(view, context), ...checkNewInputs(view, context)];
}

/** True if all value but the fee comes back to us. */
export const isCancellation = ({ recipient, metadata, change }: PaymentView): boolean =>
  recipient === null && metadata === null && change !== null;

function paysTheSame(a: PaymentView, b: PaymentView): boolean {
  // Once cancelled, an intent can only be cancelled again.
  if (a.recipient === null || b.recipient === null) return false;
  const sameMetadata =
    a.metadata === null || b.metadata === null ? a.metadata === b.metadata : equalBytes(a.metadata, b.metadata);
  return a.recipient.value === b.recipient.value && equalBytes(a.recipient.script, b.recipient.script) && sameMetadata;
}

/** BIP125 rules 3 and 4, against every earlier revision; and the higher rate that miners' mempools ask for. */
function checkFees(
  view: PaymentView,
  { earlier, evictedFees, incrementalRate }: ReplacementContext,
): readonly ReplacementObjection[] {
  const found: ReplacementObjection[] = [];
  const before = earlier.reduce((most: bigint, { fee }) => (fee > most ? fee : most), evictedFees);
  const needed = before + feeFor(incrementalRate, view.vsize);
  if (view.fee < needed) {
    found.push({
      code: "fee-not-raised",
      message: `a fee of ${view.fee} sat replaces nothing: ${needed} sat are needed`,
    });
  }
  // Nodes see how light an earlier revision turned out; ours is taken as heavy as it may become.
  const outbid = earlier.find((before) => view.fee * BigInt(lightest(before)) <= before.fee * BigInt(view.vsize));
  if (outbid !== undefined) {
    const now = printFeeRate(rateOf(view.fee, view.vsize));
    const then = printFeeRate(rateOf(outbid.fee, lightest(outbid)));
    found.push({
      code: "rate-not-raised",
      message: `${now} sat/vB does not outbid the ${then} sat/vB of an earlier revision`,
    });
  }
  return found;
}

/** Virtual bytes of a signed payment whose ECDSA signatures came out as short as they usually do at best. */
const lightest = (view: PaymentView): number =>
  virtualSize(signedWeight(view) - USUAL_SLACK[view.wallet.scriptType] * view.inputs.length);

/** BIP125 rule 2: no input that waits in the mempool, unless an earlier revision already spent it. */
function checkNewInputs(view: PaymentView, { earlier, findCoin }: ReplacementContext): readonly ReplacementObjection[] {
  const old = new Set(earlier.flatMap(({ inputs }) => inputs.map(({ outpoint }) => outpointKey(outpoint))));
  return view.inputs
    .filter(({ outpoint }) => !old.has(outpointKey(outpoint)) && (findCoin(outpoint)?.height ?? null) === null)
    .map(({ outpoint }) => ({
      code: "new-unconfirmed-input",
      message: `coin ${outpointKey(outpoint)} is new in the replacement and not confirmed`,
    }));
}
