/** Other software must read our PSBT and make the same transaction of it: bitcoinjs-lib, libwally and BDK. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes, toHex, utf8 } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import { Psbt as BdkPsbt } from "@metamask/bitcoindevkit";
import { initEccLib, payments, Psbt, Transaction } from "bitcoinjs-lib";
import * as libsecp from "tiny-secp256k1";
import * as wally from "wallycore";
import { derSignature } from "./ecdsa.ts";
import { buildPayment, finalizePayment, inputDigests, networks, parseAddress, readPayment, sats } from "./index.ts";
import type { ScriptType } from "./index.ts";
import { fundedCoin } from "./testing/funding.ts";
import { SCRIPT_TYPES, signDigest, singleKeyWallet } from "./testing/single-key-wallet.ts";

initEccLib(libsecp);

for (const scriptType of SCRIPT_TYPES) describe(`from a ${scriptType} wallet:`, () => interop(scriptType));

function interop(scriptType: ScriptType): void {
  const wallet = singleKeyWallet(networks.regtest, seededRng("interop"), scriptType);
  const view = readPayment(
    buildPayment(wallet, {
      inputs: [
        fundedCoin(wallet, { number: 1, vout: 0, value: 50_000n, branch: 0, index: 7, witness: [new Uint8Array(64)] }),
        fundedCoin(wallet, { number: 2, vout: 5, value: 40_000n, branch: 1, index: 2 }),
      ],
      recipient: {
        script: parseAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", networks.regtest).scriptPubKey,
        value: sats(60_000n),
      },
      metadata: utf8("for the other software"),
      change: { index: 3, value: sats(29_000n) },
      locktime: 321,
    }),
    wallet,
  );
  const digests = inputDigests(view);
  const signatures = digests.map((digest) => signDigest(wallet, digest));
  const signed = finalizePayment(view, signatures);
  /** As a PSBT and a witness hold an ECDSA signature. */
  const withHashType = (signature: Uint8Array): Uint8Array => concatBytes(derSignature(signature), Uint8Array.of(1));

  describe("our PSBT, signed and finalized by", () => {
    test("bitcoinjs-lib, gives our transaction", () => {
      const psbt = Psbt.fromBuffer(view.psbt);
      assert.equal(toHex(psbt.toBuffer()), toHex(view.psbt), "read and written without a change");
      for (const [i, signature] of signatures.entries()) {
        const pubkey = digests[i]!.outputKey;
        psbt.updateInput(
          i,
          scriptType === "p2tr"
            ? { tapKeySig: signature }
            : { partialSig: [{ pubkey, signature: withHashType(signature) }] },
        );
      }
      const valid = psbt.validateSignaturesOfAllInputs((key, message, signature) =>
        scriptType === "p2tr"
          ? libsecp.verifySchnorr(message, key, signature)
          : libsecp.verify(message, key, signature, true),
      );
      assert.ok(valid, "its own signature hashes agree");
      psbt.finalizeAllInputs();
      assert.equal(psbt.getFee(), view.fee);
      assert.equal(psbt.extractTransaction().toHex(), toHex(signed.rawTx));
    });

    test("libwally, gives our transaction", () => {
      const psbt = wally.psbt_from_bytes(view.psbt, 0);
      for (const [i, signature] of signatures.entries()) {
        if (scriptType === "p2tr") wally.psbt_set_input_taproot_signature(psbt, i, signature);
        else wally.psbt_add_input_signature(psbt, i, digests[i]!.outputKey, withHashType(signature));
      }
      wally.psbt_finalize(psbt, 0);
      const transaction = wally.psbt_extract(psbt, 0);
      assert.equal(wally.tx_to_hex(transaction, 1), toHex(signed.rawTx));
    });
  });

  describe("our PSBT, read by", () => {
    test("libwally, written again and taken as complete, is the same", () => {
      const psbt = wally.psbt_from_bytes(view.psbt, 0);
      assert.equal(toHex(wally.psbt_to_bytes(psbt, 0)), toHex(view.psbt));
      const best = view.inputs.map((_, i) => wally.psbt_get_input_best_utxo(psbt, i));
      assert.deepEqual(
        best.map((output) => wally.tx_output_get_satoshi(output)),
        view.inputs.map(({ value }) => value),
        "and the coins are worth what we see, by the previous transactions where there are any",
      );
    });

    test("BDK, has the fee that we see", () => {
      const psbt = BdkPsbt.from_string(Buffer.from(view.psbt).toString("base64"));
      assert.equal(psbt.fee().to_sat(), view.fee);
      assert.equal(psbt.unsigned_tx.compute_txid().toString(), view.txid);
    });

    test("bitcoinjs-lib, has the digests that we sign", () => {
      const transaction = Transaction.fromBuffer(signed.rawTx);
      const scripts = signed.prevouts.map(({ script }) => script);
      const values = signed.prevouts.map(({ value }) => value);
      for (const [i, { digest }] of digests.entries()) {
        const theirs =
          scriptType === "p2tr"
            ? transaction.hashForWitnessV1(i, scripts, values, 0)
            : transaction.hashForWitnessV0(i, payments.p2pkh({ hash: scripts[i]!.slice(2) }).output!, values[i]!, 1);
        assert.equal(toHex(theirs), toHex(digest));
      }
      assert.equal(transaction.virtualSize(), signed.vsize);
      assert.ok(signed.vsize <= view.vsize && signed.vsize >= view.vsize - 2);
      assert.equal(transaction.getId(), view.txid);
    });
  });
}
