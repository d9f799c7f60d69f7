/**
 * What one operator lets its node approve: how much at a time, how much a day, to whom, and what a person has to look at. Judged
 * from the request alone, which is immutable, so that every revision of a payment gets the same answer.
 */
import { equalBytes } from "@conclave/bytes";
import { AddressError, parseAddress } from "./address.ts";
import type { PaymentRequest } from "./check-payment.ts";
import type { Network } from "./network.ts";
import { MAX_SATS, sats } from "./sats.ts";
import type { Sats } from "./sats.ts";

/** A recipient that payments may go to. */
export interface KnownRecipient {
  readonly address: string;
  /** What the operator calls it; null without a name. */
  readonly label: string | null;
}

/** One node's limits. Nodes of one cluster may have different ones; its hash stands in each vote. */
export interface SpendingPolicy {
  /** Most that one payment gives its recipient; null: any amount. Fees have limits of their own. */
  readonly maxPayment: Sats | null;
  /** Most that the payments promised within any `DAY_MS` give their recipients together; null: any amount. */
  readonly maxDaily: Sats | null;
  /** The address book; null: payments may go to anybody. Empty: to nobody. */
  readonly recipients: readonly KnownRecipient[] | null;
  /** `manual`: this node votes yes only once its operator has approved the payment. */
  readonly approval: "automatic" | "manual";
  /** Where approval is manual: payments of up to so much need none. Null: every payment needs it. */
  readonly approveAbove: Sats | null;
}

/** The window of `maxDaily`: the last 24 hours, whatever the calendar says. */
export const DAY_MS = 86_400_000;

/** More recipients than this are no address book that somebody reads; it also bounds what a policy costs each vote. */
export const MAX_RECIPIENTS = 1_000;

/** Every payment that does what was asked for is approved. */
export const NO_SPENDING_LIMITS: SpendingPolicy = {
  maxPayment: null,
  maxDaily: null,
  recipients: null,
  approval: "automatic",
  approveAbove: null,
};

/** Throws `RangeError`, naming what is wrong, for a policy that contradicts itself or names no address of the network. */
export function checkSpendingPolicy(policy: SpendingPolicy, network: Network): void {
  const { maxPayment, maxDaily, recipients, approval, approveAbove } = policy;
  for (const [name, limit] of Object.entries({ max_payment_sats: maxPayment, max_daily_sats: maxDaily }))
    if (limit !== null && (limit < 1n || limit > MAX_SATS))
      throw new RangeError(`policy.${name} is from 1 to ${MAX_SATS}: leave it out for no limit`);
  if (approval === "automatic" && approveAbove !== null)
    throw new RangeError(
      'policy.approve_above_sats needs "approval": "manual": where approval is automatic nobody is asked',
    );
  if (recipients === null) return;
  if (recipients.length > MAX_RECIPIENTS)
    throw new RangeError(`policy.recipients names ${recipients.length} recipients where ${MAX_RECIPIENTS} are allowed`);
  const labels = recipients.flatMap(({ label }) => (label === null ? [] : [label]));
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice !== undefined)
    throw new RangeError(`policy.recipients calls two addresses "${twice}": name them differently`);
  for (const { address } of recipients) scriptOf(address, network);
}

function scriptOf(address: string, network: Network): Uint8Array {
  try {
    return parseAddress(address, network).scriptPubKey;
  } catch (cause) {
    if (!(cause instanceof AddressError)) throw cause;
    throw new RangeError(
      `policy.recipients names "${address}", which is not an address of this network: ${cause.message}`,
      {
        cause,
      },
    );
  }
}

/** Names of the reasons for which a policy refuses a payment. */
export type SpendingObjectionCode = "above-payment-limit" | "above-daily-limit" | "recipient-not-listed";

export interface SpendingObjection {
  readonly code: SpendingObjectionCode;
  /** For people and logs. */
  readonly message: string;
}

/** Why this node's operator does not let it approve a payment. `promised`: what it promised to others within `DAY_MS`. */
export function checkSpending(
  policy: SpendingPolicy,
  request: Pick<PaymentRequest, "amount" | "recipient">,
  { network, promised }: { readonly network: Network; readonly promised: bigint },
): readonly SpendingObjection[] {
  const { maxPayment, maxDaily, recipients } = policy;
  const { amount, recipient } = request;
  const found: SpendingObjection[] = [];
  if (maxPayment !== null && amount > maxPayment)
    found.push({
      code: "above-payment-limit",
      message: `${amount} sat are above this node's limit of ${maxPayment} sat per payment`,
    });
  if (maxDaily !== null && promised + amount > maxDaily)
    found.push({
      code: "above-daily-limit",
      message: `${amount} sat and the ${promised} sat promised in the last 24 hours are above this node's limit of ${maxDaily} sat per day`,
    });
  if (recipients !== null && findRecipient(recipients, recipient, network) === undefined)
    found.push({ code: "recipient-not-listed", message: `${recipient} is not in this node's address book` });
  return found;
}

/** The entry of the address book that pays the same script, however its address is written. */
export function findRecipient(
  recipients: readonly KnownRecipient[],
  address: string,
  network: Network,
): KnownRecipient | undefined {
  let script: Uint8Array;
  try {
    script = parseAddress(address, network).scriptPubKey;
  } catch (error) {
    // What is no address is in no address book; that it is none is told elsewhere.
    if (error instanceof AddressError) return undefined;
    throw error;
  }
  return recipients.find((known) => equalBytes(parseAddress(known.address, network).scriptPubKey, script));
}

/** Whether a person has to approve a payment of this amount. */
export const needsApproval = ({ approval, approveAbove }: SpendingPolicy, amount: Sats): boolean =>
  approval === "manual" && amount > (approveAbove ?? sats(0n));
