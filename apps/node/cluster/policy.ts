/** The part of a node's configuration that says what the node may approve, and what becomes of it in custody. */
import { strictFields } from "@conclave/api";
import { MAX_RECIPIENTS, MAX_SATS, sats, type SpendingPolicy } from "@conclave/bitcoin";
import { z } from "zod";

const WHOLE_SATS = "must be whole satoshis as a number without quotes, such as 50000 (1 BTC is 100000000)";

const limit = z
  .number({ error: WHOLE_SATS })
  .int({ error: WHOLE_SATS })
  .min(1, { error: "must be at least 1: leave it out for no limit" })
  .max(Number(MAX_SATS), { error: `must be at most ${MAX_SATS}: more will never exist` });

const address = z
  .string({ error: "must be a Bitcoin address, as text" })
  .regex(/^[0-9A-Za-z]{14,90}$/, { error: "must be a Bitcoin address: 14 to 90 letters and digits" });

const LABEL = "must be 1 to 64 letters, digits, spaces or . _ -";

const recipient = z.union(
  [
    address,
    strictFields(
      { label: z.string({ error: LABEL }).regex(/^[A-Za-z0-9._ -]{1,64}$/, { error: LABEL }), address },
      "part of a recipient",
    ),
  ],
  { error: 'must be an address, or like { "label": "rent", "address": "bc1…" }' },
);

/** Every setting of a policy. What is left out does not limit anything. */
export const policyFields = strictFields(
  {
    max_payment_sats: limit.optional(),
    max_daily_sats: limit.optional(),
    recipients: z
      .array(recipient, { error: "must be a list of recipients" })
      .max(MAX_RECIPIENTS, { error: `names at most ${MAX_RECIPIENTS} recipients` })
      .optional(),
    approval: z.enum(["automatic", "manual"], { error: 'must be "automatic" or "manual"' }).default("automatic"),
    approve_above_sats: limit.optional(),
  },
  "setting of the policy",
);

/** What an operator wrote. */
export type PolicyConfig = z.output<typeof policyFields>;

/** The same as custody keeps it. Whether the addresses are of the cluster's network, custody says when it is opened. */
export const spendingOf = (policy: PolicyConfig): SpendingPolicy => ({
  maxPayment: satsOf(policy.max_payment_sats),
  maxDaily: satsOf(policy.max_daily_sats),
  recipients:
    policy.recipients?.map((known) => (typeof known === "string" ? { address: known, label: null } : known)) ?? null,
  approval: policy.approval,
  approveAbove: satsOf(policy.approve_above_sats),
});

const satsOf = (amount: number | undefined) => (amount === undefined ? null : sats(BigInt(amount)));
