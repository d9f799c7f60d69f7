/** What the signature of an input signs, computed from the payment alone: a signer never signs a hash that it was handed. */
import { assert } from "@conclave/bytes";
import { Transaction } from "@scure/btc-signer/transaction.js";
import { outputType, p2pkh } from "./address.ts";
import { ownBytes } from "./transaction.ts";
import type { Prevout } from "./verification.ts";

/** BIP341's hash type that signs everything and adds no byte to the signature. */
const SIGHASH_DEFAULT = 0;
/** The hash type that signs everything, as the last byte of an ECDSA signature. */
export const SIGHASH_ALL = 1;

/** A transaction without witnesses and what each of its inputs spends. */
export interface UnsignedSpend {
  /** Stripped bytes. */
  readonly unsigned: Uint8Array;
  readonly prevouts: readonly Prevout[];
}

/** The 32-byte hash that input `i` signs: BIP341 key path with DEFAULT, or BIP143 with ALL for a P2WPKH coin. */
export function signatureHash({ unsigned, prevouts }: UnsignedSpend, i: number): Uint8Array {
  const { script, value } = prevouts[i]!;
  const transaction = Transaction.fromRaw(ownBytes(unsigned), { allowUnknownOutputs: true, disableScriptCheck: true });
  if (outputType(script) === "p2wpkh") {
    // BIP143: the script code of P2WPKH is the P2PKH script of the same hash.
    return transaction.preimageWitnessV0(i, ownBytes(p2pkh(script.subarray(2))), SIGHASH_ALL, value);
  }
  assert(outputType(script) === "p2tr", "our coins are Taproot or P2WPKH");
  const scripts = prevouts.map((prevout) => ownBytes(prevout.script));
  const values = prevouts.map((prevout) => prevout.value);
  return transaction.preimageWitnessV1(i, scripts, SIGHASH_DEFAULT, values);
}
