import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Prevout, SignedSpend } from "@conclave/bitcoin";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { RawTx } from "@scure/btc-signer/script.js";
import fc from "fast-check";
import { bitcoinjsOpinion } from "./index.ts";
import { interpreterAccepts, wallyAccepts } from "./testing/judges.ts";
import { keyHashScript, signedSpend, taprootScript, witnessesFor } from "./testing/spend.ts";
import type { RawTransaction, SpendKeys } from "./testing/spend.ts";

const keys: SpendKeys = { keyHashSecret: new Uint8Array(32).fill(11), taprootSecret: new Uint8Array(32).fill(12) };

interface Parts {
  tx: RawTransaction;
  witnesses: Uint8Array<ArrayBuffer>[][];
  prevouts: Prevout[];
}

interface Mutation {
  readonly name: string;
  readonly apply: (parts: Parts) => void;
  /** What our verifier says. */
  readonly reason: RegExp;
  /** True where a judge that knows signatures only sees nothing wrong. */
  readonly signaturesStand?: true;
}

const withHashType =
  (type: number) =>
  ({ witnesses }: Parts): void => {
    witnesses[1]![0] = Uint8Array.from([...witnesses[1]![0]!, type]);
  };

/** The signature of the P2WPKH input with s replaced by n − s: the same statement, the form that nobody relays. */
function highS({ witnesses }: Parts): void {
  const [signature] = witnesses[0]!;
  const { r, s } = secp256k1.Signature.fromBytes(signature!.slice(0, -1), "der");
  const high = new secp256k1.Signature(r, secp256k1.Point.Fn.ORDER - s);
  witnesses[0]![0] = Uint8Array.from([...high.toBytes("der"), 1]);
}

/** One row per way to change a transaction that Bitcoin Core 26's consensus library was seen to refuse, and some of policy. */
const mutations: readonly Mutation[] = [
  { name: "an output value", apply: ({ tx }) => (tx.outputs[0]!.amount -= 1n), reason: /does not verify/ },
  { name: "the order of outputs", apply: ({ tx }) => tx.outputs.reverse(), reason: /does not verify/ },
  { name: "an output script", apply: ({ tx }) => (tx.outputs[1]!.script[5]! ^= 1), reason: /does not verify/ },
  { name: "a sequence", apply: ({ tx }) => (tx.inputs[0]!.sequence = 0xffff_fffe), reason: /does not verify/ },
  { name: "the locktime", apply: ({ tx }) => (tx.lockTime += 1), reason: /does not verify/ },
  { name: "the version", apply: ({ tx }) => (tx.version = 1), reason: /does not verify/ },
  { name: "an outpoint", apply: ({ tx }) => (tx.inputs[1]!.index += 1), reason: /does not verify/ },
  {
    name: "the amount of the P2WPKH coin",
    apply: ({ prevouts }) => (prevouts[0] = { ...prevouts[0]!, value: 70_001n }),
    reason: /does not verify/,
  },
  {
    name: "the amount of the Taproot coin",
    apply: ({ prevouts }) => (prevouts[1] = { ...prevouts[1]!, value: 50_001n }),
    reason: /input 1 .*does not verify/,
  },
  {
    name: "a bit of the Schnorr signature",
    apply: ({ witnesses }) => (witnesses[1]![0]![63]! ^= 1),
    reason: /Schnorr signature does not verify/,
  },
  {
    name: "a bit of the ECDSA signature",
    apply: ({ witnesses }) => (witnesses[0]![0]![40]! ^= 1),
    reason: /ECDSA signature does not verify/,
  },
  {
    name: "a Schnorr signature by another key",
    apply: (parts) =>
      (parts.witnesses = witnessesFor(parts.tx, parts.prevouts, {
        ...keys,
        taprootSecret: new Uint8Array(32).fill(13),
      })),
    reason: /Schnorr signature does not verify/,
  },
  {
    name: "a foreign public key",
    apply: ({ witnesses }) => (witnesses[0]![1] = Uint8Array.from(secp256k1.getPublicKey(new Uint8Array(32).fill(9)))),
    reason: /not the one that the coin is locked to/,
  },
  {
    name: "an added hash type ALL on the Schnorr signature",
    apply: withHashType(1),
    reason: /not 64 bytes/,
    signaturesStand: true,
  },
  {
    name: "an added hash type NONE on the ECDSA signature",
    apply: ({ witnesses }) => (witnesses[0]![0] = Uint8Array.from([...witnesses[0]![0]!.slice(0, -1), 2])),
    reason: /only the hash type ALL/,
    signaturesStand: true,
  },
  {
    name: "65 bytes of Schnorr signature ending in 0",
    apply: withHashType(0),
    reason: /not 64 bytes/,
    signaturesStand: true,
  },
  {
    name: "an annex on the key path",
    apply: ({ witnesses }) => witnesses[1]!.push(Uint8Array.of(0x50, 1)),
    reason: /exactly one witness item/,
    signaturesStand: true,
  },
  {
    name: "a scriptSig on the Taproot input",
    apply: ({ tx }) => (tx.inputs[1]!.finalScriptSig = Uint8Array.of(0x51)),
    reason: /scriptSig .*not empty/,
    signaturesStand: true,
  },
  {
    name: "a scriptSig on the P2WPKH input",
    apply: ({ tx }) => (tx.inputs[0]!.finalScriptSig = Uint8Array.of(0x51)),
    reason: /scriptSig .*not empty/,
    signaturesStand: true,
  },
  {
    name: "a third witness item",
    apply: ({ witnesses }) => witnesses[0]!.push(Uint8Array.of(1)),
    reason: /not one signature and one key/,
    signaturesStand: true,
  },
  { name: "a high S", apply: highS, reason: /S value .*high/ },
];

