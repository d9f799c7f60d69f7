/** What an operator lets its node approve: every limit at its edge, every policy that contradicts itself. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PaymentRequest } from "./check-payment.ts";
import { feeRate } from "./fee-rate.ts";
import { networks } from "./network.ts";
import { MAX_SATS, sats } from "./sats.ts";
import {
  checkSpending,
  checkSpendingPolicy,
  findRecipient,
  MAX_RECIPIENTS,
  needsApproval,
  NO_SPENDING_LIMITS,
  type SpendingPolicy,
} from "./spending-policy.ts";

const network = networks.regtest;
const RENT = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";

const wish = (amount: bigint, recipient = RENT): PaymentRequest => ({
  recipient,
  amount: sats(amount),
  feeRate: feeRate(1_000n),
  metadata: null,
});
const policyOf = (change: Partial<SpendingPolicy>): SpendingPolicy => ({ ...NO_SPENDING_LIMITS, ...change });
const codes = (policy: SpendingPolicy, request: PaymentRequest, promised = 0n): readonly string[] =>
  checkSpending(policy, request, { network, promised }).map(({ code }) => code);

describe("a spending policy", () => {
  test("without limits lets everything pass", () => {
    assert.deepEqual(codes(NO_SPENDING_LIMITS, wish(MAX_SATS), MAX_SATS), []);
    assert.equal(needsApproval(NO_SPENDING_LIMITS, MAX_SATS), false);
  });

  test("limits one payment, the limit itself included", () => {
    const policy = policyOf({ maxPayment: sats(50_000n) });
    assert.deepEqual(codes(policy, wish(50_000n)), []);
    assert.deepEqual(codes(policy, wish(50_001n)), ["above-payment-limit"]);
  });

  test("limits a day by what was promised in it", () => {
    const policy = policyOf({ maxDaily: sats(100_000n) });
    assert.deepEqual(codes(policy, wish(60_000n), 40_000n), []);
    const [objection] = checkSpending(policy, wish(60_000n), { network, promised: 40_001n });
    assert.equal(objection?.code, "above-daily-limit");
    assert.match(
      objection.message,
      /60000 sat and the 40001 sat promised in the last 24 hours are above .* 100000 sat/,
    );
  });

  test("names who may be paid, by script and not by spelling", () => {
    const recipients = [{ address: RENT.toUpperCase(), label: "rent" }];
    const policy = policyOf({ recipients });
    assert.deepEqual(codes(policy, wish(1_000n)), []);
    assert.deepEqual(codes(policy, wish(1_000n, OTHER)), ["recipient-not-listed"]);
    assert.deepEqual(codes(policy, wish(1_000n, "nobody")), ["recipient-not-listed"]);
    assert.deepEqual(codes(policyOf({ recipients: [] }), wish(1_000n)), ["recipient-not-listed"]);
    assert.equal(findRecipient(recipients, RENT, network)?.label, "rent");
  });

  test("says everything that stands against a payment at once", () => {
    const policy = policyOf({ maxPayment: sats(1n), maxDaily: sats(1n), recipients: [] });
    assert.deepEqual(codes(policy, wish(2n)), ["above-payment-limit", "above-daily-limit", "recipient-not-listed"]);
  });

  test("asks a person for every payment, or for those above an amount", () => {
    const manual = policyOf({ approval: "manual" });
    assert.equal(needsApproval(manual, sats(1n)), true);
    const above = policyOf({ approval: "manual", approveAbove: sats(1_000n) });
    assert.deepEqual(
      [1_000n, 1_001n].map((amount) => needsApproval(above, sats(amount))),
      [false, true],
    );
  });

  test("that contradicts itself is refused, naming the setting", () => {
    const cases: readonly (readonly [Partial<SpendingPolicy>, RegExp])[] = [
      [{ maxPayment: sats(0n) }, /policy\.max_payment_sats is from 1/],
      [{ maxDaily: sats(0n) }, /policy\.max_daily_sats is from 1/],
      [{ approveAbove: sats(1n) }, /approve_above_sats needs "approval": "manual"/],
      [
        { recipients: [{ address: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", label: null }] },
        /names "bc1qw5.*not an address of this network/,
      ],
      [
        {
          recipients: [
            { address: RENT, label: "rent" },
            { address: OTHER, label: "rent" },
          ],
        },
        /calls two addresses "rent"/,
      ],
      [
        { recipients: Array.from({ length: MAX_RECIPIENTS + 1 }, () => ({ address: RENT, label: null })) },
        /names 1001 recipients where 1000 are allowed/,
      ],
    ];
    for (const [change, message] of cases)
      assert.throws(
        () => checkSpendingPolicy(policyOf(change), network),
        (error: unknown) => error instanceof RangeError && message.test(error.message),
        String(message),
      );
    checkSpendingPolicy(policyOf({ approval: "manual", approveAbove: sats(1n), recipients: [] }), network);
  });
});
