/** From coins to a transaction that three other implementations accept. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildPayment, finalizePayment, inputDigests, networks, readPayment, sats } from "@conclave/bitcoin";
import type { Wallet } from "@conclave/bitcoin";
import { mod, resolveTweak, secp256k1Group } from "@conclave/crypto";
import { schnorr } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { bitcoinjsOpinion } from "./index.ts";
import { interpreterAccepts, wallyAccepts } from "./testing/judges.ts";

const secret = fc.bigInt({ min: 1n, max: secp256k1Group.order - 1n });
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const coin = fc.record({
  txid: bytes32,
  vout: fc.nat(100),
  value: fc.bigInt({ min: 1_000n, max: 10n ** 12n }),
  branch: fc.constantFrom(0 as const, 1 as const),
  index: fc.nat(1_000),
});
const recipients = {
  p2pkh: (hash: Uint8Array) => [0x76, 0xa9, 20, ...hash.slice(0, 20), 0x88, 0xac],
  p2sh: (hash: Uint8Array) => [0xa9, 20, ...hash.slice(0, 20), 0x87],
  p2wpkh: (hash: Uint8Array) => [0, 20, ...hash.slice(0, 20)],
  p2wsh: (hash: Uint8Array) => [0, 32, ...hash],
  p2tr: (hash: Uint8Array) => [0x51, 32, ...hash],
} as const;

const payment = fc.record({
  groupSecret: secret,
  chainCode: bytes32,
  coins: fc.uniqueArray(coin, {
    minLength: 1,
    maxLength: 3,
    selector: ({ txid, vout }) => `${txid.toString()}:${vout}`,
  }),
  recipient: fc
    .tuple(fc.constantFrom(...Object.values(recipients)), bytes32)
    .map(([script, hash]) => Uint8Array.from(script(hash))),
  metadata: fc.option(fc.uint8Array({ minLength: 1, maxLength: 80 })),
});

describe("a payment of this wallet", () => {
  test("is accepted by the second opinion, an interpreter and libwally", () => {
    fc.assert(
      fc.property(payment, ({ groupSecret, chainCode, coins, recipient, metadata }) => {
        const publicKey = secp256k1Group.encode(secp256k1Group.multiplyBase(groupSecret));
        const wallet: Wallet = { network: networks.signet, scriptType: "p2tr", publicKey, chainCode };
        const inputs = coins.map(({ txid, vout, value, branch, index }) => ({
          outpoint: { txid: Buffer.from(txid).toString("hex"), vout },
          value: sats(value),
          branch,
          index,
        }));
        const total = inputs.reduce((sum, { value }) => sum + value, 0n);
        const parts = {
          inputs,
          recipient: { script: recipient, value: sats(total / 2n) },
          metadata,
          change: { index: 1, value: sats(total / 4n) },
          locktime: 500,
        };
        const view = readPayment(buildPayment(wallet, parts), wallet);
        const signatures = inputDigests(view).map(({ digest, branch, index }) => {
          const key = { publicKey: secp256k1Group.decode(publicKey), chainCode };
          const { sign, offset } = resolveTweak(
            secp256k1Group,
            key,
            { path: [branch, index], taproot: { merkleRoot: null } },
            { evenY: true },
          );
          return schnorr.sign(
            digest,
            secp256k1Group.encodeScalar(mod(sign * groupSecret + offset, secp256k1Group.order)),
          );
        });
        const signed = finalizePayment(view, signatures);
        assert.deepEqual(bitcoinjsOpinion(signed), []);
        assert.ok(interpreterAccepts(signed));
        assert.ok(wallyAccepts(signed));
        const poorer = signed.prevouts.map(({ script, value }) => ({ script, value: value - 1n }));
        assert.equal(
          bitcoinjsOpinion({ ...signed, prevouts: poorer }).length,
          inputs.length,
          "and not for coins of other worth",
        );
      }),
      { numRuns: 15 },
    );
  });
});
