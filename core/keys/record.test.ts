import { testSecp256k1 } from "./testing/index.ts";
import { codec, CodecError, equalBytes, fromHex, rawCbor, toHex, uint, type Cbor } from "@conclave/bytes";
import { ed25519Group, mod, type Group } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import type { PartyIndex } from "@conclave/protocol";
import { mutations } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  curveOf,
  keyId,
  keyRecordCodec,
  keyShareCodec,
  partyOf,
  SCHEMES,
  validateRecord,
  validateShare,
  type KeyRecord,
  type KeyShare,
} from "./index.ts";
import { dealShares } from "./testing/index.ts";

const group = testSecp256k1;
const shares = dealShares(group, { n: 5, t: 3, quorum: 4, rng: seededRng("record") });
const share: KeyShare = shares[0]!;
const second: KeyShare = shares[1]!;
const { record } = share;
const edwards = dealShares(ed25519Group, { n: 3, t: 2, rng: seededRng("record/ed25519") })[0]!;

const refuses = (dirty: KeyRecord, rule: RegExp): void =>
  assert.throws(
    () => validateRecord(group, dirty),
    (error) => error instanceof CodecError && rule.test(error.message),
  );
const withParty = (at: number, change: Partial<KeyRecord["parties"][number]>): KeyRecord => ({
  ...record,
  parties: record.parties.map((party, i) => (i === at ? { ...party, ...change } : party)),
});

describe("a key record", () => {
  test("is valid as it was made", () => {
    assert.equal(validateRecord(group, record), record);
    assert.equal(validateRecord(ed25519Group, edwards.record), edwards.record);
    const again = keyRecordCodec(group).decode(keyRecordCodec(group).encode(record));
    assert.equal(validateRecord(group, again), again);
  });

  test("has the curve of its scheme", () => {
    refuses({ ...record, scheme: "frost-ed25519", purpose: "messages" }, /scheme and curve belong together/);
    refuses({ ...record, curve: "ed25519" }, /scheme and curve belong together/);
    assert.throws(() => validateRecord(ed25519Group, record), /scheme and curve belong together/);
    assert.deepEqual(
      SCHEMES.map((scheme) => [scheme, curveOf(scheme)]),
      [
        ["frost-secp256k1-taproot", "secp256k1"],
        ["frost-secp256k1", "secp256k1"],
        ["frost-ed25519", "ed25519"],
        ["dkls23-secp256k1", "secp256k1"],
      ],
    );
  });

  test("signs for a wallet only with Taproot or DKLS23, and for messages with any scheme", () => {
    refuses({ ...record, scheme: "frost-secp256k1" }, /a wallet key signs for Taproot/);
    validateRecord(group, { ...record, scheme: "frost-secp256k1", purpose: "messages" });
    validateRecord(group, { ...record, purpose: "messages" });
    for (const purpose of ["wallet/mainnet", "wallet/regtest", "messages"] as const) {
      validateRecord(group, { ...record, scheme: "dkls23-secp256k1", purpose });
    }
    refuses({ ...edwards.record, purpose: "wallet/regtest" }, /scheme and curve belong together/);
    assert.throws(
      () => validateRecord(ed25519Group, { ...edwards.record, purpose: "wallet/regtest" }),
      /a wallet key signs for Taproot, or by ECDSA with DKLS23/,
    );
  });

  test("has a threshold of at most its parties, and a quorum between the two", () => {
    refuses({ ...record, threshold: 6, quorum: 6 }, /the threshold is at most the number of parties/);
    refuses({ ...record, quorum: 2 }, /the quorum lies between/);
    refuses({ ...record, quorum: 6 }, /the quorum lies between/);
    validateRecord(group, { ...record, quorum: 3 });
    validateRecord(group, { ...record, quorum: 5 });
  });

  test("names its parties in ascending order, each once", () => {
    refuses({ ...record, parties: record.parties.toReversed() }, /parties ascend by index/);
    refuses(withParty(1, { index: 1 as PartyIndex }), /parties ascend by index/);
  });

  test("names each node once", () => {
    refuses(withParty(1, { node: record.parties[0]!.node }), /a node holds one share/);
  });

  test("holds public shares of one polynomial of degree t − 1 through the public key", () => {
    const rule = /public shares lie on one polynomial/;
    for (const at of [0, 1, 2, 3, 4]) refuses(withParty(at, { publicShare: group.generator }), rule);
    refuses({ ...record, publicKey: group.generator }, rule);
    refuses({ ...record, publicKey: group.negate(record.publicKey) }, rule);
    refuses({ ...record, threshold: 2, quorum: 4 }, rule);
    // A point of its own index on the same polynomial is not another's.
    refuses(withParty(4, { index: 6 as PartyIndex }), rule);
    const [a, b] = record.parties;
    refuses(
      {
        ...record,
        parties: [
          { ...a!, publicShare: b!.publicShare },
          { ...b!, publicShare: a!.publicShare },
          ...record.parties.slice(2),
        ],
      },
      rule,
    );
  });

  test("does not promise a higher threshold than its shares were dealt with", () => {
    // Any t + 1 of the shares interpolate to the key as well.
    for (const threshold of [4, 5]) refuses({ ...record, threshold, quorum: 5 }, /of the right degree/);
  });

  test("finds the party that a node is", () => {
    assert.equal(partyOf(record, record.parties[2]!.node)?.index, 3);
    assert.equal(partyOf(record, new Uint8Array(32)), undefined);
  });
});

