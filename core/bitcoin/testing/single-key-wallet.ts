/** A wallet whose key one process holds whole. Only for tests, which have no threshold scheme at hand. */
import { concatBytes, fromHex, toHex } from "@conclave/bytes";
import type { Rng } from "@conclave/bytes";
import { mod, randomScalar, resolveTweak, secp256k1Group } from "@conclave/crypto";
import { schnorr } from "@noble/curves/secp256k1.js";
import { tweakOf } from "../index.ts";
import type { Branch, InputDigest, Network, Wallet } from "../index.ts";

export interface SingleKeyWallet extends Wallet {
  readonly secretKey: bigint;
}

/** A random wallet on `network`. */
export function singleKeyWallet(network: Network, rng: Rng): SingleKeyWallet {
  const secretKey = randomScalar(secp256k1Group, rng);
  const publicKey = secp256k1Group.encode(secp256k1Group.multiplyBase(secretKey));
  return { network, scriptType: "p2tr", publicKey, chainCode: rng(32), secretKey };
}

/** The secret key of the output key at branch and index. */
export function outputSecret(wallet: SingleKeyWallet, branch: Branch, index: number): Uint8Array {
  const key = { publicKey: secp256k1Group.decode(wallet.publicKey), chainCode: wallet.chainCode };
  const { sign, offset } = resolveTweak(secp256k1Group, key, tweakOf({ branch, index }), { evenY: true });
  return secp256k1Group.encodeScalar(mod(sign * wallet.secretKey + offset, secp256k1Group.order));
}

/** What the group would sign. BIP340 with fixed auxiliary randomness, by noble. */
export const signDigest = (wallet: SingleKeyWallet, { digest, branch, index }: InputDigest): Uint8Array =>
  schnorr.sign(digest, outputSecret(wallet, branch, index), new Uint8Array(32));

/** A well-formed txid out of a small number. */
export const txidOfNumber = (number: number): string =>
  toHex(concatBytes(fromHex("ab".repeat(28)), Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number)));
