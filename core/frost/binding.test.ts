/** RFC 9591 §4.4: what every binding factor depends on. A factor that ignores one of these is open to the ROS attack. */
import type { Point } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import { parties } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { computeBindingFactors, computeGroupCommitment, encodeCommitmentList } from "./binding.ts";
import type { NonceCommitments } from "./nonces.ts";
import { preparePackage } from "./signing-package.ts";
import { SUITES } from "./testing/index.ts";

for (const suite of SUITES) {
  const { group } = suite;
  const point = (k: number): Point => group.multiplyBase(BigInt(k));
  const pair = (hiding: number, binding: number): NonceCommitments => ({
    hiding: point(hiding),
    binding: point(binding),
  });
  const [one, two, three, four] = parties(1, 2, 3, 4) as [PartyIndex, PartyIndex, PartyIndex, PartyIndex];
  const list = [
    [one, pair(11, 12)],
    [two, pair(21, 22)],
    [three, pair(31, 32)],
  ] as const;
  const honest = { publicKey: point(5), message: new Uint8Array(32), commitments: new Map(list) };
  const factors = (changes: Partial<typeof honest>): bigint[] => [
    ...computeBindingFactors(suite, { ...honest, ...changes }).values(),
  ];
  const replaced = (i: number, entry: (typeof list)[number]): typeof honest.commitments =>
    new Map(list.map((old, at) => (at === i ? entry : old)));

  describe(`binding factors of ${suite.id}`, () => {
    const before = factors({});

    test("are one per signer, all different", () => {
      assert.equal(before.length, 3);
      assert.equal(new Set(before).size, 3);
    });

    const changes: [string, Partial<typeof honest>][] = [
      ["the message", { message: new Uint8Array(32).fill(1) }],
      ["the message's length", { message: new Uint8Array(31) }],
      ["the key", { publicKey: point(6) }],
      ["a party's number", { commitments: replaced(2, [four, pair(31, 32)]) }],
      ["the first D", { commitments: replaced(0, [one, pair(99, 12)]) }],
      ["the first E", { commitments: replaced(0, [one, pair(11, 99)]) }],
      ["the last D", { commitments: replaced(2, [three, pair(99, 32)]) }],
      ["the last E", { commitments: replaced(2, [three, pair(31, 99)]) }],
      ["D and E swapped", { commitments: replaced(1, [two, pair(22, 21)]) }],
      ["a signer fewer", { commitments: new Map(list.slice(0, 2)) }],
    ];
    for (const [what, change] of changes) {
      test(`all change with ${what}`, () => {
        for (const factor of factors(change)) assert.ok(!before.includes(factor));
      });
    }

    test("a share made under one list does not verify under another: R and challenge differ", () => {
      const publicKey =
        suite.evenY && !group.hasEvenY(honest.publicKey) ? group.negate(honest.publicKey) : honest.publicKey;
      const first = preparePackage(suite, { ...honest, publicKey });
      const other = preparePackage(suite, { ...honest, publicKey, commitments: replaced(1, [two, pair(21, 23)]) });
      assert.notDeepEqual(first.groupCommitment, other.groupCommitment);
      assert.notEqual(first.challenge, other.challenge);
    });
  });

  describe(`group commitment of ${suite.id}`, () => {
    test("is Σ D + ρ·E", () => {
      const rho = new Map([one, two, three].map((party) => [party, BigInt(party) * 1000n]));
      const expected = point(11 + 21 + 31 + 12 * 1000 + 22 * 2000 + 32 * 3000);
      assert.ok(group.equals(computeGroupCommitment(group, honest.commitments, rho), expected));
    });

    test("the list is encoded with fixed widths, in order", () => {
      const encoded = encodeCommitmentList(group, honest.commitments);
      assert.equal(encoded.length, 3 * (32 + 2 * group.pointBytes));
      assert.deepEqual(encoded.subarray(0, 32), group.encodeScalar(1n));
      assert.deepEqual(encoded.subarray(32, 32 + group.pointBytes), group.encode(point(11)));
    });

    test("a list that does not ascend is our bug", () => {
      const key = group.name === "secp256k1" ? group.generator : point(5);
      const commitments = new Map([list[1], list[0]]);
      assert.throws(() => preparePackage(suite, { ...honest, publicKey: key, commitments }), /ascends by party/);
    });
  });
}
