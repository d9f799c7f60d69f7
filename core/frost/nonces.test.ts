import { fromHex, toHex, type Rng } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import type { PartyIndex } from "@conclave/protocol";
import { parties, testSsid } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CommitmentList } from "./binding.ts";
import { commit, eraseNonces, noncesFrom, spendNonces } from "./nonces.ts";
import { sign } from "./signature-share.ts";
import { preparePackage, type PreparedPackage } from "./signing-package.ts";
import { deal, SUITES } from "./testing/index.ts";

/** A broken source: the same bytes for ever. */
const stuckRng: Rng = (length) => new Uint8Array(length).fill(5);

for (const suite of SUITES) {
  const { group } = suite;
  const committee = parties(1, 2);
  const session = { ssid: testSsid({ seed: "a", committee }), party: 1, message: fromHex("00") };
  const hiding = (share: bigint, fields: typeof session): string =>
    toHex(commit(suite, { share, session: fields, rng: stuckRng }).secrets.hiding);

  describe(`nonces of ${suite.id}`, () => {
    test("a stuck random source repeats no nonce while session, party, share or message differ", () => {
      const seen = [
        hiding(7n, session),
        hiding(8n, session),
        hiding(7n, { ...session, ssid: testSsid({ seed: "b", committee }) }),
        hiding(7n, { ...session, party: 2 }),
        hiding(7n, { ...session, message: fromHex("01") }),
      ];
      assert.equal(new Set(seen).size, seen.length);
      assert.equal(hiding(7n, session), seen[0]);
    });

    test("hiding and binding nonce differ even then, and each draws its own 32 bytes", () => {
      const drawn: number[] = [];
      const { secrets } = commit(suite, {
        share: 7n,
        session,
        rng: (length) => {
          drawn.push(length);
          return stuckRng(length);
        },
      });
      assert.notDeepEqual(secrets.hiding, secrets.binding);
      assert.deepEqual(drawn, [32, 32]);
    });

    test("a healthy source gives fresh nonces in one session", () => {
      const rng = seededRng("fresh");
      const pairs = [1, 2].map(() => toHex(commit(suite, { share: 7n, session, rng }).secrets.hiding));
      assert.notEqual(pairs[0], pairs[1]);
    });

    test("a pair is read once and is zero afterwards", () => {
      const { secrets } = noncesFrom(suite, 3n, 4n);
      assert.deepEqual(spendNonces(suite, secrets), { d: 3n, e: 4n });
      assert.ok([...secrets.hiding, ...secrets.binding].every((byte) => byte === 0));
      assert.throws(() => spendNonces(suite, secrets), /these nonces are spent/);
      const unused = noncesFrom(suite, 3n, 4n).secrets;
      eraseNonces(unused);
      assert.throws(() => spendNonces(suite, unused), /these nonces are spent/);
    });

    test("zero is no nonce", () => {
      assert.throws(() => noncesFrom(suite, 0n, 1n), /a nonce is not zero/);
      assert.throws(() => noncesFrom(suite, 1n, 0n), /a nonce is not zero/);
    });

    test("signing spends the nonces, also when it refuses", () => {
      const key = evenKey();
      const theirs = noncesFrom(suite, 5n, 6n);
      const [one, two] = committee as [PartyIndex, PartyIndex];
      const packageOf = (commitments: CommitmentList): PreparedPackage =>
        preparePackage(suite, { publicKey: key.publicKey, message: new Uint8Array(32), commitments });
      const share = key.shares.get(one)!;
      const published = noncesFrom(suite, 3n, 4n).commitments;
      // RFC 9591 §5.2: the list must name exactly what this party published, D and E.
      for (const listed of [
        theirs.commitments,
        { ...published, hiding: theirs.commitments.hiding },
        { ...published, binding: theirs.commitments.binding },
      ]) {
        const mine = noncesFrom(suite, 3n, 4n);
        const list = new Map([
          [one, listed],
          [two, theirs.commitments],
        ]);
        assert.throws(() => sign(suite, packageOf(list), { party: one, share, nonces: mine }), /names the nonces/);
        assert.throws(() => spendNonces(suite, mine.secrets), /these nonces are spent/);
      }

      const again = noncesFrom(suite, 3n, 4n);
      const list = new Map([
        [one, again.commitments],
        [two, theirs.commitments],
      ]);
      assert.notEqual(sign(suite, packageOf(list), { party: one, share, nonces: again }), 0n);
      assert.throws(() => sign(suite, packageOf(list), { party: one, share, nonces: again }), /these nonces are spent/);
      const three = parties(3)[0]!;
      const outside = { party: three, share, nonces: noncesFrom(suite, 7n, 8n) };
      assert.throws(() => sign(suite, packageOf(list), outside), /a signer is in the commitment list/);
    });
  });

  function evenKey(): ReturnType<typeof deal> {
    for (let i = 0; ; i++) {
      const key = deal(group, { n: 2, t: 2, rng: seededRng(`key ${i}`) });
      if (!suite.evenY || group.hasEvenY(key.publicKey)) return key;
    }
  }
}
