/** Does a payment do what was asked, with coins that this node knows, for a fee that this node accepts? */
import { equalBytes, optional, record, bytes, text } from "@conclave/bytes";
import type { Schema } from "@conclave/bytes";
import { AddressError, dustLimit, parseAddress } from "./address.ts";
import { confirmations, isMature, outpointKey } from "./coins.ts";
import type { Coin, Outpoint } from "./coins.ts";
import { feeFor, feeRateSchema } from "./fee-rate.ts";
import type { FeeRate } from "./fee-rate.ts";
import { checkFee } from "./fees.ts";
import type { FeePolicy, FeeProblemCode } from "./fees.ts";
import { MAX_METADATA_BYTES } from "./payment.ts";
import type { PaymentInput, PaymentView } from "./payment-view.ts";
import { sats, satsSchema } from "./sats.ts";
import type { Sats } from "./sats.ts";
import { CHANGE_DUST, LONG_TERM_RATE } from "./selection.ts";
import { CHANGE_SCRIPT_LENGTH, INPUT_WEIGHT, outputWeight, virtualSize } from "./size.ts";

/** What somebody wants to be paid. */
export interface PaymentRequest {
  /** Address on the wallet's network. */
  readonly recipient: string;
  readonly amount: Sats;
  /** The rate asked for; a replacement carries its own, higher one. */
  readonly feeRate: FeeRate;
  /** Bytes to publish along, or null. */
  readonly metadata: Uint8Array | null;
}

/** Wire form of a request's content. */
export const paymentRequestSchema: Schema<PaymentRequest> = record<{
  recipient: string;
  amount: Sats;
  feeRate: FeeRate;
  metadata: Uint8Array | null;
}>({
  recipient: text({ max: 90 }),
  amount: satsSchema,
  feeRate: feeRateSchema,
  metadata: optional(bytes({ min: 1, max: MAX_METADATA_BYTES })),
});

/** A coin as this node sees it. `spentBy` is the transaction, mined or waiting, that already spends it. */
export interface KnownCoin extends Coin {
  readonly spentBy: string | null;
}

/** What one node requires of every payment it votes for. */
export interface PaymentPolicy {
  readonly fees: FeePolicy;
  readonly maxInputs: number;
  /** 0 allows coins that still wait in the mempool. */
  readonly minConfirmations: number;
  /** Change goes to indices in this range, so that a rescan finds it. Both ends included. */
  readonly changeIndex: { readonly from: number; readonly to: number };
  /** How many blocks ahead of this node's tip another node's tip may be. */
  readonly maxLocktimeAhead: number;
}

/** Everything that one node judges a payment by. */
export interface CheckContext {
  /** Null for a cancellation: all value comes back to us. */
  readonly request: PaymentRequest | null;
  readonly policy: PaymentPolicy;
  /** This node's own view of the chain. */
  readonly findCoin: (outpoint: Outpoint) => KnownCoin | undefined;
  readonly tipHeight: number;
  /** Ids of our own waiting transactions that this one replaces; coins spent by them may be spent again. */
  readonly replaces: ReadonlySet<string>;
}

/** Names of the reasons for a vote of no. */
export type ObjectionCode =
  | FeeProblemCode
  | "recipient-invalid"
  | "recipient-altered"
  | "amount-altered"
  | "metadata-altered"
  | "amount-below-dust"
  | "change-below-dust"
  | "change-index"
  | "change-missing"
  | "unknown-coin"
  | "spent-coin"
  | "wrong-coin-value"
  | "wrong-coin-key"
  | "unconfirmed-coin"
  | "immature-coin"
  | "too-many-inputs"
  | "locktime-ahead"
  | "fee-above-request";

/** One reason for a vote of no. */
export interface Objection {
  readonly code: ObjectionCode;
  /** For people and logs. */
  readonly message: string;
}

/** Every reason against a payment; an empty list is a yes. */
export function checkPayment(view: PaymentView, context: CheckContext): readonly Objection[] {
  const { request, policy, tipHeight } = context;
  const objections: Objection[] = [
    ...(request === null ? checkCancellation(view) : checkRequest(view, request)),
    ...view.inputs.flatMap((input) => checkCoin(input, context)),
    ...checkFee(policy.fees, { fee: view.fee, vsize: view.vsize, amount: view.recipient?.value ?? null }),
    ...checkChange(view, policy),
  ];
  if (view.inputs.length > policy.maxInputs) {
    objections.push(
      objection("too-many-inputs", `${view.inputs.length} inputs where this node signs ${policy.maxInputs}`),
    );
  }
  if (view.locktime > tipHeight + policy.maxLocktimeAhead) {
    objections.push(objection("locktime-ahead", `locktime ${view.locktime} is far above this node's tip ${tipHeight}`));
  }
  return objections;
}

