import { fromHex, toHex } from "@conclave/bytes";
import { schnorr } from "@noble/curves/secp256k1.js";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  coefficientAtZero,
  deriveChild,
  ed25519Group,
  evaluate,
  mod,
  NO_TWEAK,
  randomPolynomial,
  resolveTweak,
  secp256k1Group as group,
  taggedHash,
  tweakPublicShare,
  tweakShare,
  xOnly,
  type ExtendedKey,
  type Point,
  type TweakContext,
} from "./index.ts";
import { seededRng } from "./testing/index.ts";

const { order: q } = group;

/** Key and chain code of a serialised extended public key (BIP32): version 4, depth 1, parent 4, index 4, then these. */
function readXpub(xpub: string): ExtendedKey {
  const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  const value = Array.from(xpub).reduce((sum, letter) => sum * 58n + BigInt(alphabet.indexOf(letter)), 0n);
  const bytes = fromHex(value.toString(16).padStart(164, "0"));
  return { chainCode: bytes.slice(13, 45), publicKey: group.decode(bytes.slice(45, 78)) };
}

/** BIP32's test vectors 1 and 2, the public derivations in them: parent, index, child. */
const BIP32: readonly (readonly [string, string, number, string])[] = [
  [
    "vector 1, m/0'/1",
    "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
    1,
    "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
  ],
  [
    "vector 1, m/0'/1/2'/2",
    "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
    2,
    "xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
  ],
  [
    "vector 1, m/0'/1/2'/2/1000000000",
    "xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
    1000000000,
    "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
  ],
  [
    "vector 2, m/0",
    "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
    0,
    "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
  ],
  [
    "vector 2, m/0/2147483647'/1",
    "xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
    1,
    "xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon",
  ],
  [
    "vector 2, m/0/2147483647'/1/2147483646'/2",
    "xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
    2,
    "xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
  ],
];

const keyOf = (secret: bigint, chainCode = new Uint8Array(32).fill(3)): ExtendedKey => ({
  publicKey: group.multiplyBase(secret),
  chainCode,
});

describe("BIP32 derivation", () => {
  for (const [name, parent, index, child] of BIP32) {
    test(`gives ${name}`, () => {
      const expected = readXpub(child);
      const derived = deriveChild(group, readXpub(parent), index);
      assert.deepEqual(group.encode(derived.publicKey), group.encode(expected.publicKey));
      assert.deepEqual(derived.chainCode, expected.chainCode);
      const sum = group.add(readXpub(parent).publicKey, group.multiplyBase(derived.addend));
      assert.ok(group.equals(sum, derived.publicKey), "parent + addend·G");
    });
  }

  test("refuses hardened indices and what is no index", () => {
    for (const index of [2 ** 31, 2 ** 31 + 5, 2 ** 32, -1, 1.5, Number.NaN, Infinity]) {
      assert.throws(() => deriveChild(group, keyOf(5n), index), RangeError, `${index}`);
      const tweak = { path: [0, index], taproot: null };
      assert.throws(() => resolveTweak(group, keyOf(5n), tweak, { evenY: false }), RangeError, `${index}`);
    }
    assert.doesNotThrow(() => deriveChild(group, keyOf(5n), 2 ** 31 - 1));
  });

  test("refuses a child that BIP32 calls invalid: the identity, or an addend of q or more", () => {
    const parent = keyOf(5n);
    const toIdentity = { ...group, multiplyBase: () => group.negate(parent.publicKey) };
    assert.throws(() => deriveChild(toIdentity, parent, 0), /invalid \(BIP32\): use the next index/);
    const tooLarge = { ...group, decodeScalar: (bytes: Uint8Array) => group.decodeScalar(bytes.map(() => 0xff)) };
    assert.throws(() => deriveChild(tooLarge, parent, 0), /below the group order/);
  });

  test("is defined for secp256k1 and 32 bytes of chain code only", () => {
    const edwards = { publicKey: ed25519Group.generator, chainCode: new Uint8Array(32) };
    assert.throws(() => deriveChild(ed25519Group, edwards, 0), { name: "AssertionError" });
    for (const length of [0, 31, 33]) {
      assert.throws(() => deriveChild(group, keyOf(5n, new Uint8Array(length)), 0), { name: "AssertionError" });
    }
  });
});

interface WalletVector {
  readonly given: { readonly internalPubkey: string };
  readonly intermediary: { readonly merkleRoot: string | null; readonly tweak: string; readonly tweakedPubkey: string };
}

const lift = (x: string): ExtendedKey => ({
  publicKey: group.decode(fromHex(`02${x}`)),
  chainCode: new Uint8Array(32),
});

