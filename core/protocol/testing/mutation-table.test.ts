import assert from "node:assert/strict";
import { test } from "node:test";
import { mutationTable, parties, sumConfigs, sumProtocol, type SumResult, type Verdict } from "./index.ts";

const committee = parties(1, 2, 3);
const base = {
  protocol: sumProtocol,
  configs: () => sumConfigs(committee),
  committee,
  seed: "table",
  cheater: committee[1]!,
};

const malformed = { fault: "public", blames: "cheater", reason: "malformed message" } as const;
const sealedMalformed = { fault: "private", blames: "cheater", reason: "malformed message" } as const;
const badOpening = { fault: "public", blames: "cheater", reason: "the opening does not match the commitment" } as const;
const badTag = { fault: "private", blames: "cheater", reason: "the tag is wrong" } as const;
const badPad = { fault: "cheat", blames: "cheater", reason: "the pad is wrong" } as const;
const badDouble = { fault: "public", blames: "cheater", reason: "the double is wrong" } as const;

const verdicts: Record<string, Verdict<SumResult>> = {
  "sum/1-commit broadcast: malformed": malformed,
  "sum/1-commit broadcast message": badOpening,
  "sum/1-commit broadcast commitment": badOpening,
  "sum/2-open broadcast: malformed": malformed,
  "sum/2-open broadcast message": badOpening,
  "sum/2-open broadcast value": badOpening,
  "sum/2-open broadcast nonce": badOpening,
  "sum/2-open direct: malformed": sealedMalformed,
  "sum/2-open direct message": badTag,
  "sum/2-open direct tag": badTag,
  "sum/2-open direct pad": badPad,
  "sum/3-total broadcast: malformed": malformed,
  "sum/3-total broadcast message": badDouble,
  "sum/3-total broadcast double": badDouble,
};

const without = (key: string): Record<string, Verdict<SumResult>> =>
  Object.fromEntries(Object.entries(verdicts).filter(([name]) => name !== key));

test("every lie of the example protocol meets the check that is there for it", () => {
  const rows = mutationTable({ ...base, verdicts });
  assert.ok(rows.length > 100, `${rows.length} rows`);
  assert.ok(rows.some(({ mutation }) => mutation.name === "last session's"));
  assert.ok(rows.some(({ mutation }) => mutation.name === "another receiver's"));
});

test("a field without a verdict fails the table and is named", () => {
  assert.throws(
    () => mutationTable({ ...base, verdicts: without("sum/2-open direct pad") }),
    /sum\/2-open direct to 1, pad: last bit flipped: no verdict declared/,
  );
});

test("a wrong verdict fails the table: other fault, other blame, other reason, or accepted", () => {
  const key = "sum/3-total broadcast double";
  const wrong: Verdict<SumResult>[] = [
    { ...badDouble, fault: "private" },
    { ...badDouble, blames: "nobody" },
    { ...badDouble, reason: "another" },
    "accepted",
    () => {
      throw new Error("refused by the test");
    },
  ];
  for (const verdict of wrong) {
    assert.throws(
      () => mutationTable({ ...base, rounds: ["sum/3-total"], verdicts: { ...verdicts, [key]: verdict } }),
      /double: zero/,
    );
  }
});

test("a table of some mutations has rows for those only, and needs no other verdicts", () => {
  const rows = mutationTable({
    ...base,
    rounds: ["sum/3-total"],
    only: ({ name }) => name === "another party's message",
    verdicts: { "sum/3-total broadcast message": badDouble },
  });
  assert.deepEqual(
    rows.map(({ mutation }) => [mutation.path, mutation.name]),
    [["", "another party's message"]],
  );
});

test("a verdict that no row needs fails the table", () => {
  assert.throws(
    () => mutationTable({ ...base, verdicts: { ...verdicts, "sum/4 broadcast gone": "accepted" } }),
    /unused verdict: sum\/4 broadcast gone/,
  );
});

test("a lie told to one receiver only of an echoed broadcast blames nobody", () => {
  const mismatch = { fault: "mismatch", blames: "nobody" } as const;
  const victimOnly = {
    "sum/1-commit broadcast: malformed": malformed,
    "sum/1-commit broadcast message": mismatch,
    "sum/1-commit broadcast commitment": mismatch,
  };
  mutationTable({ ...base, rounds: ["sum/1-commit"], to: committee[0]!, verdicts: victimOnly });
});

test("lies in an echo: malformed ones convict, others blame nobody, another order is harmless", () => {
  const mismatch = { fault: "mismatch", blames: "nobody" } as const;
  mutationTable({
    ...base,
    parts: ["echo"],
    verdicts: {
      "sum/1-commit echo: malformed": malformed,
      "sum/1-commit echo message": mismatch,
      "sum/1-commit echo message: first two swapped": "accepted",
      "sum/1-commit echo []": mismatch,
      "sum/1-commit echo [].party": mismatch,
      "sum/1-commit echo [].hash": mismatch,
    },
  });
});