describe("a key share", () => {
  const refusesShare = (dirty: KeyShare, rule: RegExp): void =>
    assert.throws(
      () => validateShare(group, dirty),
      (error) => error instanceof CodecError && rule.test(error.message),
    );

  test("belongs to its party's public share", () => {
    for (const held of shares) assert.equal(validateShare(group, held), held);
    const rule = /the secret does not belong to the public share/;
    refusesShare({ ...share, secret: second.secret }, rule);
    refusesShare({ ...share, self: second.self }, rule);
    refusesShare({ ...share, secret: 0n }, rule);
    refusesShare({ ...share, secret: mod(share.secret + 1n, group.order) }, rule);
    refusesShare({ ...share, secret: mod(-share.secret, group.order) }, rule);
    refusesShare({ ...share, self: 6 as PartyIndex }, /its party is not in the record/);
  });

  test("of a broken record is refused", () => {
    refusesShare({ ...share, record: { ...record, quorum: 1 } }, /the quorum lies between/);
  });

  test("never says its secret when it is refused", () => {
    const secret = share.secret.toString(16);
    for (const dirty of [
      { ...share, self: second.self },
      { ...share, record: { ...record, quorum: 1 } },
    ]) {
      assert.throws(
        () => validateShare(group, dirty),
        (error: Error) => !error.message.includes(secret) && !error.message.includes(share.secret.toString()),
      );
    }
  });
});

/** Fields that no rule can hold against a record by itself: that they are as agreed is what every party certified. */
const FREE = ["epoch", "chainCode", "certificate", "parties[].node", "quorum"];
const FREE_CHANGES = ["parties: one less"];

for (const curve of [group, ed25519Group]) {
  test(`bytes of a share on ${curve.name}, mutated in every field, are refused or say something else of a free field`, () => {
    const held: KeyShare = curve === group ? share : edwards;
    const shareCodec = keyShareCodec(curve);
    const bytes = shareCodec.encode(held);
    const rows = mutations(shareCodec, bytes, { group: curve });
    let refused = 0;
    for (const mutation of rows) {
      try {
        validateShare(curve, shareCodec.decode(mutation.bytes));
      } catch (error) {
        assert.ok(error instanceof CodecError, `${mutation.path}: ${mutation.name}: ${String(error)}`);
        refused += 1;
        continue;
      }
      assert.ok(!mutation.illegal, `${mutation.path}: ${mutation.name} was accepted`);
      const field = mutation.field.replace(/^record\./, "");
      const isFree = FREE.includes(field) || FREE_CHANGES.includes(`${field}: ${mutation.name}`);
      assert.ok(isFree, `${mutation.path}: ${mutation.name} was accepted`);
    }
    console.log(`key shares on ${curve.name}: ${rows.length} mutations, ${refused} refused`);
    assert.ok(rows.length > 120 && refused > rows.length * 0.8);
  });
}

