import { concatBytes, fromHex, toHex } from "@conclave/bytes";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ed25519Group, mod, portableEngine, secp256k1Group, type Engine, type Point } from "../index.ts";
import { EDGE_CASES } from "./ed25519-edge-cases.ts";
import { groupContract } from "./group-contract.ts";
import { multiplyContract } from "./multiply-contract.ts";
import { otContract } from "./ot-contract.ts";
import { seededRng } from "./rng.ts";

/** What every `Engine` promises: the portable engine's answers, bit for bit, and the standards' vectors. Registers tests. */
export function engineContract(engine: Engine): void {
  describe(`${engine.name} engine`, () => {
    groupContract(engine.secp256k1, secp256k1Group);
    groupContract(engine.ed25519, ed25519Group);
    hashes(engine);
    signing(engine);
    verifying(engine);
    edgeCases(engine);
    keyExchange(engine);
    otContract(engine.ot);
    multiplyContract(engine);
  });
}

function hashes(engine: Engine): void {
  test("hashes as FIPS 180-4 says: the NIST examples for abc and for nothing", () => {
    const abc = Uint8Array.of(97, 98, 99);
    assert.equal(toHex(engine.sha256(abc)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert.equal(
      toHex(engine.sha512(abc)),
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    );
    const nothing = new Uint8Array(0);
    assert.equal(toHex(engine.sha256(nothing)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test("hashes every length around the block sizes like the portable engine, into plain arrays of their own", () => {
    const rng = seededRng("hashes");
    for (const length of [0, 1, 31, 32, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000]) {
      const bytes = rng(length);
      for (const hash of ["sha256", "sha512"] as const) {
        const digest = engine[hash](bytes);
        assert.deepEqual(digest, portableEngine[hash](bytes), `${hash} of ${length} bytes`);
        assert.equal(Object.getPrototypeOf(digest), Uint8Array.prototype);
        assert.equal(digest.buffer.byteLength, digest.length, "no view into a shared pool");
      }
    }
  });
}

/** RFC 8032 §7.1, tests 1, 2, 3 and SHA(abc): seed, public key, message, signature. */
const RFC_8032: readonly (readonly [string, string, string, string])[] = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
  [
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  ],
];

function signing(engine: Engine): void {
  test("signs and verifies as RFC 8032 §7.1", () => {
    for (const [seed, publicKey, message, signature] of RFC_8032) {
      const signer = engine.ed25519Signer(fromHex(seed));
      assert.equal(toHex(signer.publicKey), publicKey);
      assert.equal(toHex(signer.sign(fromHex(message))), signature);
      assert.equal(engine.ed25519Verifier(fromHex(publicKey))(fromHex(message), fromHex(signature)), true);
    }
  });

  test("signs random messages like the portable engine, into plain arrays", () => {
    const rng = seededRng("signing");
    for (const length of [0, 1, 32, 200]) {
      const [seed, message] = [rng(32), rng(length)];
      const [signer, portable] = [engine.ed25519Signer(seed), portableEngine.ed25519Signer(seed)];
      assert.deepEqual(signer.publicKey, portable.publicKey);
      const signature = signer.sign(message);
      assert.deepEqual(signature, portable.sign(message));
      assert.equal(Object.getPrototypeOf(signature), Uint8Array.prototype);
      assert.equal(signature.buffer.byteLength, 64, "no view into a shared pool");
    }
  });

  test("keeps its own copy of the seed", () => {
    const seed = seededRng("copy")(32);
    const signer = engine.ed25519Signer(seed);
    const before = signer.sign(Uint8Array.of(1));
    seed.fill(0);
    assert.deepEqual(signer.sign(Uint8Array.of(1)), before);
  });

  test("refuses seeds of another length", () => {
    for (const length of [0, 31, 33, 64]) assert.throws(() => engine.ed25519Signer(new Uint8Array(length)), RangeError);
  });
}

function verifying(engine: Engine): void {
  const rng = seededRng("verifying");
  const signer = portableEngine.ed25519Signer(rng(32));
  const message = rng(50);
  const signature = signer.sign(message);
  const verify = engine.ed25519Verifier(signer.publicKey);

  test("accepts a signature, and none with any bit of it, the message or the key changed", () => {
    assert.equal(verify(message, signature), true);
    const flip = (bytes: Uint8Array, bit: number): Uint8Array =>
      bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    for (let bit = 0; bit < 512; bit += 7) assert.equal(verify(message, flip(signature, bit)), false, `bit ${bit}`);
    for (let bit = 0; bit < 400; bit += 39) assert.equal(verify(flip(message, bit), signature), false, `bit ${bit}`);
    const other = engine.ed25519Verifier(engine.ed25519Signer(rng(32)).publicKey);
    assert.equal(other(message, signature), false);
  });

  test("answers false to signatures of another length, and throws on none", () => {
    for (const length of [0, 1, 32, 63, 65, 128]) assert.equal(verify(message, new Uint8Array(length)), false);
    assert.equal(verify(message, concatBytes(signature, Uint8Array.of(0))), false);
    assert.equal(verify(message, signature.subarray(0, 63)), false);
  });

  test("keeps its own copy of the public key", () => {
    const key = signer.publicKey.slice();
    const own = engine.ed25519Verifier(key);
    key.fill(0);
    assert.equal(own(message, signature), true);
  });

  test("agrees with the portable engine on random bytes", () => {
    for (let i = 0; i < 20; i++) {
      const bytes = rng(64);
      assert.equal(verify(message, bytes), portableEngine.ed25519Verifier(signer.publicKey)(message, bytes));
    }
  });
}

function edgeCases(engine: Engine): void {
  const refusesKey = (publicKey: Uint8Array): boolean => {
    try {
      engine.ed25519Verifier(publicKey);
      return false;
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
      return true;
    }
  };

  for (const { what, message, publicKey, signature } of EDGE_CASES) {
    test(`refuses ${what}, at the key or at the signature, like the portable engine`, () => {
      const key = fromHex(publicKey);
      const isPrimeOrder = what.startsWith("s ");
      assert.equal(refusesKey(key), !isPrimeOrder);
      if (isPrimeOrder) assert.equal(engine.ed25519Verifier(key)(fromHex(message), fromHex(signature)), false);
    });
  }

  // Below, the key is honest and its owner makes signatures that only some rules accept.
  const { order: L } = ed25519Group;
  const rng = seededRng("edge-cases");
  const secret = ed25519Group.reduce(rng(48));
  const publicKey = ed25519Group.encode(ed25519Group.multiplyBase(secret));
  const message = rng(20);
  const verify = engine.ed25519Verifier(publicKey);
  const respond = (nonce: bigint, R: Uint8Array): Uint8Array => {
    const h = ed25519Group.reduce(sha512(concatBytes(R, publicKey, message)));
    return concatBytes(R, ed25519Group.encodeScalar(mod(nonce + h * secret, L)));
  };
  const shifted = (signature: Uint8Array, times: bigint): Uint8Array => {
    const s = signature.slice(32).reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n) + times * L;
    const digits = s.toString(16).padStart(64, "0");
    return concatBytes(signature.slice(0, 32), fromHex(digits).reverse());
  };
  const nonce = ed25519Group.reduce(rng(48));
  const R = ed25519Group.multiplyBase(nonce);
  const honest = respond(nonce, ed25519Group.encode(R));

  test("accepts the honest signature that the following are made from", () =>
    assert.equal(verify(message, honest), true));

  test("refuses s + L, s + 2L … up to 2^256: one signature, one form", () => {
    for (let times = 1n; times <= 14n; times++)
      assert.equal(verify(message, shifted(honest, times)), false, `${times}`);
    assert.equal(verify(message, concatBytes(honest.slice(0, 32), new Uint8Array(32).fill(0xff))), false);
  });

  test("refuses R of mixed order, which the cofactored equation accepts", () => {
    const torsion = ed25519.Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
    const mixed = (R as Point & InstanceType<typeof ed25519.Point>).add(torsion).toBytes();
    const signature = respond(nonce, mixed);
    assert.equal(ed25519.verify(signature, message, publicKey, { zip215: true }), true, "cofactored");
    assert.equal(verify(message, signature), false);
  });

  test("refuses R = identity in every encoding, which RFC 8032 alone would let the key's owner use", () => {
    const encodings = [
      `01${"00".repeat(31)}`,
      `01${"00".repeat(30)}80`,
      `ee${"ff".repeat(30)}7f`,
      `ee${"ff".repeat(31)}`,
    ];
    for (const hex of encodings) {
      const signature = respond(0n, fromHex(hex));
      assert.equal(verify(message, signature), false, hex);
      assert.equal(portableEngine.ed25519Verifier(publicKey)(message, signature), false, hex);
    }
  });

  test("refuses R of small order", () => {
    for (const hex of [`ec${"ff".repeat(30)}7f`, "00".repeat(32), `${"00".repeat(31)}80`]) {
      assert.equal(verify(message, respond(0n, fromHex(hex))), false, hex);
    }
  });

  test("refuses public keys that are not on the curve, not canonical, of another length, or the identity", () => {
    for (const hex of [
      `02${"00".repeat(31)}`,
      `01${"00".repeat(31)}`,
      `ee${"ff".repeat(30)}7f`,
      "00".repeat(31),
      "00".repeat(33),
    ]) {
      assert.ok(refusesKey(fromHex(hex)), hex);
    }
  });
}

/** RFC 7748 §5.2 (scalar, u, result; the second u has its unused bit set) and §6.1. */
const RFC_7748: readonly (readonly [string, string, string])[] = [
  [
    "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  ],
  [
    "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
  ],
];

function keyExchange(engine: Engine): void {
  test("exchanges keys as RFC 7748 §5.2 and §6.1", () => {
    for (const [scalar, u, result] of RFC_7748) {
      assert.equal(toHex(engine.x25519Shared(fromHex(scalar), fromHex(u))), result);
    }
    const alice = fromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const bob = fromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    assert.equal(toHex(engine.x25519Public(alice)), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    assert.equal(toHex(engine.x25519Public(bob)), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    assert.equal(toHex(engine.x25519Shared(alice, engine.x25519Public(bob))), shared);
    assert.equal(toHex(engine.x25519Shared(bob, engine.x25519Public(alice))), shared);
  });

  test("gives RFC 7748 §5.2's result after 1 and after 1 000 iterations", () => {
    let k: Uint8Array = Uint8Array.of(9, ...new Uint8Array(31));
    let u = k;
    for (let i = 1; i <= 1000; i++) {
      [k, u] = [engine.x25519Shared(k, u), k];
      if (i === 1) assert.equal(toHex(k), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
    assert.equal(toHex(k), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
  });

  test("agrees with the portable engine on random keys, into plain arrays", () => {
    const rng = seededRng("x25519");
    for (let i = 0; i < 8; i++) {
      const [secret, peer] = [rng(32), rng(32)];
      assert.deepEqual(engine.x25519Public(secret), portableEngine.x25519Public(secret));
      const shared = engine.x25519Shared(secret, peer);
      assert.deepEqual(shared, portableEngine.x25519Shared(secret, peer));
      assert.equal(Object.getPrototypeOf(shared), Uint8Array.prototype);
    }
  });

  test("takes u above the field prime and with its unused bit set as RFC 7748 §5 says: reduced, masked", () => {
    const secret = seededRng("non-canonical")(32);
    // p + 2 … 2^255 − 1, with and without the top bit, equal 2 … 18.
    for (let low = 0xef; low <= 0xff; low++) {
      const reduced = Uint8Array.of(low - 0xed, ...new Uint8Array(31));
      const expected = engine.x25519Shared(secret, reduced);
      for (const top of [0x7f, 0xff]) {
        const peer = Uint8Array.of(low, ...new Uint8Array(30).fill(0xff), top);
        assert.deepEqual(engine.x25519Shared(secret, peer), expected, `${low} ${top}`);
        assert.deepEqual(portableEngine.x25519Shared(secret, peer), expected, `${low} ${top}`);
      }
    }
  });

  test("refuses public keys of small order, in every encoding, because the secret would be all zeros", () => {
    // RFC 7748 §6.1 asks for the check; the list is that of https://cr.yp.to/ecdh.html#validate, each also with the top bit.
    const list = [
      "00".repeat(32),
      `01${"00".repeat(31)}`,
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      `ec${"ff".repeat(30)}7f`,
      `ed${"ff".repeat(30)}7f`,
      `ee${"ff".repeat(30)}7f`,
    ];
    const secret = seededRng("small-order")(32);
    for (const hex of list) {
      const peer = fromHex(hex);
      assert.throws(() => engine.x25519Shared(secret, peer), RangeError, hex);
      assert.throws(() => engine.x25519Shared(secret, peer.with(31, peer[31]! | 0x80)), RangeError, hex);
    }
  });

  test("refuses keys of another length", () => {
    for (const length of [0, 31, 33]) {
      assert.throws(() => engine.x25519Public(new Uint8Array(length)), RangeError);
      assert.throws(() => engine.x25519Shared(new Uint8Array(length), new Uint8Array(32).fill(9)), RangeError);
      assert.throws(() => engine.x25519Shared(new Uint8Array(32).fill(9), new Uint8Array(length)), RangeError);
    }
  });
}
