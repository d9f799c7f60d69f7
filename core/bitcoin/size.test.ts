/** Sizes before signing, against the figures of the field and what bitcoinjs-lib weighs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Transaction } from "bitcoinjs-lib";
import fc from "fast-check";
import { INPUT_WEIGHT, SIGNATURE_BYTES, transactionWeight, virtualSize } from "./index.ts";
import { SCRIPT_TYPES } from "./testing/single-key-wallet.ts";

describe("an input", () => {
  test("of Taproot has 57.5 virtual bytes; of P2WPKH 68 with the longest signature that relays", () => {
    assert.equal(INPUT_WEIGHT.p2tr / 4, 57.5);
    assert.equal(INPUT_WEIGHT.p2wpkh, 272);
    assert.deepEqual(SIGNATURE_BYTES, { p2tr: 64, p2wpkh: 72 });
  });
});

describe("a transaction", () => {
  const weigh = (inputs: number, outputs: readonly number[], witness: readonly Uint8Array[]): number => {
    const transaction = new Transaction();
    transaction.version = 2;
    for (let i = 0; i < inputs; i++) {
      transaction.addInput(new Uint8Array(32).fill(1), i);
      transaction.setWitness(i, [...witness]);
    }
    for (const length of outputs) transaction.addOutput(new Uint8Array(length), 1n);
    return transaction.weight();
  };
  const WITNESSES = { p2tr: [new Uint8Array(64)], p2wpkh: [new Uint8Array(72), new Uint8Array(33)] };

  for (const scriptType of SCRIPT_TYPES) {
    test(`of ${scriptType} inputs with full signatures weighs what bitcoinjs-lib says`, () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 20 }),
          fc.array(fc.nat(83), { minLength: 1, maxLength: 3 }),
          (inputCount, outputScripts) => {
            const weight = transactionWeight({ scriptType, inputCount, outputScripts });
            assert.equal(weight, weigh(inputCount, outputScripts, WITNESSES[scriptType]));
          },
        ),
        { numRuns: 30 },
      );
    });
  }
  test("of one P2WPKH input and two such outputs has 141 virtual bytes, as everybody knows it", () => {
    const weight = transactionWeight({ scriptType: "p2wpkh", inputCount: 1, outputScripts: [22, 22] });
    assert.equal(virtualSize(weight), 141);
  });
});
