import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import { sha256 } from "@noble/hashes/sha2.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { RawPSBTV0, RawPSBTV2 } from "@scure/btc-signer/psbt.js";
import fc from "fast-check";
import {
  buildPayment,
  finalizePayment,
  inputDigests,
  MAX_PSBT_BYTES,
  networks,
  parseAddress,
  parseTransaction,
  PaymentRefused,
  readPayment,
  sats,
  SignatureRefused,
  stripWitnesses,
  txidOf,
} from "./index.ts";
import type { PaymentParts, PaymentRefusal, PaymentView, ScriptType } from "./index.ts";
import { fundedCoin } from "./testing/funding.ts";
import { SCRIPT_TYPES, signDigest, singleKeyWallet, txidOfNumber } from "./testing/single-key-wallet.ts";

const recipient = parseAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", networks.regtest).scriptPubKey;

type Decoded = ReturnType<typeof RawPSBTV0.decode>;
type InputMap = Decoded["inputs"][number];
type OutputMap = Decoded["outputs"][number];

/** What the two types of wallet write into a PSBT. */
const KINDS = {
  p2tr: {
    seed: "payment",
    origin: (map: InputMap | OutputMap) => map.tapBip32Derivation![0]![1].der,
    originFields: ["tapInternalKey", "tapBip32Derivation"],
    hashType: 0,
    wrongLength: 65,
  },
  p2wpkh: {
    seed: "payment by key hash",
    origin: (map: InputMap | OutputMap) => map.bip32Derivation![0]![1],
    originFields: ["bip32Derivation"],
    hashType: 1,
    wrongLength: 64,
  },
} as const;

for (const scriptType of SCRIPT_TYPES) describe(`from a ${scriptType} wallet,`, () => payments(scriptType));

