/** Other software must read our PSBT and make the same transaction of it: bitcoinjs-lib, libwally and BDK. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex, utf8 } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import { Psbt as BdkPsbt } from "@metamask/bitcoindevkit";
import { initEccLib, Psbt, Transaction } from "bitcoinjs-lib";
import * as libsecp from "tiny-secp256k1";
import * as wally from "wallycore";
import { buildPayment, finalizePayment, inputDigests, networks, parseAddress, readPayment, sats } from "./index.ts";
import { signDigest, singleKeyWallet, txidOfNumber } from "./testing/single-key-wallet.ts";

initEccLib(libsecp);

const wallet = singleKeyWallet(networks.regtest, seededRng("interop"));
const view = readPayment(
  buildPayment(wallet, {
    inputs: [
      { outpoint: { txid: txidOfNumber(1), vout: 0 }, value: sats(50_000n), branch: 0, index: 7 },
      { outpoint: { txid: txidOfNumber(2), vout: 5 }, value: sats(40_000n), branch: 1, index: 2 },
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

describe("our PSBT, signed and finalized by", () => {
  test("bitcoinjs-lib, gives our transaction", () => {
    const psbt = Psbt.fromBuffer(view.psbt);
    assert.equal(toHex(psbt.toBuffer()), toHex(view.psbt), "read and written without a change");
    for (const [i, signature] of signatures.entries()) psbt.updateInput(i, { tapKeySig: signature });
    const valid = psbt.validateSignaturesOfAllInputs((key, message, signature) =>
      libsecp.verifySchnorr(message, key, signature),
    );
    assert.ok(valid, "its own signature hashes agree");
    psbt.finalizeAllInputs();
    assert.equal(psbt.getFee(), view.fee);
    assert.equal(psbt.extractTransaction().toHex(), toHex(signed.rawTx));
  });

  test("libwally, gives our transaction", () => {
    const psbt = wally.psbt_from_bytes(view.psbt, 0);
    for (const [i, signature] of signatures.entries()) wally.psbt_set_input_taproot_signature(psbt, i, signature);
    wally.psbt_finalize(psbt, 0);
    const transaction = wally.psbt_extract(psbt, 0);
    assert.equal(wally.tx_to_hex(transaction, 1), toHex(signed.rawTx));
  });
});

describe("our PSBT, read by", () => {
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
      assert.equal(toHex(transaction.hashForWitnessV1(i, scripts, values, 0)), toHex(digest));
    }
    assert.equal(transaction.virtualSize(), view.vsize);
    assert.equal(transaction.getId(), view.txid);
  });
});
