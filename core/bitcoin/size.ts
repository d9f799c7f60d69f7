/**
 * Size of a signed payment before it is signed: BIP141 weight, in units of a quarter virtual byte. Exact for Taproot; for
 * P2WPKH the upper bound that its fee is computed for, because the length of an ECDSA signature is known only afterwards.
 */
import type { ScriptType } from "./descriptor.ts";

/**
 * The longest signature in a witness. Schnorr: 64 bytes, always. ECDSA in strict DER with a low s: two bytes of sequence,
 * 2 + 33 of r (a zero byte before a high bit), 2 + 32 of s (a low s has no high bit), 1 of hash type: at most 72.
 */
export const SIGNATURE_BYTES: { readonly [T in ScriptType]: number } = { p2tr: 64, p2wpkh: 72 };

/**
 * Outpoint 36 + empty scriptSig 1 + sequence 4 bytes count four times; the witness counts once: item count, then length and
 * bytes of each item. 57.5 virtual bytes for a Taproot key path; at most 68 for P2WPKH with its 33 bytes of key.
 */
export const INPUT_WEIGHT: { readonly [T in ScriptType]: number } = {
  p2tr: 4 * 41 + 1 + 1 + SIGNATURE_BYTES.p2tr,
  p2wpkh: 4 * 41 + 1 + 1 + SIGNATURE_BYTES.p2wpkh + 1 + 33,
};

/**
 * By how much an input may turn out lighter than `INPUT_WEIGHT`, but for one ECDSA signature in some 2^15: a byte where r
 * has no high bit, another where r or s begins with a zero byte.
 */
export const USUAL_SLACK: { readonly [T in ScriptType]: number } = { p2tr: 0, p2wpkh: 2 };

/** Length of the script that change of each wallet type goes to. */
export const CHANGE_SCRIPT_LENGTH: { readonly [T in ScriptType]: number } = { p2tr: 34, p2wpkh: 22 };

const compactSizeLength = (value: number): number => (value < 0xfd ? 1 : value <= 0xffff ? 3 : 5);

/** Weight of one output with a script of `scriptLength` bytes. */
export const outputWeight = (scriptLength: number): number => 4 * (8 + compactSizeLength(scriptLength) + scriptLength);

/** What a transaction weighs once every input is signed, with every signature as long as it can be. */
export function transactionWeight(parts: {
  readonly scriptType: ScriptType;
  readonly inputCount: number;
  /** Length in bytes of every output's script. */
  readonly outputScripts: readonly number[];
}): number {
  const { scriptType, inputCount, outputScripts } = parts;
  // version 4 + locktime 4 + both counts, four times; segwit marker and flag once.
  const frame = 4 * (8 + compactSizeLength(inputCount) + compactSizeLength(outputScripts.length)) + 2;
  const outputs = outputScripts.reduce((sum, length) => sum + outputWeight(length), 0);
  return frame + inputCount * INPUT_WEIGHT[scriptType] + outputs;
}

/** Virtual bytes, rounded up as BIP141 does. */
export const virtualSize = (weight: number): number => Math.ceil(weight / 4);
