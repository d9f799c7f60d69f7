/** One node's proposal for a payment: coins chosen, change placed, bytes built. What the others then check on their own. */
import { parseAddress } from "./address.ts";
import type { PaymentRequest } from "./check-payment.ts";
import type { Coin } from "./coins.ts";
import type { Wallet } from "./descriptor.ts";
import { feeFor } from "./fee-rate.ts";
import type { FeeRate } from "./fee-rate.ts";
import { checkFee } from "./fees.ts";
import type { FeePolicy } from "./fees.ts";
import { buildPayment } from "./payment.ts";
import { readPayment } from "./read-payment.ts";
import type { PaymentView } from "./payment-view.ts";
import { sats, sumSats } from "./sats.ts";
import type { Sats } from "./sats.ts";
import { CHANGE_DUST, selectCoins } from "./selection.ts";
import type { SelectionRequest } from "./selection.ts";
import { FeeTooHigh, InsufficientFunds } from "./selection-errors.ts";
import { CHANGE_SCRIPT_LENGTH, transactionWeight, virtualSize } from "./size.ts";

/** What a payment is drafted from: the request, this node's coins, and its rules for choosing among them. */
export interface PaymentDraft extends Pick<
  SelectionRequest,
  "coins" | "locked" | "required" | "tipHeight" | "spendUnconfirmed" | "policy" | "signingCost" | "maxInputs"
> {
  readonly request: PaymentRequest;
  /** First index of the change branch that was never used. */
  readonly changeIndex: number;
}

/** Throws `AddressError` and everything that `selectCoins` throws. */
export function draftPayment(wallet: Wallet, draft: PaymentDraft): PaymentView {
  const { request, changeIndex, tipHeight } = draft;
  const { amount, feeRate, metadata } = request;
  const recipient = parseAddress(request.recipient, wallet.network).scriptPubKey;
  const { scriptType } = wallet;
  const { inputs, change } = selectCoins({ ...draft, scriptType, amount, feeRate, metadata, recipient });
  const psbt = buildPayment(wallet, {
    inputs,
    recipient: { script: recipient, value: amount },
    metadata,
    change: change === null ? null : { index: changeIndex, value: change },
    locktime: tipHeight,
  });
  return readPayment(psbt, wallet);
}

/** What a cancellation is drafted from. */
export interface CancellationDraft {
  /** The coins of the payment to cancel, its anchor among them. */
  readonly inputs: readonly Coin[];
  readonly changeIndex: number;
  readonly tipHeight: number;
  readonly feeRate: FeeRate;
  /** Fees of the waiting transactions that it evicts, which it must pay again (BIP125 rule 3). */
  readonly evictedFees: Sats;
  /** What relaying the replacement costs on top (BIP125 rule 4). */
  readonly incrementalRate: FeeRate;
  readonly policy: FeePolicy;
}

/** A transaction that brings the coins of an unfinished payment back to us. Throws `FeeTooHigh`, `InsufficientFunds`. */
export function draftCancellation(wallet: Wallet, draft: CancellationDraft): PaymentView {
  const { inputs, changeIndex, tipHeight, feeRate, evictedFees, incrementalRate, policy } = draft;
  const { scriptType } = wallet;
  const outputScripts = [CHANGE_SCRIPT_LENGTH[scriptType]];
  const vsize = virtualSize(transactionWeight({ scriptType, inputCount: inputs.length, outputScripts }));
  const [asked, relayed] = [feeFor(feeRate, vsize), sats(evictedFees + feeFor(incrementalRate, vsize))];
  const fee = asked > relayed ? asked : relayed;
  const available = sumSats(inputs.map(({ value }) => value));
  const needed = sats(fee + CHANGE_DUST[scriptType]);
  const none = sats(0n);
  if (available < needed)
    throw new InsufficientFunds({ needed, available, locked: none, unconfirmed: none, immature: none });
  const problems = checkFee(policy, { fee, vsize, amount: null });
  if (problems.length > 0) throw new FeeTooHigh(problems);
  const change = { index: changeIndex, value: sats(available - fee) };
  return readPayment(
    buildPayment(wallet, { inputs, recipient: null, metadata: null, change, locktime: tipHeight }),
    wallet,
  );
}