function payments(scriptType: ScriptType): void {
  const { seed, origin, originFields, hashType, wrongLength } = KINDS[scriptType];
  const wallet = singleKeyWallet(networks.regtest, seededRng(seed), scriptType);
  const stranger = singleKeyWallet(networks.regtest, seededRng("stranger"), scriptType);
  const coins = [
    fundedCoin(wallet, { number: 2, vout: 1, value: 60_000n, branch: 0, index: 3 }),
    fundedCoin(wallet, { number: 1, vout: 0, value: 50_000n, branch: 1, index: 0 }),
  ].toSorted((a, b) => (a.outpoint.txid < b.outpoint.txid ? 1 : -1));
  const parts: PaymentParts = {
    inputs: coins,
    recipient: { script: recipient, value: sats(80_000n) },
    metadata: utf8("invoice 7"),
    change: { index: 5, value: sats(29_000n) },
    locktime: 840_000,
  };

  const psbt = buildPayment(wallet, parts);

  describe("building and reading a payment", () => {
    test("what is read is what was built", () => {
      const view = readPayment(psbt, wallet);
      assert.deepEqual(
        view.inputs.map(({ own, ...input }) => ({ ...input, branch: own.branch, index: own.index })),
        coins
          .toReversed()
          .map(({ previous, ...coin }) =>
            scriptType === "p2tr" ? coin : { ...coin, previous: stripWitnesses(previous) },
          ),
        "in BIP69's order",
      );
      assert.deepEqual(view.recipient, parts.recipient);
      assert.deepEqual(view.metadata, parts.metadata);
      assert.deepEqual(view.change, parts.change);
      assert.equal(view.locktime, 840_000);
      assert.equal(view.fee, 1_000n);
      assert.deepEqual(
        view.outputs.map(({ value }) => value),
        [0n, 29_000n, 80_000n],
      );
    });

    test("the order in which coins are given changes nothing", () => {
      assert.ok(equalBytes(buildPayment(wallet, { ...parts, inputs: parts.inputs.toReversed() }), psbt));
    });

    test("signed, it is a transaction of the promised id and size", () => {
      const view = readPayment(psbt, wallet);
      const signed = finalizePayment(
        view,
        inputDigests(view).map((input) => signDigest(wallet, input)),
      );
      assert.equal(txidOf(parseTransaction(signed.rawTx)), view.txid);
      assert.equal(signed.txid, view.txid);
      assertSize(signed.vsize, view);
    });

    test("any payment survives the round trip, and its size was as promised", () => {
      const value = fc.bigInt({ min: 400n, max: 10n ** 12n });
      const input = fc.record({
        number: fc.integer({ min: 1, max: 1e6 }),
        vout: fc.nat(9),
        value,
        branch: fc.constantFrom(0 as const, 1 as const),
        index: fc.nat(50),
      });
      const anyPayment = fc.record({
        inputs: fc.uniqueArray(input, {
          minLength: 1,
          maxLength: 4,
          selector: ({ number, vout }) => `${number}:${vout}`,
        }),
        share: fc.integer({ min: 1, max: 90 }),
        metadata: fc.option(fc.uint8Array({ minLength: 1, maxLength: 80 })),
        changeIndex: fc.option(fc.nat(1_000_000)),
        locktime: fc.nat(499_999_999),
      });
      fc.assert(
        fc.property(anyPayment, ({ inputs, share, metadata, changeIndex, locktime }) => {
          const coins = inputs.map((funding) => fundedCoin(wallet, funding));
          const total = coins.reduce((sum, coin) => sum + coin.value, 0n);
          const paid = (total * BigInt(share)) / 100n;
          const change = changeIndex === null ? null : { index: changeIndex, value: sats((total - paid) / 2n) };
          const built = buildPayment(wallet, {
            inputs: coins,
            recipient: { script: recipient, value: sats(paid) },
            metadata,
            change,
            locktime,
          });
          const view = readPayment(built, wallet);
          assert.equal(view.fee, total - paid - (change?.value ?? 0n));
          const signed = finalizePayment(
            view,
            inputDigests(view).map((digest) => signDigest(wallet, digest)),
          );
          assertSize(signed.vsize, view);
        }),
        { numRuns: 15 },
      );
    });
  });

  /** The payment with something changed in its fields, written again. */
  function changed(change: (decoded: Decoded) => void): Uint8Array {
    const decoded = RawPSBTV0.decode(psbt);
    change(decoded);
    return RawPSBTV0.encode(decoded);
  }

  const refuses = (bytes: Uint8Array, code: PaymentRefusal): void =>
    assert.throws(
      () => readPayment(bytes, wallet),
      (error) => error instanceof PaymentRefused && (assert.equal(error.code, code, error.message), true),
    );

  describe("reading refuses", () => {
    const ownParts = (more: Partial<PaymentParts>): Uint8Array => buildPayment(wallet, { ...parts, ...more });
    const atPath =
      (path: number[]) =>
      ({ inputs }: Decoded): void =>
        void (origin(inputs[0]!).path = path);

    test("more bytes than a payment has", () =>
      refuses(concatBytes(psbt, new Uint8Array(MAX_PSBT_BYTES[scriptType])), "too-large"));
    test("bytes that are no PSBT", () => refuses(fromHex("00"), "not-a-psbt"));
    test("trailing bytes", () => refuses(concatBytes(psbt, Uint8Array.of(0)), "not-canonical"));
    test("every truncation", () => {
      for (let length = 0; length < psbt.length; length += 7) refuses(psbt.slice(0, length), "not-a-psbt");
    });
    test("a PSBT of version 2", () => {
      const { inputs, outputs } = RawPSBTV0.decode(psbt);
      const v2 = RawPSBTV2.encode({
        global: { version: 2, txVersion: 2, inputCount: 1, outputCount: 1 },
        inputs: [{ ...inputs[0]!, txid: new Uint8Array(32), index: 0 }],
        outputs: [{ ...outputs[0]!, amount: 1n, script: Uint8Array.from(recipient) }],
      });
      refuses(v2, "not-a-psbt");
    });
    test("a global field", () =>
      refuses(
        changed(({ global }) => (global.version = 0)),
        "unknown-field",
      ));
    test("an unknown field of an input", () =>
      refuses(
        changed(({ inputs }) => (inputs[0]!.unknown = [[{ type: 0x77, key: new Uint8Array() }, Uint8Array.of(1)]])),
        "unknown-field",
      ));
    test("a proprietary field of an output", () =>
      refuses(
        changed(({ outputs }) => (outputs[1]!.proprietary = [[Uint8Array.of(1, 65, 0), Uint8Array.of(1)]])),
        "unknown-field",
      ));
    test("a signature that is already there", () =>
      refuses(
        changed(({ inputs }) => {
          if (scriptType === "p2tr") inputs[0]!.tapKeySig = new Uint8Array(64);
          else inputs[0]!.partialSig = [[inputs[0]!.bip32Derivation![0]![0], new Uint8Array(71)]];
        }),
        "unknown-field",
      ));
    test("a script tree below the output key", () =>
      refuses(
        changed(({ inputs }) => (inputs[0]!.tapMerkleRoot = new Uint8Array(32))),
        "unknown-field",
      ));
    for (const type of [0, 1, 2, 3, 0x81, 0x82, 0x83].filter((other) => other !== hashType)) {
      test(`hash type 0x${type.toString(16)}`, () =>
        refuses(
          changed(({ inputs }) => (inputs[1]!.sighashType = type)),
          "sighash-type",
        ));
    }
    test("the right hash type spelled out, which would be a second encoding", () =>
      refuses(
        changed(({ inputs }) => (inputs[1]!.sighashType = hashType)),
        "unknown-field",
      ));
    test("another transaction version", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.version = 1)),
        "wrong-version",
      ));
    test("a final sequence", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.inputs[0]!.sequence = 0xffff_ffff)),
        "wrong-sequence",
      ));
    test("a relative locktime", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.inputs[1]!.sequence = 10)),
        "wrong-sequence",
      ));
    test("a locktime that is a date", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.lockTime = 500_000_000)),
        "locktime-not-a-height",
      ));
    test("a coin spent twice", () =>
      refuses(
        changed(({ global, inputs }) => {
          global.unsignedTx!.inputs[1] = global.unsignedTx!.inputs[0]!;
          inputs[1] = inputs[0]!;
        }),
        "duplicate-input",
      ));
    test("21 inputs", () =>
      refuses(
        changed(({ global, inputs }) => {
          const [first, map] = [global.unsignedTx!.inputs[0]!, inputs[0]!];
          global.unsignedTx!.inputs = Array.from({ length: 21 }, (_, index) => ({ ...first, index }));
          decodedFill(inputs, map, 21);
        }),
        "input-count",
      ));
    test("no input", () =>
      refuses(
        changed(({ global, inputs }) => {
          global.unsignedTx!.inputs = [];
          inputs.length = 0;
        }),
        "input-count",
      ));
    test("a coin of another wallet", () =>
      refuses(
        buildPayment(stranger, { ...parts, inputs: [fundedCoin(stranger, { number: 1, value: 110_000n })] }),
        "input-not-ours",
      ));
    test("a coin without a key path", () =>
      refuses(
        changed(({ inputs }) => delete inputs[0]![originFields.at(-1)!]),
        "input-not-ours",
      ));
    test("a coin without its previous output", () =>
      refuses(
        changed(({ inputs }) => delete inputs[0]!.witnessUtxo),
        "input-not-ours",
      ));
    test("a branch that does not exist", () => refuses(changed(atPath([2, 0])), "input-not-ours"));
    test("a hardened index", () => refuses(changed(atPath([0, 0x8000_0000])), "input-not-ours"));
    test("an index of 10^9", () => refuses(changed(atPath([0, 1_000_000_000])), "input-not-ours"));
    test("a deeper path", () => refuses(changed(atPath([0, 0, 0])), "input-not-ours"));
    test("the path of another of our coins", () => refuses(changed(atPath([0, 4])), "input-not-ours"));
    test("another fingerprint", () =>
      refuses(
        changed(({ inputs }) => (origin(inputs[0]!).fingerprint ^= 1)),
        "input-not-ours",
      ));
    test("a fourth output", () =>
      refuses(
        changed(({ global, outputs }) => {
          global.unsignedTx!.outputs.push({ amount: 1_000n, script: Uint8Array.from(recipient) });
          outputs.push({});
        }),
        "output-count",
      ));
    test("two outputs to others", () =>
      refuses(
        changed(({ outputs }) => {
          for (const name of originFields) delete outputs[1]![name];
        }),
        "output-count",
      ));
    test("an output to a bare script", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.outputs[2]!.script = Uint8Array.of(0x51))),
        "output-script",
      ));
    test("money in OP_RETURN", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.outputs[0]!.amount = 5n)),
        "output-script",
      ));
    test("two pushes in OP_RETURN", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.outputs[0]!.script = Uint8Array.of(0x6a, 1, 1, 1, 1))),
        "output-script",
      ));
    test("81 bytes in OP_RETURN", () =>
      refuses(
        changed(
          ({ global }) =>
            (global.unsignedTx!.outputs[0]!.script = Uint8Array.of(0x6a, 0x4c, 81, ...new Uint8Array(81))),
        ),
        "output-script",
      ));
    test("change that goes to somebody else", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.outputs[1]!.script = Uint8Array.from(recipient))),
        "change-not-ours",
      ));
    test("change on the branch that others pay to", () => {
      const receiving = RawPSBTV0.decode(ownParts({}));
      origin(receiving.outputs[1]!).path[0] = 0;
      refuses(RawPSBTV0.encode(receiving), "change-not-ours");
    });
    if (scriptType === "p2tr") {
      test("change with another internal key, which a hardware wallet would show", () =>
        refuses(
          changed(({ outputs, inputs }) => (outputs[1]!.tapInternalKey = inputs[0]!.tapInternalKey!)),
          "not-canonical",
        ));
    } else {
      test("change with another key, which a hardware wallet would show", () =>
        refuses(
          changed(({ outputs, inputs }) => (outputs[1]!.bip32Derivation![0]![0] = inputs[0]!.bip32Derivation![0]![0])),
          "not-canonical",
        ));
    }
    test("a coin above 21 million BTC", () =>
      refuses(
        changed(({ inputs }) => (inputs[0]!.witnessUtxo!.amount = 2_100_000_000_000_001n)),
        "amount-out-of-range",
      ));
    test("coins that together exceed 21 million BTC", () =>
      refuses(
        buildPayment(wallet, {
          ...parts,
          inputs: [1, 2].map((number) => fundedCoin(wallet, { number, value: 1_500_000_000_000_000n })),
        }),
        "amount-out-of-range",
      ));
    test("an output above 21 million BTC", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.outputs[2]!.amount = 2n ** 63n)),
        "amount-out-of-range",
      ));
    test("more paid than spent", () =>
      refuses(
        changed(({ global }) => (global.unsignedTx!.outputs[2]!.amount = 81_000n)),
        "negative-fee",
      ));
    test("inputs out of order", () =>
      refuses(
        changed(({ global, inputs }) => {
          global.unsignedTx!.inputs.reverse();
          inputs.reverse();
        }),
        "not-canonical",
      ));
    test("outputs out of order", () =>
      refuses(
        changed(({ global, outputs }) => {
          global.unsignedTx!.outputs.reverse();
          outputs.reverse();
        }),
        "not-canonical",
      ));
    test("every change of one bit, unless it makes another payment", () => {
      const original = readPayment(psbt, wallet);
      for (let i = 0; i < psbt.length; i += 3) {
        const flipped = psbt.slice();
        flipped[i]! ^= 1 << (i % 8);
        try {
          const { txid, fee } = readPayment(flipped, wallet);
          assert.ok(txid !== original.txid || fee !== original.fee, `byte ${i}`);
        } catch (error) {
          assert.ok(error instanceof PaymentRefused, String(error));
        }
      }
    });
  });

  test("whatever bytes come in, the answer is a payment or a refusal", () => {
    const garbage = fc.uint8Array({ maxLength: 400 });
    const spliced = fc
      .tuple(fc.nat(psbt.length), fc.nat(20), fc.uint8Array({ maxLength: 20 }))
      .map(([at, cut, insert]) => concatBytes(psbt.slice(0, at), insert, psbt.slice(at + cut)));
    const headed = garbage.map((bytes) => concatBytes(psbt.slice(0, 8), bytes));
    fc.assert(
      fc.property(fc.oneof(garbage, spliced, headed), (bytes) => {
        try {
          assert.ok(equalBytes(readPayment(bytes, wallet).psbt, bytes));
        } catch (error) {
          assert.ok(error instanceof PaymentRefused, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  describe("finalizing refuses", () => {
    const view = readPayment(psbt, wallet);
    const good = inputDigests(view).map((input) => signDigest(wallet, input));
    const refusedInputs = (signatures: readonly Uint8Array[], inputs: readonly number[]): void =>
      assert.throws(
        () => finalizePayment(view, signatures),
        (error) => error instanceof SignatureRefused && (assert.deepEqual(error.inputs, inputs), true),
      );

    test("a missing signature", () => refusedInputs(good.slice(1), []));
    test("signatures in the wrong order", () => refusedInputs(good.toReversed(), [0, 1]));
    test("one wrong bit", () => refusedInputs([good[0]!, good[1]!.with(40, good[1]![40]! ^ 1)], [1]));
    test(`${wrongLength} bytes`, () => {
      const resized = new Uint8Array(wrongLength);
      resized.set(good[0]!.subarray(0, wrongLength));
      refusedInputs([resized, good[1]!], [0]);
    });
    test("nothing", () => refusedInputs([new Uint8Array(), good[1]!], [0]));
    test("a signature of another payment", () => {
      const other = readPayment(buildPayment(wallet, { ...parts, locktime: 1 }), wallet);
      refusedInputs(
        inputDigests(other).map((input) => signDigest(wallet, input)),
        [0, 1],
      );
    });
    test("and what it gives holds the payment's own inputs and outputs, one signature each and nothing else", () => {
      const { inputs, outputs, version, locktime } = parseTransaction(finalizePayment(view, good).rawTx);
      const witnesses = good.map((signature, i) =>
        scriptType === "p2tr"
          ? [signature]
          : [concatBytes(libraryDer(signature), Uint8Array.of(1)), view.inputs[i]!.own.outputKey],
      );
      assert.deepEqual([version, locktime], [2, 840_000]);
      assert.deepEqual(outputs, view.outputs);
      assert.deepEqual(
        inputs,
        view.inputs.map(({ outpoint }, i) => ({
          outpoint,
          scriptSig: new Uint8Array(),
          sequence: 0xffff_fffd,
          witness: witnesses[i],
        })),
      );
    });
  });
}

/** Taproot's size is exact. P2WPKH's is a bound: each signature was counted with 72 bytes and has seldom fewer than 70. */
function assertSize(vsize: number, view: PaymentView): void {
  const slack = view.wallet.scriptType === "p2tr" ? 0 : Math.ceil((3 * view.inputs.length) / 4);
  assert.ok(vsize <= view.vsize && vsize >= view.vsize - slack, `${vsize} instead of ${view.vsize} vB`);
}

/** DER by noble. */
const libraryDer = (compact: Uint8Array): Uint8Array =>
  secp256k1.Signature.fromBytes(compact.slice(0, 64), "compact").toBytes("der");

test("the PSBT of a Taproot payment is the same, byte for byte, since it was first built", () => {
  const wallet = singleKeyWallet(networks.regtest, seededRng("payment"));
  const inputs = [
    { outpoint: { txid: txidOfNumber(2), vout: 1 }, value: sats(60_000n), branch: 0 as const, index: 3 },
    { outpoint: { txid: txidOfNumber(1), vout: 0 }, value: sats(50_000n), branch: 1 as const, index: 0 },
  ];
  const psbt = buildPayment(wallet, {
    inputs,
    recipient: { script: recipient, value: sats(80_000n) },
    metadata: utf8("invoice 7"),
    change: { index: 5, value: sats(29_000n) },
    locktime: 840_000,
  });
  assert.equal(toHex(sha256(psbt)), "20b7e5340bace8728eafdbe58e7debff989174edb2032a411355f052373bfa8c");
});

function decodedFill<T>(list: T[], value: T, length: number): void {
  list.length = 0;
  for (let i = 0; i < length; i++) list.push(value);
}
