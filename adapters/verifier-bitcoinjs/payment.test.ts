/** From coins to a transaction that three other implementations accept. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  buildPayment,
  deriveScript,
  finalizePayment,
  inputDigests,
  networks,
  readPayment,
  sats,
  serializeTransaction,
  txidOf,
} from "@conclave/bitcoin";
import type { InputDigest, RawTransaction, Wallet } from "@conclave/bitcoin";
import { mod, resolveTweak, secp256k1Group } from "@conclave/crypto";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { bitcoinjsOpinion } from "./index.ts";
import { interpreterAccepts, wallyAccepts } from "./testing/judges.ts";

const secret = fc.bigInt({ min: 1n, max: secp256k1Group.order - 1n });
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const coin = fc.record({
  txid: bytes32,
  vout: fc.nat(5),
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

type Coin = typeof coin extends fc.Arbitrary<infer T> ? T : never;

/** The coin as an output of a transaction that spends `txid`: P2WPKH payments carry that transaction. */
function funded(wallet: Wallet, { txid, vout, value, branch, index }: Coin) {
  const { scriptPubKey: script } = deriveScript(wallet, branch, index);
  const outpoint = { txid: Buffer.from(txid).toString("hex"), vout };
  const previous: RawTransaction = {
    version: 2,
    inputs: [{ outpoint, scriptSig: new Uint8Array(), sequence: 0, witness: [] }],
    outputs: Array.from({ length: vout + 1 }, () => ({ value, script })),
    locktime: 0,
  };
  const rest = { value: sats(value), branch, index, previous: serializeTransaction(previous) };
  return { outpoint: { txid: txidOf(previous), vout }, ...rest };
}

/** What the group would sign, by noble with the whole key. */
function sign(wallet: Wallet, groupSecret: bigint, { scriptType, digest, tweak }: InputDigest): Uint8Array {
  const key = { publicKey: secp256k1Group.decode(wallet.publicKey), chainCode: wallet.chainCode };
  const { sign, offset } = resolveTweak(secp256k1Group, key, tweak, { evenY: scriptType === "p2tr" });
  const secretKey = secp256k1Group.encodeScalar(mod(sign * groupSecret + offset, secp256k1Group.order));
  if (scriptType === "p2tr") return schnorr.sign(digest, secretKey);
  const [recoveryId, ...numbers] = secp256k1.sign(digest, secretKey, { prehash: false, format: "recovered" });
  return Uint8Array.of(...numbers, recoveryId!);
}

const payment = fc.record({
  scriptType: fc.constantFrom("p2tr" as const, "p2wpkh" as const),
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
      fc.property(payment, ({ scriptType, groupSecret, chainCode, coins, recipient, metadata }) => {
        const publicKey = secp256k1Group.encode(secp256k1Group.multiplyBase(groupSecret));
        const wallet: Wallet = { network: networks.signet, scriptType, publicKey, chainCode };
        const inputs = coins.map((spent) => funded(wallet, spent));
        const total = inputs.reduce((sum, { value }) => sum + value, 0n);
        const parts = {
          inputs,
          recipient: { script: recipient, value: sats(total / 2n) },
          metadata,
          change: { index: 1, value: sats(total / 4n) },
          locktime: 500,
        };
        const view = readPayment(buildPayment(wallet, parts), wallet);
        const signatures = inputDigests(view).map((input) => sign(wallet, groupSecret, input));
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
      { numRuns: 20 },
    );
  });
});