describe("BIP341 output keys", () => {
  // BIP341's wallet vectors, as published with the BIP.
  const path = new URL(import.meta.resolve("bitcore-lib/test/data/bitcoind/wallet_test_vectors.json"));
  const vectors = (JSON.parse(readFileSync(path, "utf8")) as { scriptPubKey: WalletVector[] }).scriptPubKey;

  test("are those of the wallet vectors, from the internal key with either parity", () => {
    assert.equal(vectors.length, 7);
    for (const { given, intermediary } of vectors) {
      const merkleRoot = intermediary.merkleRoot === null ? null : fromHex(intermediary.merkleRoot);
      const even = lift(given.internalPubkey);
      const odd = { ...even, publicKey: group.negate(even.publicKey) };
      for (const key of [even, odd]) {
        for (const evenY of [true, false]) {
          const tweaked = resolveTweak(group, key, { path: [], taproot: { merkleRoot } }, { evenY });
          assert.equal(toHex(xOnly(group, tweaked.publicKey)), intermediary.tweakedPubkey);
          assert.ok(group.equals(tweaked.internalKey, key.publicKey));
          if (evenY) assert.ok(group.hasEvenY(tweaked.publicKey));
        }
      }
      const plain = resolveTweak(group, even, { path: [], taproot: { merkleRoot } }, { evenY: false });
      assert.equal(plain.offset, BigInt(`0x${intermediary.tweak}`), "t of the BIP, if nothing is negated");
      assert.equal(plain.sign, 1n);
    }
  });

  test("are those of BIP86 for its account", () => {
    // BIP86, "Test vectors": account 0, then internal and output key of three addresses.
    const account = readXpub(
      "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ",
    );
    const addresses: [number[], string, string][] = [
      [
        [0, 0],
        "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
        "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
      ],
      [
        [0, 1],
        "83dfe85a3151d2517290da461fe2815591ef69f2b18a2ce63f01697a8b313145",
        "a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
      ],
      [
        [1, 0],
        "399f1b2f4393f29a18c937859c5dd8a77350103157eb880f02e8c08214277cef",
        "882d74e5d0572d5a816cef0041a96b6c1de832f6f9676d9605c44d5e9a97d3dc",
      ],
    ];
    for (const [path, internal, output] of addresses) {
      const tweaked = resolveTweak(group, account, { path, taproot: { merkleRoot: null } }, { evenY: true });
      assert.equal(toHex(xOnly(group, tweaked.internalKey)), internal);
      assert.equal(toHex(xOnly(group, tweaked.publicKey)), output);
    }
  });

  test("do not exist for a Merkle root of another length, a tweak of q or more, or the identity", () => {
    const short = { path: [], taproot: { merkleRoot: new Uint8Array(31) } };
    assert.throws(() => resolveTweak(group, keyOf(5n), short, { evenY: true }), { name: "AssertionError" });
    const taproot: TweakContext = { path: [], taproot: { merkleRoot: null } };
    const tooLarge = { ...group, decodeScalar: (bytes: Uint8Array) => group.decodeScalar(bytes.map(() => 0xff)) };
    assert.throws(() => resolveTweak(tooLarge, keyOf(5n), taproot, { evenY: true }), /below the group order/);
    const even = group.hasEvenY(keyOf(5n).publicKey) ? keyOf(5n) : keyOf(q - 5n);
    const toIdentity = { ...group, multiplyBase: () => group.negate(even.publicKey) };
    assert.throws(() => resolveTweak(toIdentity, even, taproot, { evenY: true }), /output key is the identity/);
  });

  test("commit to the Merkle root and to the absence of one", () => {
    const outputs = [null, new Uint8Array(32), new Uint8Array(32).fill(1)].map((merkleRoot) =>
      toHex(
        xOnly(group, resolveTweak(group, keyOf(5n), { path: [], taproot: { merkleRoot } }, { evenY: true }).publicKey),
      ),
    );
    assert.equal(new Set([...outputs, toHex(xOnly(group, keyOf(5n).publicKey))]).size, 4);
  });
});

describe("tagged hashes", () => {
  test("are BIP340's: the tag's digest twice in front", () => {
    // BIP86's first address: hash_TapTweak of its internal key, known from the output key above.
    const internal = lift("cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115");
    const tweak = BigInt(`0x${toHex(taggedHash("TapTweak", xOnly(group, internal.publicKey)))}`);
    const output = group.add(internal.publicKey, group.multiplyBase(tweak));
    assert.equal(toHex(xOnly(group, output)), "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c");
    assert.notDeepEqual(taggedHash("a", Uint8Array.of(1)), taggedHash("b", Uint8Array.of(1)));
    assert.deepEqual(taggedHash("a", Uint8Array.of(1), Uint8Array.of(2)), taggedHash("a", Uint8Array.of(1, 2)));
  });
});

