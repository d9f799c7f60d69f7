import { createHash } from "node:crypto";
import { address, crypto, networks, payments, script, Transaction } from "bitcoinjs-lib";
import * as ecc from "tiny-secp256k1";
import { internalHash } from "../hash.ts";
import type { Regtest } from "../regtest.ts";
import type { Output } from "../script-index.ts";

/** A key for tests, from a name: the same one every time. */
export interface TestKey {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** What kind of output a key owns here. */
export type Kind = "wpkh" | "tr";

export interface TestCoin {
  readonly txid: string;
  readonly vout: number;
  readonly key: TestKey;
  readonly kind: Kind;
}

export interface SpendPlan {
  readonly coins: readonly TestCoin[];
  readonly outputs: readonly Output[];
  readonly version?: number;
  readonly lockTime?: number;
  readonly sequence?: number;
  readonly hashType?: number;
  /** Changes the transaction between building and signing. */
  readonly beforeSigning?: (tx: Transaction) => void;
}

export function testKey(name: string): TestKey {
  const secret = createHash("sha256").update(`regtest test key ${name}`).digest();
  return { secret, publicKey: ecc.pointFromScalar(secret, true)! };
}

/** P2WPKH, or P2TR whose output key is the key itself (no tweak: the chain cannot tell). */
export function scriptOf(key: TestKey, kind: Kind): Uint8Array {
  if (kind === "wpkh") return payments.p2wpkh({ pubkey: key.publicKey }).output!;
  return script.compile([0x51, ecc.xOnlyPointFromPoint(key.publicKey)]);
}

export const addressOf = (key: TestKey, kind: Kind): string =>
  address.fromOutputScript(scriptOf(key, kind), networks.regtest);

/** Takes a coin of `value` satoshis from the faucet, confirmed unless said otherwise. */
export function fund(
  chain: Regtest,
  { key, kind, value, confirm = true }: { key: TestKey; kind: Kind; value: number; confirm?: boolean },
): TestCoin {
  const txid = chain.faucet(addressOf(key, kind), value, { confirm });
  const wanted = Buffer.from(scriptOf(key, kind));
  const outputs = Transaction.fromHex(chain.rawTransaction(txid)!).outs;
  return { txid, vout: outputs.findIndex((output) => wanted.equals(output.script)), key, kind };
}

/** Builds and signs. The values and scripts of the coins come from the chain's own transactions. */
export function spend(chain: Regtest, plan: SpendPlan): Transaction {
  const tx = new Transaction();
  tx.version = plan.version ?? 2;
  tx.locktime = plan.lockTime ?? 0;
  for (const coin of plan.coins) tx.addInput(internalHash(coin.txid), coin.vout, plan.sequence ?? 0xfffffffd);
  for (const { script, value } of plan.outputs) tx.outs.push({ script, value });
  plan.beforeSigning?.(tx);
  const prevouts = plan.coins.map(({ txid, vout }) => Transaction.fromHex(chain.rawTransaction(txid)!).outs[vout]!);
  plan.coins.forEach((coin, i) => {
    tx.ins[i]!.witness = signInput(tx, i, { coin, prevouts, hashType: plan.hashType });
  });
  return tx;
}

/** The witness of one input: hash type 1 for P2WPKH and 0 for P2TR unless given. */
export function signInput(
  tx: Transaction,
  index: number,
  { coin, prevouts, hashType }: { coin: TestCoin; prevouts: readonly Output[]; hashType?: number | undefined },
): Uint8Array[] {
  const { key, kind } = coin;
  if (kind === "wpkh") {
    const code = payments.p2pkh({ hash: crypto.hash160(key.publicKey) }).output!;
    const digest = tx.hashForWitnessV0(index, code, prevouts[index]!.value, hashType ?? 1);
    // The library encodes defined hash types only; a test that wants another one gets the byte put in afterwards.
    const signature = script.signature.encode(ecc.sign(digest, key.secret), 1);
    signature[signature.length - 1] = hashType ?? 1;
    return [signature, key.publicKey];
  }
  const scripts = prevouts.map((output) => output.script);
  const values = prevouts.map((output) => output.value);
  const digest = tx.hashForWitnessV1(index, scripts, values, hashType ?? 0);
  const signature = ecc.signSchnorr(digest, key.secret);
  return [hashType === undefined || hashType === 0 ? signature : Buffer.concat([signature, Buffer.of(hashType)])];
}