const objection = (code: ObjectionCode, message: string): Objection => ({ code, message });

function checkRequest(view: PaymentView, request: PaymentRequest): readonly Objection[] {
  const { recipient, metadata, wallet, fee, vsize, change } = view;
  const found: Objection[] = [];
  const script = recipientScript(request, wallet.network);
  if (script instanceof AddressError) found.push(objection("recipient-invalid", script.message));
  else if (recipient === null || !equalBytes(recipient.script, script)) {
    found.push(objection("recipient-altered", `the payment does not go to ${request.recipient}`));
  }
  if (recipient !== null && recipient.value !== request.amount) {
    found.push(objection("amount-altered", `the payment is of ${recipient.value} sat, not of ${request.amount}`));
  }
  if (!sameMetadata(metadata, request.metadata))
    found.push(objection("metadata-altered", "the metadata is not what was asked for"));
  const allowed = feeFor(request.feeRate, vsize) + (change === null ? droppedChange(view, request.feeRate) : 0n);
  if (fee > allowed)
    found.push(
      objection(
        "fee-above-request",
        `the fee of ${fee} sat is above the ${allowed} sat that the request's rate allows`,
      ),
    );
  return found;
}

/** The request's address as a script, or why it is none. Every node parses it itself. */
function recipientScript(
  request: PaymentRequest,
  network: PaymentView["wallet"]["network"],
): Uint8Array | AddressError {
  try {
    return parseAddress(request.recipient, network).scriptPubKey;
  } catch (error) {
    if (error instanceof AddressError) return error;
    throw error;
  }
}

const sameMetadata = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === null || b === null ? a === b : equalBytes(a, b);

/** Without change, the fee may hold what would have been change: up to what making and spending it costs, or its dust limit. */
function droppedChange({ wallet }: PaymentView, rate: FeeRate): Sats {
  const output = feeFor(rate, virtualSize(outputWeight(CHANGE_SCRIPT_LENGTH[wallet.scriptType])));
  const spending = feeFor(LONG_TERM_RATE, virtualSize(INPUT_WEIGHT[wallet.scriptType]));
  const dust = CHANGE_DUST[wallet.scriptType];
  return sats(output + (spending > dust ? spending : dust));
}

function checkCancellation({ recipient, metadata, change }: PaymentView): readonly Objection[] {
  const found: Objection[] = [];
  if (recipient !== null) found.push(objection("recipient-altered", "a cancellation pays nobody but ourselves"));
  if (metadata !== null) found.push(objection("metadata-altered", "a cancellation carries no metadata"));
  if (change === null) found.push(objection("change-missing", "a cancellation brings its value back to us"));
  return found;
}

function checkCoin(input: PaymentInput, { findCoin, tipHeight, policy, replaces }: CheckContext): readonly Objection[] {
  const key = outpointKey(input.outpoint);
  const coin = findCoin(input.outpoint);
  if (coin === undefined) return [objection("unknown-coin", `this node knows no coin ${key}`)];
  const found: Objection[] = [];
  const { branch, index } = input.own;
  if (coin.value !== input.value)
    found.push(objection("wrong-coin-value", `coin ${key} holds ${coin.value} sat, not ${input.value}`));
  if (coin.branch !== branch || coin.index !== index)
    found.push(objection("wrong-coin-key", `coin ${key} belongs to another address of ours`));
  if (coin.spentBy !== null && !replaces.has(coin.spentBy)) {
    found.push(objection("spent-coin", `coin ${key} is already spent by ${coin.spentBy}`));
  }
  if (confirmations(coin, tipHeight) < policy.minConfirmations) {
    found.push(objection("unconfirmed-coin", `coin ${key} has fewer than ${policy.minConfirmations} confirmations`));
  }
  if (!isMature(coin, tipHeight))
    found.push(objection("immature-coin", `coin ${key} comes from a block reward and is not mature`));
  return found;
}

function checkChange({ change, recipient, wallet }: PaymentView, { changeIndex }: PaymentPolicy): readonly Objection[] {
  const found: Objection[] = [];
  if (recipient !== null && recipient.value < dustLimit(recipient.script)) {
    found.push(
      objection(
        "amount-below-dust",
        `${recipient.value} sat is below the dust limit of ${dustLimit(recipient.script)}`,
      ),
    );
  }
  if (change === null) return found;
  const dust = CHANGE_DUST[wallet.scriptType];
  if (change.value < dust)
    found.push(objection("change-below-dust", `change of ${change.value} sat is below the dust limit of ${dust}`));
  if (change.index < changeIndex.from || change.index > changeIndex.to) {
    found.push(
      objection("change-index", `change index ${change.index} is not from ${changeIndex.from} to ${changeIndex.to}`),
    );
  }
  return found;
}
