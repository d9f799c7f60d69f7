/** The wallet as the world may know it: an output descriptor of the group key, and the addresses derived from it. */
import { assert, concatBytes } from "@conclave/bytes";
import { resolveTweak, secp256k1Group, xOnly } from "@conclave/crypto";
import type { TweakContext } from "@conclave/crypto";
import { sha256 } from "@noble/hashes/sha2.js";
import { ripemd160 } from "@noble/hashes/legacy.js";
import { createBase58check } from "@scure/base";
import { printAddress } from "./address.ts";
import type { Network } from "./network.ts";

/** How a wallet's coins are locked. A wallet has one type for its whole life; it decides scheme, sighash and input size. */
export type ScriptType = "p2tr";

/** A group key that receives coins. */
export interface Wallet {
  readonly network: Network;
  readonly scriptType: ScriptType;
  /** Group public key, 33 bytes compressed. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly chainCode: Uint8Array;
}

/** 0: addresses to be paid at. 1: our own change. */
export type Branch = 0 | 1;
/** Addresses given to payers. */
export const RECEIVE: Branch = 0;
/** Addresses only we pay to. */
export const CHANGE: Branch = 1;

/** Highest index that is ever derived: a wallet that used a million addresses should have become another wallet. */
export const MAX_INDEX = 1_000_000;

/** One address of the wallet and the keys behind it. */
export interface WalletScript {
  readonly branch: Branch;
  readonly index: number;
  readonly address: string;
  readonly scriptPubKey: Uint8Array;
  /** x-only key before the BIP341 tweak, 32 bytes. */
  readonly internalKey: Uint8Array;
  /** x-only key that signatures verify under, 32 bytes. */
  readonly outputKey: Uint8Array;
}

/** From the group key to the key of one address, for deriving it and for signing with it alike. */
export const tweakOf = ({ branch, index }: Pick<WalletScript, "branch" | "index">): TweakContext => ({
  path: [branch, index],
  taproot: { merkleRoot: null },
});

/** Scripts kept per wallet: deriving one costs two point multiplications, and every check of a payment asks for it again. */
const MAX_KEPT = 4_096;
const kept = new WeakMap<Wallet, Map<string, WalletScript>>();

/**
 * BIP86 below the group key: child `branch`/`index`, tweaked with no script tree. Throws `RangeError` beyond `MAX_INDEX`
 * and, with probability 2^-127, for an index that BIP32 declares invalid.
 */
export function deriveScript(wallet: Wallet, branch: Branch, index: number): WalletScript {
  if (!Number.isInteger(index) || index < 0 || index > MAX_INDEX) {
    throw new RangeError(`address index ${index} is not from 0 to ${MAX_INDEX}`);
  }
  const scripts = kept.get(wallet) ?? new Map<string, WalletScript>();
  kept.set(wallet, scripts);
  const known = scripts.get(`${branch}/${index}`);
  if (known !== undefined) return known;
  const script = derive(wallet, branch, index);
  if (scripts.size >= MAX_KEPT) scripts.delete(scripts.keys().next().value!);
  scripts.set(`${branch}/${index}`, script);
  return script;
}

function derive(wallet: Wallet, branch: Branch, index: number): WalletScript {
  const key = { publicKey: secp256k1Group.decode(wallet.publicKey), chainCode: wallet.chainCode };
  const tweaked = resolveTweak(secp256k1Group, key, tweakOf({ branch, index }), { evenY: true });
  const outputKey = xOnly(secp256k1Group, tweaked.publicKey);
  const scriptPubKey = concatBytes(Uint8Array.of(0x51, 32), outputKey);
  const address = printAddress(scriptPubKey, wallet.network);
  assert(address !== undefined, "a Taproot output has an address");
  return { branch, index, address, scriptPubKey, internalKey: xOnly(secp256k1Group, tweaked.internalKey), outputKey };
}

/** BIP32's identifier of the group key, which other wallets show as its fingerprint: 4 bytes of HASH160. */
export function fingerprint(wallet: Wallet): number {
  const [a, b, c, d] = ripemd160(sha256(wallet.publicKey));
  return (((a ?? 0) << 24) | ((b ?? 0) << 16) | ((c ?? 0) << 8) | (d ?? 0)) >>> 0;
}

const base58check = createBase58check(sha256);

/**
 * BIP32 serialization of the group key at depth 0. No private key ever stood above it: the chain code was agreed by the
 * nodes (compare BIP328, which does the same for MuSig2), so that any descriptor wallet can watch the coins.
 */
export function printExtendedKey(wallet: Wallet): string {
  const version = wallet.network.extendedKeyVersion;
  const header = Uint8Array.of(version >>> 24, version >>> 16, version >>> 8, version, ...new Uint8Array(9));
  return base58check.encode(concatBytes(header, wallet.chainCode, wallet.publicKey));
}

/** Watch-only descriptor of both branches (BIP386, BIP389) with its BIP380 checksum. */
export function printDescriptor(wallet: Wallet): string {
  return withChecksum(`tr(${printExtendedKey(wallet)}/<0;1>/*)`);
}

/** The same for one branch, for software that does not read BIP389. */
export function printBranchDescriptor(wallet: Wallet, branch: Branch): string {
  return withChecksum(`tr(${printExtendedKey(wallet)}/${branch}/*)`);
}

const withChecksum = (descriptor: string): string => `${descriptor}#${descriptorChecksum(descriptor)}`;

/** BIP380: characters in groups of 32, the likeliest typing errors within one group. */
const CHARACTERS = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM_CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

/** BIP380's eight characters for a descriptor without its checksum. Throws `RangeError` on a character it cannot hold. */
export function descriptorChecksum(descriptor: string): string {
  const symbols: number[] = [];
  let classes: number[] = [];
  for (const character of descriptor) {
    const position = CHARACTERS.indexOf(character);
    if (position < 0) throw new RangeError("the descriptor holds a character that BIP380 does not allow");
    symbols.push(position & 31);
    classes.push(position >> 5);
    if (classes.length === 3) {
      symbols.push(classes.reduce((sum, value) => sum * 3 + value));
      classes = [];
    }
  }
  if (classes.length > 0) symbols.push(classes.reduce((sum, value) => sum * 3 + value));
  const remainder = [...symbols, 0, 0, 0, 0, 0, 0, 0, 0].reduce(polymodStep, 1n) ^ 1n;
  return Array.from(
    { length: 8 },
    (_, i) => CHECKSUM_CHARACTERS[Number((remainder >> BigInt(5 * (7 - i))) & 31n)],
  ).join("");
}

/** One symbol into BIP380's checksum over GF(32). */
function polymodStep(state: bigint, symbol: number): bigint {
  const top = state >> 35n;
  let next = ((state & 0x7ffffffffn) << 5n) ^ BigInt(symbol);
  for (const [i, generator] of GENERATOR.entries()) if (((top >> BigInt(i)) & 1n) === 1n) next ^= generator;
  return next;
}
