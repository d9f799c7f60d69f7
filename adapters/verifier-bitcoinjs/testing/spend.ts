/** A signed transaction with one P2WPKH and one Taproot input, and the means to change it. Tests only. */
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { ripemd160 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { RawTx } from "@scure/btc-signer/script.js";
import { Transaction } from "@scure/btc-signer/transaction.js";
import type { Prevout, SignedSpend } from "@conclave/bitcoin";

export type RawTransaction = ReturnType<typeof RawTx.decode>;

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
const own = (value: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(value);

/** Keys of a spend; `taprootSecret` is that of the output key itself, however it was derived. */
export interface SpendKeys {
  readonly keyHashSecret: Uint8Array;
  readonly taprootSecret: Uint8Array;
}

export const keyHashScript = (publicKey: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes(0, 20, ...ripemd160(sha256(publicKey)));
export const taprootScript = (outputKey: Uint8Array): Uint8Array<ArrayBuffer> => bytes(0x51, 32, ...outputKey);

export function prevoutsOf({ keyHashSecret, taprootSecret }: SpendKeys): Prevout[] {
  return [
    { script: keyHashScript(secp256k1.getPublicKey(keyHashSecret)), value: 70_000n },
    { script: taprootScript(schnorr.getPublicKey(taprootSecret)), value: 50_000n },
  ];
}

/** Two inputs, two outputs, signed with btc-signer's hashes and noble's curves. */
export function signedSpend(keys: SpendKeys): SignedSpend & { readonly decoded: RawTransaction } {
  const prevouts = prevoutsOf(keys);
  const unsigned: RawTransaction = {
    version: 2,
    segwitFlag: false,
    inputs: prevouts.map((_, i) => ({
      txid: new Uint8Array(32).fill(7 + i),
      index: i,
      finalScriptSig: bytes(),
      sequence: 0xffff_fffd,
    })),
    outputs: [
      { amount: 100_000n, script: own(keyHashScript(new Uint8Array(33).fill(2))) },
      { amount: 19_000n, script: own(prevouts[1]!.script) },
    ],
    witnesses: undefined,
    lockTime: 840_000,
  };
  const decoded = { ...unsigned, segwitFlag: true, witnesses: witnessesFor(unsigned, prevouts, keys) };
  return { rawTx: RawTx.encode(decoded), prevouts, decoded };
}

export function witnessesFor(
  unsigned: RawTransaction,
  prevouts: readonly Prevout[],
  keys: SpendKeys,
): Uint8Array<ArrayBuffer>[][] {
  const transaction = Transaction.fromRaw(RawTx.encode({ ...unsigned, segwitFlag: false, witnesses: undefined }), {
    allowUnknownOutputs: true,
  });
  const [keyHash, taproot] = prevouts;
  const scriptCode = bytes(0x76, 0xa9, 20, ...keyHash!.script.slice(2), 0x88, 0xac);
  const v0 = transaction.preimageWitnessV0(0, scriptCode, 1, keyHash!.value);
  const scripts = prevouts.map(({ script }) => own(script));
  const v1 = transaction.preimageWitnessV1(1, scripts, 0, [keyHash!.value, taproot!.value]);
  const der = secp256k1.sign(v0, keys.keyHashSecret, { prehash: false, format: "der" });
  return [
    [bytes(...der, 1), own(secp256k1.getPublicKey(keys.keyHashSecret))],
    [own(schnorr.sign(v1, keys.taprootSecret, new Uint8Array(32)))],
  ];
}
