import { testSecp256k1 } from "../testing/index.ts";
import { fromHex, toHex, transcript } from "@conclave/bytes";
import { coefficientAtZero, ed25519Group, mod, type Group } from "@conclave/crypto";
import { roundOf } from "@conclave/protocol";
import { addFaults, noFaults, partyRng, testSsid } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keyId, keygenProtocol, keyShareCodec, validateShare, type KeyShare } from "../index.ts";
import { committeeOf, keygenConfigs, sharesOf, simulateKeygen } from "../testing/index.ts";

const GROUPS = [testSecp256k1, ed25519Group];

/** Every way to choose `size` of them. */
function* subsets<T>(of: readonly T[], size: number): Generator<readonly T[]> {
  if (size === 0) return yield [];
  for (const [i, first] of of.entries()) {
    for (const rest of subsets(of.slice(i + 1), size - 1)) yield [first, ...rest];
  }
}

/** What the shares of these parties interpolate to at zero. */
function reconstruct(group: Group, shares: readonly KeyShare[]): bigint {
  const points = shares.map(({ self }) => self as number);
  return shares.reduce(
    (sum, { self, secret }) => mod(sum + coefficientAtZero(group, points, self) * secret, group.order),
    0n,
  );
}

/** Everything that has to hold of the shares of one key. */
function checkShares(group: Group, shares: readonly KeyShare[], { n, t }: { n: number; t: number }): void {
  assert.equal(shares.length, n);
  const encode = (share: KeyShare): string =>
    toHex(keyShareCodec(group).encode({ ...share, self: 1 as never, secret: 1n }));
  // Public key, chain code, certificate, parties: one record for everybody.
  assert.equal(new Set(shares.map(encode)).size, 1);
  for (const share of shares) validateShare(group, share);
  const { publicKey } = shares[0]!.record;
  const isKey = (secret: bigint): boolean => secret !== 0n && group.equals(group.multiplyBase(secret), publicKey);
  for (const some of subsets(shares, t)) assert.ok(isKey(reconstruct(group, some)), "t shares give the key");
  for (const few of subsets(shares, t - 1)) assert.ok(!isKey(reconstruct(group, few)), "t − 1 shares do not");
}

