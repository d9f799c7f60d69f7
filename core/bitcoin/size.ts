/** Exact size of a signed payment before it is signed: BIP141 weight, in units of a quarter virtual byte. */
import type { ScriptType } from "./descriptor.ts";

/**
 * Outpoint 36 + empty scriptSig 1 + sequence 4 bytes count four times; the witness counts once: item count, length and a
 * 64-byte signature for a Taproot key path. 57.5 virtual bytes.
 */
export const INPUT_WEIGHT: { readonly [T in ScriptType]: number } = { p2tr: 4 * 41 + 66 };

/** Length of the script that change of each wallet type goes to. */
export const CHANGE_SCRIPT_LENGTH: { readonly [T in ScriptType]: number } = { p2tr: 34 };

const compactSizeLength = (value: number): number => (value < 0xfd ? 1 : value <= 0xffff ? 3 : 5);

/** Weight of one output with a script of `scriptLength` bytes. */
export const outputWeight = (scriptLength: number): number => 4 * (8 + compactSizeLength(scriptLength) + scriptLength);

/** What a transaction weighs once every input is signed. */
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
