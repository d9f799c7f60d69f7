import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  closest,
  FSM_STATES,
  fsmStateOf,
  STATES,
  strictFields,
  TRANSACTION_STATES,
  transactionRequest,
} from "./index.ts";
import { transactionQuery } from "./transaction.ts";

const recipient = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/** What a refused request is told, as one text. */
function refusal(
  body: unknown,
  schema: typeof transactionRequest | typeof transactionQuery = transactionRequest,
): string {
  const { error } = schema.safeParse(body);
  assert.ok(error, "the request was accepted");
  return error.issues.map(({ message }) => message).join(" ");
}

describe("a payment request", () => {
  test("takes document 004's body, and every optional field", () => {
    assert.deepEqual(transactionRequest.parse({ recipient, amount_sats: 50_000 }), { recipient, amount_sats: 50_000 });
    const full = { recipient, amount_sats: 1, fee_rate: 2.125, metadata: "invoice 7", account: "segwit" };
    assert.deepEqual(transactionRequest.parse(full), full);
  });

  test("takes every whole amount up to 21 million BTC and no other number", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_100_000_000_000_000 }),
        (amount_sats) => transactionRequest.safeParse({ recipient, amount_sats }).success,
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.double().filter((x) => !Number.isInteger(x)),
          fc.integer({ min: -1_000, max: 0 }),
          fc.integer({ min: 2_100_000_000_000_001, max: Number.MAX_SAFE_INTEGER }),
        ),
        (amount_sats) => !transactionRequest.safeParse({ recipient, amount_sats }).success,
      ),
    );
  });

  test("says what is wrong with an amount", () => {
    assert.match(refusal({ recipient, amount_sats: "50000" }), /without quotes/);
    assert.match(refusal({ recipient, amount_sats: 0.5 }), /satoshis cannot be divided/);
    assert.match(refusal({ recipient, amount_sats: 0 }), /at least 1/);
    assert.match(refusal({ recipient, amount_sats: -5 }), /at least 1/);
    assert.match(refusal({ recipient, amount_sats: 2_100_000_000_000_001 }), /at most 2100000000000000/);
    assert.match(refusal({ recipient }), /amount_sats must be whole satoshis/);
    assert.match(refusal({ recipient, amount_sats: null }), /amount_sats must be whole satoshis/);
  });

  test("refuses a fee rate of 0, with four decimals, above 1 BTC/vB, or as text", () => {
    for (const fee_rate of [0, -1, 1.0001, 100_000_000.5, 1e-7, "2", Number.NaN]) {
      assert.match(refusal({ recipient, amount_sats: 1, fee_rate }), /fee_rate must be a number/);
    }
    assert.ok(transactionRequest.safeParse({ recipient, amount_sats: 1, fee_rate: 100_000_000 }).success);
  });

  test("counts a note in bytes, not letters, and refuses broken text", () => {
    const accepts = (metadata: string): boolean =>
      transactionRequest.safeParse({ recipient, amount_sats: 1, metadata }).success;
    assert.ok(accepts("é".repeat(40)));
    assert.ok(!accepts("é".repeat(41)));
    assert.ok(accepts("🔑".repeat(20)));
    assert.ok(!accepts("a\ud800"));
    assert.ok(!accepts(""));
  });

  test("refuses what cannot be an address before anybody looks it up", () => {
    for (const bad of ["", "tb1q", "tb1q w508d6qejxtdg4y5r3zarvary0c5xw7k", "x".repeat(91), 7]) {
      assert.match(refusal({ recipient: bad, amount_sats: 1 }), /recipient must be a Bitcoin address/);
    }
  });

  test("refuses unknown fields, also those that the answer has, and suggests what was meant", () => {
    assert.match(refusal({ recipient, amount_sats: 1, feeRate: 2 }), /"feeRate": did you mean "fee_rate"\?/);
    assert.match(refusal({ recipient, amount: 1 }), /"amount": did you mean "amount_sats"\?/);
    for (const field of ["state", "approved_by", "fee_override", "__proto__x"]) {
      assert.match(refusal({ recipient, amount_sats: 1, [field]: 1 }), new RegExp(`Unknown field "${field}"`));
    }
    assert.match(refusal("text"), /Expected a JSON object/);
    assert.match(refusal([[]]), /Expected a JSON object/);
  });

  test("takes an account that there is", () => {
    for (const account of ["legacy", "", null, ["taproot"]]) {
      assert.match(refusal({ recipient, amount_sats: 1, account }), /account must be taproot or segwit/);
    }
  });

  test("names only the first of many unknown fields", () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, 1]));
    assert.match(refusal({ recipient, amount_sats: 1, ...many }), /"k2": .*And 4997 more\.$/);
  });

  test("shows a hostile field name without its control characters", () => {
    assert.doesNotMatch(refusal({ recipient, amount_sats: 1, "\u001b[31m\u202e": 1 }), /[^\x20-\x7e]/);
  });
});

describe("a list query", () => {
  test("has a default and a largest page", () => {
    assert.equal(transactionQuery.parse({}).limit, 50);
    assert.equal(transactionQuery.parse({ limit: "100" }).limit, 100);
    for (const limit of ["0", "101", "1000000000", "1.5", "ten", "-1", ["1", "2"]]) {
      assert.match(refusal({ limit }, transactionQuery), /limit must be a whole number from 1 to 100/);
    }
  });

  test("refuses a cursor that no node makes, an unknown state, and an attempt to sort", () => {
    for (const cursor of ["", "a b", "'; DROP TABLE", "a".repeat(257)]) {
      assert.match(refusal({ cursor }, transactionQuery), /next_cursor of an earlier page/);
    }
    assert.ok(!transactionQuery.safeParse({ state: "paid" }).success);
    assert.match(refusal({ sort: "amount" }, transactionQuery), /Unknown query parameter "sort"/);
  });
});

describe("states", () => {
  test("together have every name of document 004's machine", () => {
    const names = new Set(TRANSACTION_STATES.map(fsmStateOf).filter((name) => name !== null));
    assert.deepEqual([...names].sort(), [...FSM_STATES].sort());
  });

  test("an expired payment that may still be completed is not final", () => {
    const open = TRANSACTION_STATES.filter((state) => !STATES[state].final);
    assert.deepEqual(open, ["pending", "voting", "approved", "signing", "signed", "broadcasting", "unresolved"]);
  });
});

describe("suggestions", () => {
  test("find slips, other spellings and shortened names, and stay silent otherwise", () => {
    const names = ["api_endpoint", "timeout_secs", "output_format", "colored"];
    assert.equal(closest("api-endpiont", names), "api_endpoint");
    assert.equal(closest("apiEndpoint", names), "api_endpoint");
    assert.equal(closest("coloured", names), "colored");
    assert.equal(closest("timeout", names), "timeout_secs");
    assert.equal(closest("password", names), undefined);
    assert.equal(closest("x".repeat(100_000), names), undefined);
  });

  test("an object without fields says so", () => {
    const { error } = strictFields({}).safeParse({ a: 1 });
    assert.match(error?.issues[0]?.message ?? "", /none are allowed here/);
  });
});