for (const group of GROUPS) {
  describe(`key generation on ${group.name}`, () => {
    // On ed25519 up to five: what is shared is the same, the curve is slower.
    for (let n = 2; n <= (group.name === "secp256k1" ? 6 : 5); n++) {
      test(`2 to ${n} of ${n}: everybody has a share of one key, any t of them have it, fewer do not`, () => {
        for (let t = 2; t <= n; t++) {
          const { outcomes, violations } = simulateKeygen(group, { n, t, seed: `property/${n}/${t}` });
          assert.deepEqual(violations, []);
          const shares = sharesOf({ outcomes } as never);
          checkShares(group, shares, { n, t });
          const { record } = shares[0]!;
          assert.equal(record.threshold, t);
          assert.deepEqual(
            record.parties.map(({ index }) => index as number),
            Array.from({ length: n }, (_, i) => i + 1),
          );
        }
      });
    }

    const seeds = group.name === "secp256k1" ? 64 : 12;
    test(`any order, repeats, losses and delays: ${seeds} seeds, and none stalls or blames anybody`, () => {
      const faults = noFaults();
      for (let i = 0; i < seeds; i++) {
        const [n, t] = i % 4 === 0 ? ([3, 2] as const) : ([2, 2] as const);
        const seed = `order/${i}`;
        const simulation = simulateKeygen(group, { n, t, seed });
        assert.deepEqual(simulation.violations, [], seed);
        checkShares(group, sharesOf(simulation), { n, t });
        addFaults(faults, simulation.faults);
      }
      for (const kind of ["repeats", "losses", "delays", "reorders", "early"] as const)
        assert.ok(faults[kind] > 0, kind);
    });

    test("the key does not depend on the order in which messages arrive", () => {
      const committee = committeeOf(3);
      const records = ["one", "another", "third"].map((seed) => {
        const simulation = simulateKeygen(
          group,
          { n: 3, t: 2, seed },
          { ssid: testSsid({ seed: "fixed", committee }), rngFor: (party) => partyRng("fixed", party) },
        );
        return toHex(keyShareCodec(group).encode(sharesOf(simulation)[0]!));
      });
      assert.equal(new Set(records).size, 1);
    });

    test("another session, another key: id, chain code and certificate differ", () => {
      const [a, b] = ["a", "b"].map((seed) => sharesOf(simulateKeygen(group, { n: 2, t: 2, seed }))[0]!.record);
      assert.notEqual(toHex(keyId(group, a!)), toHex(keyId(group, b!)));
      assert.notEqual(toHex(a!.chainCode), toHex(b!.chainCode));
      assert.notEqual(toHex(a!.certificate), toHex(b!.certificate));
    });

    test("the chain code is the hash of everybody's contribution, in the order of their bytes and not of parties", () => {
      const round = roundOf(keygenProtocol(group), "keygen/2-open")!;
      const simulation = simulateKeygen(group, { n: 5, t: 2, seed: "chain code" });
      const opened = simulation.trace.flatMap((event) =>
        event.kind === "send" && event.message.round === round.name && event.message.part === "broadcast"
          ? [(round.broadcast!.decode(event.message.body) as { cc: Uint8Array }).cc]
          : [],
      );
      const hexes = [...new Set(opened.map(toHex))];
      assert.equal(hexes.length, 5);
      assert.notDeepEqual(hexes, hexes.toSorted(), "this seed draws them out of order");
      const contributions = hexes.toSorted().map(fromHex);
      const chainCode = transcript("keys/keygen/chain-code", { contributions });
      assert.deepEqual(sharesOf(simulation)[0]!.record.chainCode, chainCode);
    });

    test("everybody's randomness is in the key: one party's other randomness changes key and chain code", () => {
      const committee = committeeOf(3);
      const keys = [0, 1, 2, 3].map((changed) => {
        const simulation = simulateKeygen(
          group,
          { n: 3, t: 2, seed: "fixed" },
          {
            ssid: testSsid({ seed: "fixed", committee }),
            rngFor: (party) => partyRng((party as number) === changed ? "other" : "fixed", party),
          },
        );
        const { publicKey, chainCode } = sharesOf(simulation)[0]!.record;
        return `${toHex(group.encode(publicKey))}/${toHex(chainCode)}`;
      });
      assert.equal(new Set(keys.map((key) => key.split("/")[0])).size, 4);
      assert.equal(new Set(keys.map((key) => key.split("/")[1])).size, 4);
    });

    test("a party that dies on the way ends the run in silence: no share, and nobody is blamed", () => {
      for (const seed of ["a", "b", "c", "d"]) {
        const { outcomes, violations } = simulateKeygen(
          group,
          { n: 3, t: 2, seed: `crash/${seed}` },
          { schedule: { crashes: 1, crashWithin: 12 } },
        );
        assert.deepEqual(violations, []);
        const [dead] = [...outcomes].filter(([, { kind }]) => kind === "crashed").map(([party]) => party);
        for (const outcome of [...outcomes.values()].filter(({ kind }) => kind !== "crashed")) {
          assert.ok(outcome.kind === "abort" && outcome.fault === "silence", seed);
          assert.deepEqual(outcome.culprits, []);
          assert.ok(outcome.suspects.every((suspect) => suspect === dead) || outcome.suspects.length > 1, seed);
        }
      }
    });
  });
}

describe("key generation refuses", () => {
  const start = (t: number, { nodes = true } = {}): void => {
    const committee = committeeOf(3);
    const config = { ...keygenConfigs(testSecp256k1, { n: 3, t: 2 }).get(committee[0]!)!, threshold: t };
    const context = { ssid: testSsid({ seed: "refuse", committee }), self: committee[0]!, committee };
    const named = nodes ? config : { ...config, nodes: new Map([...config.nodes].slice(1)) };
    keygenProtocol(testSecp256k1).start(context, named, partyRng("refuse", committee[0]!));
  };

  test("a threshold of one, none, or more than the parties", () => {
    for (const t of [0, 1, 4, -2]) assert.throws(() => start(t), /2 ≤ t ≤ n/);
    start(2);
    start(3);
  });

  test("a party that is no node", () => {
    assert.throws(() => start(2, { nodes: false }), /every party is some node/);
  });
});
