/** A payment of core/bitcoin's wallets on this chain: coins found by BDK through our descriptor, spent, mined. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  buildPayment,
  CHANGE,
  deriveScript,
  finalizePayment,
  inputDigests,
  networks,
  parseAddress,
  parseTransaction,
  printBranchDescriptor,
  readPayment,
  RECEIVE,
  sats,
  stripWitnesses,
  type InputDigest,
  type SpentCoin,
  type Wallet,
} from "@conclave/bitcoin";
import { mod, resolveTweak, secp256k1Group } from "@conclave/crypto";
import * as bdk from "@metamask/bitcoindevkit";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { fromHex, toHex } from "@conclave/bytes";
import { openRegtest, type Regtest, type RegtestServer } from "./index.ts";

const SECRET = 123_456_789n;
const publicKey = secp256k1Group.encode(secp256k1Group.multiplyBase(SECRET));
const recipient = parseAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", networks.regtest).scriptPubKey;

/** What the group would sign, by noble with the whole key. */
function sign(wallet: Wallet, { scriptType, digest, tweak }: InputDigest): Uint8Array {
  const key = { publicKey: secp256k1Group.decode(publicKey), chainCode: wallet.chainCode };
  const resolved = resolveTweak(secp256k1Group, key, tweak, { evenY: scriptType === "p2tr" });
  const secretKey = secp256k1Group.encodeScalar(mod(resolved.sign * SECRET + resolved.offset, secp256k1Group.order));
  if (scriptType === "p2tr") return schnorr.sign(digest, secretKey);
  const [recoveryId, ...numbers] = secp256k1.sign(digest, secretKey, { prehash: false, format: "recovered" });
  return Uint8Array.of(...numbers, recoveryId!);
}

for (const scriptType of ["p2tr", "p2wpkh"] as const) {
  describe(`a ${scriptType} wallet`, () => {
    const wallet: Wallet = {
      network: networks.regtest,
      scriptType,
      publicKey,
      chainCode: new Uint8Array(32).fill(7),
    };
    let chain: Regtest;
    let server: RegtestServer;
    before(async () => {
      chain = await openRegtest();
      server = await chain.listen();
    });
    after(() => chain.close());

    /** A confirmed coin, with the transaction that made it as the server gives it. */
    const fundedCoin = async (index: number, value: bigint): Promise<SpentCoin> => {
      const { address, scriptPubKey } = deriveScript(wallet, RECEIVE, index);
      const txid = chain.faucet(address, Number(value));
      const previous = fromHex(await (await fetch(`${server.url}/tx/${txid}/hex`)).text());
      const outputs = parseTransaction(previous).outputs.map(({ script }) => toHex(script));
      const outpoint = { txid, vout: outputs.indexOf(toHex(scriptPubKey)) };
      return { outpoint, value: sats(value), branch: RECEIVE, index, previous };
    };

    test("is watched by BDK through its descriptor, and pays", async () => {
      const inputs = [await fundedCoin(0, 70_000n), await fundedCoin(3, 50_000n)];
      const change = { index: 0, value: sats(19_000n) };
      const parts = { inputs, recipient: { script: recipient, value: sats(100_000n) }, metadata: null, change };
      const view = readPayment(buildPayment(wallet, { ...parts, locktime: chain.height }), wallet);
      const signed = finalizePayment(
        view,
        inputDigests(view).map((input) => sign(wallet, input)),
      );

      const client = new bdk.EsploraClient(server.url, 0);
      const [receive, own] = [RECEIVE, CHANGE].map((branch) => printBranchDescriptor(wallet, branch));
      const watcher = bdk.Wallet.create("regtest", receive!, own!);
      const confirmed = async (): Promise<bigint> => {
        watcher.apply_update(await client.full_scan(watcher.start_full_scan(), 5, 2));
        return watcher.balance.confirmed.to_sat();
      };
      assert.equal(await confirmed(), 120_000n);
      assert.equal(chain.broadcast(toHex(signed.rawTx)), view.txid);
      const [waiting] = chain.mempool.entries();
      assert.equal(waiting!.fee, view.fee);
      assert.equal(waiting!.tx.virtualSize(), signed.vsize);
      chain.mine(1);
      assert.equal(await confirmed(), change.value);
    });

    test("is not believed with another's signatures", async () => {
      const inputs = [await fundedCoin(1, 60_000n)];
      const parts = { inputs, recipient: { script: recipient, value: sats(59_000n) }, metadata: null, change: null };
      const view = readPayment(buildPayment(wallet, { ...parts, locktime: chain.height }), wallet);
      const { rawTx } = finalizePayment(
        view,
        inputDigests(view).map((input) => sign(wallet, input)),
      );
      assert.ok(stripWitnesses(rawTx).length < rawTx.length);
      // Byte 50 behind the outputs lies inside the signature.
      const at = stripWitnesses(rawTx).length - 4 + 2 + 50;
      assert.throws(() => chain.broadcast(toHex(rawTx.with(at, rawTx[at]! ^ 1))), /script-verify-flag-failed/);
      assert.equal(chain.broadcast(toHex(rawTx)), view.txid);
    });
  });
}