const CONTEXTS: readonly (readonly [string, TweakContext])[] = [
  ["nothing", NO_TWEAK],
  ["a path", { path: [0, 7], taproot: null }],
  ["Taproot without scripts", { path: [], taproot: { merkleRoot: null } }],
  ["Taproot with scripts", { path: [], taproot: { merkleRoot: new Uint8Array(32).fill(9) } }],
  ["a path and Taproot", { path: [1, 2, 3], taproot: { merkleRoot: null } }],
];

/** Group secrets until every wanted parity of (derived key, output key) has come up. */
function secretsOfEveryParity(context: TweakContext): bigint[] {
  const found = new Map<string, bigint>();
  const wanted = context.taproot === null ? 2 : 4;
  for (let secret = 1000n; found.size < wanted; secret++) {
    const { internalKey, publicKey } = resolveTweak(group, keyOf(secret), context, { evenY: false });
    found.set(`${group.hasEvenY(internalKey)}/${group.hasEvenY(publicKey)}`, secret);
    assert.ok(secret < 1200n, "both parities are about equally frequent");
  }
  return [...found.values()];
}

describe("tweaked shares", () => {
  for (const [name, context] of CONTEXTS) {
    for (const evenY of [true, false]) {
      test(`of ${name}, ${evenY ? "even y" : "any y"}, are shares of the tweaked key for every parity and subset`, () => {
        const rng = seededRng(`tweaks/${name}/${evenY}`);
        for (const secret of secretsOfEveryParity(context)) {
          const polynomial = [secret, ...randomPolynomial(group, 2, rng)];
          const tweaked = resolveTweak(group, keyOf(secret), context, { evenY });
          const share = (x: number): bigint => tweakShare(group, tweaked, evaluate(group, polynomial, x));
          const publicShare = (x: number): Point =>
            tweakPublicShare(group, tweaked, group.multiplyBase(evaluate(group, polynomial, x)));
          for (const x of [1, 2, 5]) {
            assert.ok(group.equals(group.multiplyBase(share(x)), publicShare(x)), `x = ${x}`);
            assert.ok(share(x) > 0n && share(x) < q);
          }
          for (const signers of [
            [1, 2, 3],
            [2, 4, 5],
            [5, 1, 3, 2],
          ]) {
            const weights = signers.map((x) => coefficientAtZero(group, signers, x));
            const tweakedSecret = mod(
              signers.reduce((sum, x, i) => sum + weights[i]! * share(x), 0n),
              q,
            );
            assert.equal(tweakedSecret, mod(tweaked.sign * secret + tweaked.offset, q));
            assert.ok(group.equals(group.multiplyBase(tweakedSecret), tweaked.publicKey));
            assert.ok(group.equals(group.combine(signers.map(publicShare), weights), tweaked.publicKey));
          }
          if (evenY) assert.ok(group.hasEvenY(tweaked.publicKey));
        }
      });
    }
  }

  test("make a secret whose BIP340 signatures verify under the output key, by another implementation", () => {
    const message = new Uint8Array(32).fill(8);
    for (const [name, context] of CONTEXTS) {
      for (const secret of secretsOfEveryParity(context)) {
        const tweaked = resolveTweak(group, keyOf(secret), context, { evenY: true });
        const signature = schnorr.sign(
          message,
          group.encodeScalar(tweakShare(group, tweaked, secret)),
          new Uint8Array(32),
        );
        assert.ok(schnorr.verify(signature, message, xOnly(group, tweaked.publicKey)), name);
      }
    }
  });

  test("of another tweak are not shares of this key", () => {
    const [here, there] = [0, 1].map((index) =>
      resolveTweak(group, keyOf(5n), { path: [index], taproot: null }, { evenY: true }),
    );
    assert.notEqual(tweakShare(group, here!, 5n), tweakShare(group, there!, 5n));
    assert.equal(group.equals(here!.publicKey, there!.publicKey), false);
  });

  test("of no tweak are the shares themselves, but for the parity that BIP340 asks for", () => {
    const plain = resolveTweak(
      ed25519Group,
      { publicKey: ed25519Group.generator, chainCode: new Uint8Array(32) },
      NO_TWEAK,
      {
        evenY: false,
      },
    );
    assert.deepEqual([plain.sign, plain.offset], [1n, 0n]);
    assert.equal(tweakShare(ed25519Group, plain, 77n), 77n);
    assert.ok(ed25519Group.equals(plain.publicKey, ed25519Group.generator));
    const signs = new Set(
      [1n, 2n, 3n, 4n, 5n, 6n].map((k) => resolveTweak(group, keyOf(k), NO_TWEAK, { evenY: true }).sign),
    );
    assert.equal(signs.size, 2);
  });
});