describe("a key id", () => {
  const id = (changed: Partial<KeyRecord>): string => toHex(keyId(group, { ...record, ...changed }));

  test("stays the same through epochs, committees and thresholds", () => {
    assert.equal(id({ epoch: 7, threshold: 4, quorum: 5, parties: record.parties.slice(1) }), id({}));
    assert.equal(id({ certificate: new Uint8Array(32) }), id({}));
  });

  test("differs for another scheme, purpose or public key", () => {
    const ids = [
      id({}),
      id({ scheme: "frost-secp256k1" }),
      id({ scheme: "dkls23-secp256k1" }),
      id({ purpose: "messages" }),
      id({ purpose: "wallet/mainnet" }),
      id({ publicKey: group.generator }),
    ];
    assert.equal(new Set(ids).size, ids.length);
  });
});

describe("stored shares of version 1", () => {
  interface Vector {
    readonly name: string;
    readonly curve: "secp256k1" | "ed25519";
    readonly scheme: string;
    readonly purpose: string;
    readonly keyId: string;
    readonly publicKey: string;
    readonly self: number;
    readonly secret: string;
    readonly share: string;
  }
  const file = new URL("testing/vectors/key-shares-v1.json", import.meta.url);
  const { shares: vectors } = JSON.parse(readFileSync(file, "utf8")) as { readonly shares: readonly Vector[] };

  for (const vector of vectors) {
    const curve: Group = vector.curve === "ed25519" ? ed25519Group : testSecp256k1;

    test(`${vector.name} on ${vector.curve} is read, and written as it was`, () => {
      const bytes = fromHex(vector.share);
      const read = validateShare(curve, keyShareCodec(curve).decode(bytes));
      assert.ok(equalBytes(keyShareCodec(curve).encode(read), bytes));
      assert.equal(`${read.record.threshold}-of-${read.record.parties.length}`, vector.name);
      assert.deepEqual([read.record.scheme, read.record.purpose], [vector.scheme, vector.purpose]);
      assert.equal(toHex(keyId(curve, read.record)), vector.keyId);
      assert.equal(toHex(curve.encode(read.record.publicKey)), vector.publicKey);
      assert.equal(read.self, vector.self);
      assert.equal(toHex(curve.encodeScalar(read.secret)), vector.secret);
    });

    test(`${vector.name} on ${vector.curve} is not read as a share of the other curve`, () => {
      const other: Group = vector.curve === "ed25519" ? testSecp256k1 : ed25519Group;
      assert.throws(() => keyShareCodec(other).decode(fromHex(vector.share)), CodecError);
    });
  }

  test("any other version is refused, and the message says which is expected", () => {
    const [dirty] = vectors;
    for (const version of [0, 2, 255]) {
      const [fields, ...rest] = rawCbor.decode(fromHex(dirty!.share)) as readonly [readonly Cbor[], ...Cbor[]];
      const bytes = rawCbor.encode([[version, ...fields.slice(1)], ...rest]);
      assert.throws(
        () => keyShareCodec(testSecp256k1).decode(bytes),
        (error) =>
          error instanceof CodecError && /record\.version: expected an integer from 1 to 1/.test(error.message),
      );
    }
    assert.equal(codec(uint()).decode(rawCbor.encode(1)), 1);
  });
});
