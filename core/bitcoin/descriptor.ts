/** The wallet as the world may know it: an output descriptor of the group key, and the addresses derived from it. */
import { assert, concatBytes } from "@conclave/bytes";
import { resolveTweak, secp256k1Group, xOnly } from "@conclave/crypto";
import type { Group, TweakContext, Tweaked } from "@conclave/crypto";
import { sha256 } from "@noble/hashes/sha2.js";
import { ripemd160 } from "@noble/hashes/legacy.js";
import { createBase58check } from "@scure/base";
import { printAddress, witnessProgram } from "./address.ts";
import { descriptorChecksum } from "./descriptor-checksum.ts";
import type { Network } from "./network.ts";

/**
 * How a wallet's coins are locked: to a Taproot output key (BIP341, Schnorr signatures) or to the hash of a key (BIP141
 * P2WPKH, ECDSA). A wallet has one type for its whole life; it decides scheme, signature hash and input size.
 */
export type ScriptType = "p2tr" | "p2wpkh";

/** A group key that receives coins. */
export interface Wallet {
  readonly network: Network;
  readonly scriptType: ScriptType;
  /** Group public key, 33 bytes compressed. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly chainCode: Uint8Array;
  /** What addresses are derived and signatures verified with: an engine's group. Default: the portable one. */
  readonly group?: Group;
}

/** 0: addresses to be paid at. 1: our own change. */
export type Branch = 0 | 1;
/** Addresses given to payers. */
export const RECEIVE: Branch = 0;
/** Addresses only we pay to. */
export const CHANGE: Branch = 1;

/** Highest index that is ever derived: a wallet that used a million addresses should have become another wallet. */
export const MAX_INDEX = 1_000_000;

/** One address of the wallet. */
interface ScriptPlace {
  readonly branch: Branch;
  readonly index: number;
  readonly address: string;
  readonly scriptPubKey: Uint8Array;
}

/** A Taproot address and the keys behind it. */
export interface TaprootScript extends ScriptPlace {
  readonly scriptType: "p2tr";
  /** x-only key before the BIP341 tweak, 32 bytes. */
  readonly internalKey: Uint8Array;
  /** x-only key that signatures verify under, 32 bytes. */
  readonly outputKey: Uint8Array;
}

/** A P2WPKH address and the key behind it. */
export interface KeyHashScript extends ScriptPlace {
  readonly scriptType: "p2wpkh";
  /** Compressed key that signatures verify under, 33 bytes. */
  readonly outputKey: Uint8Array;
}

/** One address of the wallet and the keys behind it. */
export type WalletScript = TaprootScript | KeyHashScript;

/**
 * From the group key to the key of one address, for deriving it and for signing with it alike. A P2WPKH key is derived and
 * nothing else; a Taproot key, the default, is also tweaked with no script tree (BIP86).
 */
export const tweakOf = ({
  branch,
  index,
  scriptType = "p2tr",
}: Pick<WalletScript, "branch" | "index"> & { readonly scriptType?: ScriptType }): TweakContext => ({
  path: [branch, index],
  taproot: scriptType === "p2tr" ? { merkleRoot: null } : null,
});

/** Scripts kept per wallet: deriving one costs two point multiplications, and every check of a payment asks for it again. */
const MAX_KEPT = 4_096;
const kept = new WeakMap<Wallet, Map<string, WalletScript>>();

/**
 * BIP86 or BIP84 below the group key: child `branch`/`index`, for Taproot tweaked with no script tree. Throws `RangeError`
 * beyond `MAX_INDEX` and, with probability 2^-127, for an index that BIP32 declares invalid.
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
  const { scriptType, network, group = secp256k1Group } = wallet;
  const key = { publicKey: group.decode(wallet.publicKey), chainCode: wallet.chainCode };
  const tweak = tweakOf({ branch, index, scriptType });
  const tweaked = resolveTweak(group, key, tweak, { evenY: scriptType === "p2tr" });
  const locked = scriptType === "p2tr" ? taprootKeys(group, tweaked) : keyHashKeys(group, tweaked);
  const address = printAddress(locked.scriptPubKey, network);
  assert(address !== undefined, "a witness program of ours has an address");
  return { branch, index, address, ...locked };
}

/** BIP341: witness version 1 and the tweaked x-only key. */
function taprootKeys(
  group: Group,
  { publicKey, internalKey }: Tweaked,
): Omit<TaprootScript, "branch" | "index" | "address"> {
  const outputKey = xOnly(group, publicKey);
  const scriptPubKey = witnessProgram(1, outputKey);
  return { scriptType: "p2tr", scriptPubKey, internalKey: xOnly(group, internalKey), outputKey };
}

/** BIP141: witness version 0 and HASH160 of the compressed key. */
function keyHashKeys(group: Group, { publicKey }: Tweaked): Omit<KeyHashScript, "branch" | "index" | "address"> {
  const outputKey = group.encode(publicKey);
  return { scriptType: "p2wpkh", scriptPubKey: witnessProgram(0, hash160(outputKey)), outputKey };
}

/** Bitcoin's HASH160. */
const hash160 = (bytes: Uint8Array): Uint8Array => ripemd160(sha256(bytes));

/** BIP32's identifier of the group key, which other wallets show as its fingerprint: 4 bytes of HASH160. */
export function fingerprint(wallet: Wallet): number {
  const [a, b, c, d] = hash160(wallet.publicKey);
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

/** Watch-only descriptor of both branches (BIP382 or BIP386, BIP389) with its BIP380 checksum. */
export const printDescriptor = (wallet: Wallet): string => withChecksum(wallet, "<0;1>");

/** The same for one branch, for software that does not read BIP389. */
export const printBranchDescriptor = (wallet: Wallet, branch: Branch): string => withChecksum(wallet, String(branch));

function withChecksum(wallet: Wallet, branches: string): string {
  const keys = `${printExtendedKey(wallet)}/${branches}/*`;
  // A key of depth 0 is its own origin; signing devices for P2WPKH still look for the fingerprint in the descriptor.
  const origin = `[${fingerprint(wallet).toString(16).padStart(8, "0")}]`;
  const descriptor = wallet.scriptType === "p2tr" ? `tr(${keys})` : `wpkh(${origin}${keys})`;
  return `${descriptor}#${descriptorChecksum(descriptor)}`;
}
