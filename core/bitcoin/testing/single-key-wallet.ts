/** A wallet whose key one process holds whole. Only for tests, which have no threshold scheme at hand. */
import { concatBytes, fromHex, toHex } from "@conclave/bytes";
import type { Rng } from "@conclave/bytes";
import { mod, randomScalar, resolveTweak, secp256k1Group } from "@conclave/crypto";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { tweakOf } from "../index.ts";
import type { Branch, InputDigest, Network, ScriptType, Wallet } from "../index.ts";

export interface SingleKeyWallet extends Wallet {
  readonly secretKey: bigint;
}

/** Every type of wallet, for tests that hold for all. */
export const SCRIPT_TYPES: readonly ScriptType[] = ["p2tr", "p2wpkh"];

/** A random wallet on `network`, Taproot unless said otherwise. */
export function singleKeyWallet(network: Network, rng: Rng, scriptType: ScriptType = "p2tr"): SingleKeyWallet {
  const secretKey = randomScalar(secp256k1Group, rng);
  const publicKey = secp256k1Group.encode(secp256k1Group.multiplyBase(secretKey));
  return { network, scriptType, publicKey, chainCode: rng(32), secretKey };
}

/** The secret key of the output key at branch and index. */
export function outputSecret(wallet: SingleKeyWallet, branch: Branch, index: number): Uint8Array {
  const { scriptType } = wallet;
  const key = { publicKey: secp256k1Group.decode(wallet.publicKey), chainCode: wallet.chainCode };
  const tweak = tweakOf({ branch, index, scriptType });
  const { sign, offset } = resolveTweak(secp256k1Group, key, tweak, { evenY: scriptType === "p2tr" });
  return secp256k1Group.encodeScalar(mod(sign * wallet.secretKey + offset, secp256k1Group.order));
}

/** What the group would sign: BIP340 with fixed auxiliary randomness, or ECDSA with RFC 6979's nonce, by noble. */
export function signDigest(wallet: SingleKeyWallet, { digest, branch, index, scriptType }: InputDigest): Uint8Array {
  const secret = outputSecret(wallet, branch, index);
  return scriptType === "p2tr" ? schnorr.sign(digest, secret, new Uint8Array(32)) : signCompact(digest, secret);
}

/** r ‖ s ‖ recovery id with a low s. */
export function signCompact(digest: Uint8Array, secret: Uint8Array): Uint8Array {
  const recovered = secp256k1.sign(digest, secret, { prehash: false, format: "recovered" });
  return concatBytes(recovered.subarray(1), recovered.subarray(0, 1));
}

/** A well-formed txid out of a small number. */
export const txidOfNumber = (number: number): string =>
  toHex(concatBytes(fromHex("ab".repeat(28)), Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number)));
