import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isKeyUnderWay, keyGenerations, madeBy, waitsForEarlierKey, type Operation } from "./operation.ts";
import type { EventId, RequestId } from "./store/ids.ts";

const view = {
  scheme: "dkls23-secp256k1" as const,
  purpose: "messages",
  epoch: 0,
  threshold: 2,
  quorum: 2,
  members: [],
  publicKey: new Uint8Array(33),
  chainCode: new Uint8Array(32),
};

const operation = (id: string, change: Partial<Operation> = {}): Operation => ({
  id: id.padEnd(64, "0") as EventId,
  request: id.padEnd(64, "1") as RequestId,
  type: "KEYGEN",
  revision: 0,
  round: 0,
  height: 10,
  expiryHeight: 100,
  members: [],
  needed: 2,
  spendsWith: null,
  makes: { scheme: view.scheme, purpose: view.purpose },
  isHeavy: true,
  attempt: 0,
  failures: 0,
  suspects: new Set(),
  stage: "waiting",
  attemptId: null,
  coordinator: null,
  acked: 0,
  overdue: false,
  key: null,
  timer: null,
  ...change,
});

describe("key generations", () => {
  const [first, second, third] = [operation("b", { height: 9 }), operation("a"), operation("c")];
  const all = [third, second, first, operation("0", { type: "SIGN", height: 1, makes: null, isHeavy: false })];

  test("go one after the other by height, then id; signatures wait for none", () => {
    assert.deepEqual(keyGenerations(all), [first, second, third]);
    assert.deepEqual(
      all.map((one) => waitsForEarlierKey(one, all)),
      [true, true, false, false],
    );
    assert.equal(waitsForEarlierKey(second, [second, { ...first, stage: "done" as const }]), false);
  });

  test("of a wallet are all over when it has its key; other schemes' and networks' are not", () => {
    const wallet = { ...view, purpose: "wallet/regtest" };
    const makes = { scheme: view.scheme, purpose: wallet.purpose };
    const twice = [operation("a", { makes }), operation("b", { makes })];
    const others = [
      operation("c"),
      operation("d", { makes: { ...makes, purpose: "wallet/testnet" } }),
      operation("e", { makes: { ...makes, scheme: "frost-secp256k1-taproot" } }),
    ];
    assert.deepEqual(madeBy([...twice, ...others], { key: "ab", request: null, view: wallet }), twice);
  });

  test("for messages end one by one: the one whose ceremony made the key", () => {
    const [waiting, made] = [operation("a"), operation("b", { stage: "certifying" })];
    assert.deepEqual(madeBy([waiting, made], { key: "ab", request: made.request, view }), [made]);
    assert.deepEqual(madeBy([waiting], { key: "ab", request: made.request, view }), []);
  });

  test("for messages end after a restart with the key they had, or as the only ones that can be meant; nobody guesses", () => {
    const made = operation("b", { key: "ab", stage: "certifying" });
    const [waiting, another] = [operation("a"), operation("c")];
    const active = (key: string) => ({ key, request: null, view });
    assert.deepEqual(madeBy([waiting, made, another], active("ab")), [made]);
    assert.deepEqual(madeBy([made, waiting], active("cd")), [waiting]);
    assert.deepEqual(madeBy([made], active("cd")), []);
    assert.deepEqual(madeBy([waiting, another, made], active("cd")), []);
  });

  test("with pairwise setups make everybody patient while custody may be at work on them", () => {
    for (const [stage, patient] of [
      ["waiting", false],
      ["halted", false],
      ["joined", true],
      ["running", true],
      ["certifying", true],
    ] as const)
      assert.equal(isKeyUnderWay([operation("a", { stage })]), patient, stage);
    assert.equal(isKeyUnderWay([operation("a", { stage: "running", isHeavy: false })]), false);
    assert.equal(isKeyUnderWay([operation("a", { type: "REKEY", stage: "running", makes: null })]), true);
  });
});
