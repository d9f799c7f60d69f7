/** Payments of an ECDSA key: every input in a session of its own, all at once, and values that a proposer cannot lie about. */
import { bitcoinjsOpinion } from "@conclave/verifier-bitcoinjs";
import { deriveScript, parseTransaction, sats, serializeTransaction, txidOf, type KnownCoin } from "@conclave/bitcoin";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cluster } from "./testing/cluster.ts";
import { approve, paidAt, payment, propose, sign } from "./testing/payments.ts";

/** A coin on one of the wallet's addresses, with the transaction that paid it. */
function coinAt(cluster: Cluster, index: number, value = 100_000n): KnownCoin & { readonly previous: Uint8Array } {
  const { scriptPubKey } = deriveScript(cluster.wallet, 0, index);
  const transaction = {
    version: 2,
    inputs: [
      {
        outpoint: { txid: "ab".repeat(32), vout: index },
        scriptSig: new Uint8Array(),
        sequence: 0xffff_ffff,
        witness: [],
      },
    ],
    outputs: [{ value: sats(value), script: scriptPubKey }],
    locktime: 0,
  };
  return {
    outpoint: { txid: txidOf(transaction), vout: 0 },
    value: sats(value),
    branch: 0,
    index,
    height: 5,
    coinbase: false,
    spentBy: null,
    previous: serializeTransaction(transaction),
  };
}

const walletOf = (seed: string): Cluster => new Cluster({ n: 3, t: 2, ecdsa: true, seed }).start();

describe("a P2WPKH payment", () => {
  test("of several inputs has a session for each, under one handshake, and ends with a transaction that others accept", () => {
    const cluster = walletOf("inputs");
    const coins = [0, 1, 2].map((index) => coinAt(cluster, index));
    const paid = payment(cluster, { coins, amount: 150_000n });
    propose(cluster, paid);
    approve(cluster, paid);
    sign(cluster, paid);
    assert.deepEqual(paidAt(cluster, paid), cluster.all);
    const headers = cluster.sent.map(({ wire }) => cluster.reader.open(wire).header);
    const sessions = new Set(headers.flatMap(({ ssid }) => (ssid === null ? [] : [ssid.join()])));
    assert.equal(sessions.size, 3);
    assert.equal(new Set(headers.filter(({ kind }) => kind === "setup").map(({ attempt }) => attempt)).size, 1);

    const { rawTx } = cluster.events(1, "signed")[0]!;
    const transaction = parseTransaction(rawTx);
    assert.equal(transaction.inputs.length, 3);
    const prevouts = paid.view.inputs.map(({ own, value }) => ({ script: own.scriptPubKey, value }));
    assert.deepEqual(bitcoinjsOpinion({ rawTx, prevouts }), []);
    const nonces = transaction.inputs.map(({ witness }) => witness[0]!.subarray(4, 36).join());
    assert.equal(new Set(nonces).size, 3, "no two inputs share a nonce");
  });

  test("whose coin is worth something else than its transaction says is nobody's payment", () => {
    const cluster = walletOf("value");
    const honest = coinAt(cluster, 0);
    const inflated = { ...honest, value: sats(120_000n) };
    assert.throws(() => payment(cluster, { coins: [inflated] }), /previous|transaction/i);
    const foreign = { ...honest, previous: coinAt(cluster, 1).previous };
    assert.throws(() => payment(cluster, { coins: [foreign] }), /previous|transaction/i);
  });
});