/** Applies a change to a fresh copy of the signed transaction. */
function mutated({ apply }: Pick<Mutation, "apply">): SignedSpend {
  const { decoded, prevouts } = signedSpend(keys);
  const { witnesses, ...tx } = decoded;
  const parts: Parts = {
    tx: { ...tx, witnesses: undefined },
    witnesses: witnesses as Parts["witnesses"],
    prevouts: [...prevouts],
  };
  apply(parts);
  return {
    rawTx: RawTx.encode({ ...parts.tx, segwitFlag: true, witnesses: parts.witnesses }),
    prevouts: parts.prevouts,
  };
}

describe("a correctly signed transaction", () => {
  test("is accepted by every judge", () => {
    const spend = signedSpend(keys);
    assert.deepEqual(bitcoinjsOpinion(spend), []);
    assert.ok(interpreterAccepts(spend));
    assert.ok(wallyAccepts(spend));
  });

  test("is accepted whatever the keys are, and refused after any mutation of the table", () => {
    const secret = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .filter((bytes) => secp256k1.utils.isValidSecretKey(bytes));
    fc.assert(
      fc.property(
        secret,
        secret,
        fc.constantFrom(...mutations.slice(0, 6)),
        (keyHashSecret, taprootSecret, { apply }) => {
          const spend = signedSpend({ keyHashSecret, taprootSecret });
          assert.deepEqual(bitcoinjsOpinion(spend), []);
          const { witnesses, ...tx } = spend.decoded;
          const parts: Parts = {
            tx: { ...tx, witnesses: undefined },
            witnesses: witnesses as Parts["witnesses"],
            prevouts: [...spend.prevouts],
          };
          apply(parts);
          const rawTx = RawTx.encode({ ...parts.tx, segwitFlag: true, witnesses: parts.witnesses });
          assert.equal(bitcoinjsOpinion({ rawTx, prevouts: parts.prevouts }).length, 2);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("is accepted for an output key that begins with a zero byte", () => {
    let secret = 1n;
    const asBytes = (value: bigint): Uint8Array => secp256k1.Point.Fn.toBytes(value);
    while (schnorr.getPublicKey(asBytes(secret))[0] !== 0) secret += 1n;
    const spend = signedSpend({ ...keys, taprootSecret: asBytes(secret) });
    assert.deepEqual(bitcoinjsOpinion(spend), []);
    assert.ok(interpreterAccepts(spend));
  });
});

describe("a mutated transaction is refused: ", () => {
  for (const mutation of mutations) {
    test(mutation.name, () => {
      const spend = mutated(mutation);
      const reasons = bitcoinjsOpinion(spend);
      assert.ok(reasons.length > 0, "refused by us");
      assert.match(reasons.join("; "), mutation.reason);
      assert.equal(interpreterAccepts(spend), false, "and by an interpreter");
      assert.equal(
        wallyAccepts(spend),
        mutation.signaturesStand === true,
        "and by whoever looks at signatures only, if they changed",
      );
    });
  }
});

describe("what is wrong with a transaction as a whole is refused: ", () => {
  const refused = (apply: Mutation["apply"], reason: RegExp): void =>
    assert.match(bitcoinjsOpinion(mutated({ apply })).join("; "), reason);
  const good = signedSpend(keys);

  test("bytes that are none", () =>
    assert.deepEqual(bitcoinjsOpinion({ ...good, rawTx: Uint8Array.of(1, 2, 3) }), [
      "the bytes are not a transaction",
    ]));
  test("any truncation", () => {
    for (let length = 0; length < good.rawTx.length; length++) {
      assert.ok(bitcoinjsOpinion({ ...good, rawTx: good.rawTx.slice(0, length) }).length > 0, String(length));
    }
  });
  test("trailing bytes", () =>
    assert.ok(bitcoinjsOpinion({ ...good, rawTx: Uint8Array.from([...good.rawTx, 0]) }).length > 0));
  test("a count in a longer form than needed", () => {
    const padded = Uint8Array.from([...good.rawTx.slice(0, 6), 0xfd, 2, 0, ...good.rawTx.slice(7)]);
    assert.equal(good.rawTx[6], 2, "the input count stands behind version, marker and flag");
    assert.match(
      bitcoinjsOpinion({ ...good, rawTx: padded }).join(),
      /not the canonical serialization|not a transaction/,
    );
  });
  test("more bytes than are relayed", () =>
    assert.match(bitcoinjsOpinion({ ...good, rawTx: new Uint8Array(400_001) }).join(), /too large/));
  test("more weight than is relayed", () =>
    refused(({ tx }) => (tx.outputs[0]!.script = new Uint8Array(120_000)), /too heavy/));
  test("no previous output for an input", () => refused(({ prevouts }) => prevouts.pop(), /2 inputs, but 1 previous/));
  test("no output", () => refused(({ tx }) => (tx.outputs = []), /no input or no output/));
  test("a coin spent twice", () => refused(({ tx }) => (tx.inputs[1] = tx.inputs[0]!), /spent twice/));
  test("version 4", () => refused(({ tx }) => (tx.version = 4), /version 4/));
  test("more paid than spent", () =>
    refused(({ tx }) => (tx.outputs[0]!.amount = 200_000n), /worth more than the inputs/));
  test("an output above 21 million BTC", () =>
    refused(({ tx }) => (tx.outputs[0]!.amount = 2_100_000_000_000_001n), /an amount is out of range/));
  test("a coin above 21 million BTC", () =>
    refused(
      ({ prevouts }) => (prevouts[0] = { ...prevouts[0]!, value: 2_100_000_000_000_001n }),
      /an amount is out of range/,
    ));
  test("coins that together exceed 21 million BTC", () =>
    refused(
      ({ prevouts }) => prevouts.forEach((prevout, i) => (prevouts[i] = { ...prevout, value: 1_500_000_000_000_000n })),
      /together are out of range/,
    ));
});

describe("what one input may not be is refused: ", () => {
  const refused = (apply: Mutation["apply"], reason: RegExp): void =>
    assert.match(bitcoinjsOpinion(mutated({ apply })).join("; "), reason);
  const spends =
    (script: Uint8Array) =>
    ({ prevouts }: Parts): void =>
      void (prevouts[1] = { ...prevouts[1]!, script });

  test("a P2SH coin", () => refused(spends(Uint8Array.from([0xa9, 20, ...new Uint8Array(20), 0x87])), /does not use/));
  test("a P2WSH coin", () => refused(spends(Uint8Array.from([0, 32, ...new Uint8Array(32)])), /does not use/));
  test("a coin of witness version 2", () =>
    refused(spends(Uint8Array.from([0x52, 32, ...new Uint8Array(32)])), /does not use/));
  test("22 bytes that are no P2WPKH script", () =>
    refused(spends(Uint8Array.from([0x51, 20, ...new Uint8Array(20)])), /does not use/));
  test("an empty P2WPKH witness, or one without its key", () => {
    refused(({ witnesses }) => (witnesses[0] = []), /not one signature and one key/);
    refused(({ witnesses }) => witnesses[0]!.pop(), /not one signature and one key/);
  });
  test("an output key off the curve", () =>
    refused(spends(taprootScript(new Uint8Array(32).fill(0xff))), /not on the curve/));
  test("an empty Taproot witness", () => refused(({ witnesses }) => (witnesses[1] = []), /exactly one witness item/));
  test("an empty Schnorr signature", () =>
    refused(({ witnesses }) => (witnesses[1] = [Uint8Array.of()]), /not 64 bytes/));
  test("a Schnorr signature whose parts are out of range", () =>
    refused(({ witnesses }) => (witnesses[1] = [new Uint8Array(64).fill(0xff)]), /Schnorr signature does not verify/));
  test("an empty ECDSA signature", () =>
    refused(({ witnesses }) => (witnesses[0]![0] = Uint8Array.of()), /not strict DER/));
  test("a padded DER signature", () =>
    refused(
      ({ witnesses }) => (witnesses[0]![0] = Uint8Array.from([...witnesses[0]![0]!.slice(0, -1), 0, 1])),
      /not strict DER/,
    ));
  test("an ECDSA signature whose parts are out of range", () => {
    const integer = [2, 33, 0, ...new Uint8Array(32).fill(0xff)];
    refused(
      ({ witnesses }) => (witnesses[0]![0] = Uint8Array.from([0x30, 70, ...integer, ...integer, 1])),
      /ECDSA signature does not verify/,
    );
  });
  test("an uncompressed key", () => {
    const publicKey = secp256k1.getPublicKey(keys.keyHashSecret, false);
    refused((parts) => {
      parts.prevouts[0] = { ...parts.prevouts[0]!, script: keyHashScript(publicKey) };
      parts.witnesses[0]![1] = Uint8Array.from(publicKey);
    }, /not a compressed point/);
  });
  test("every input with a fault is named", () =>
    assert.deepEqual(
      bitcoinjsOpinion(
        mutated({ apply: ({ witnesses }) => witnesses.forEach((items) => items.push(Uint8Array.of(1))) }),
      ).map((reason) => reason.slice(0, 7)),
      ["input 0", "input 1"],
    ));
});
