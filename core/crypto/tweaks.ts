/**
 * What happens to a group key between the stored shares and the key a signature verifies under: BIP32 non-hardened
 * derivation, then BIP341. Shares rest untweaked; a tweak context is resolved for every use, by every signer alike.
 *
 * Both steps are affine: the signing secret is sign·x + offset for the stored group secret x. Because the Lagrange weights
 * of any signer set add up to 1, sign·x_i + offset is then a share of it, and sign·X_i + offset·G its public share.
 */
import { assert, concatBytes } from "@conclave/bytes";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import type { Group, Point } from "./groups/group.ts";
import { mod } from "./groups/scalar.ts";

/** BIP32 non-hardened indices, then what the output commits to (BIP341). `taproot: null`: the derived key itself signs. */
export interface TweakContext {
  readonly path: readonly number[];
  readonly taproot: null | { readonly merkleRoot: Uint8Array | null };
}

/** The key as generated: no derivation, no output key. */
export const NO_TWEAK: TweakContext = { path: [], taproot: null };

/** A group key and its BIP32 chain code (32 bytes). */
export interface ExtendedKey {
  readonly publicKey: Point;
  readonly chainCode: Uint8Array;
}

/** A resolved context. The signing secret is `sign`·x + `offset`. */
export interface Tweaked {
  readonly sign: 1n | -1n;
  readonly offset: bigint;
  /** The key that signatures verify under. With `evenY` its y-coordinate is even. */
  readonly publicKey: Point;
  /** The derived key before BIP341, the "internal key" of a Taproot output. */
  readonly internalKey: Point;
}

const FIRST_HARDENED_INDEX = 0x8000_0000;

/** BIP32's CKDpub, with the scalar that was added. Throws `RangeError` on a hardened index or one BIP32 declares invalid. */
export function deriveChild(
  group: Group,
  parent: ExtendedKey,
  index: number,
): ExtendedKey & { readonly addend: bigint } {
  assert(
    group.name === "secp256k1" && parent.chainCode.length === 32,
    "BIP32 keys are secp256k1 with 32 bytes of chain code",
  );
  if (!Number.isInteger(index) || index < 0 || index >= FIRST_HARDENED_INDEX) {
    throw new RangeError(`child ${index} is hardened or out of range: a group key derives indices 0 to 2^31 − 1`);
  }
  const number = Uint8Array.of(index >>> 24, index >>> 16, index >>> 8, index);
  const digest = hmac(sha512, parent.chainCode, concatBytes(group.encode(parent.publicKey), number));
  // BIP32: "In case parse256(I_L) ≥ n or K_i is the point at infinity, the resulting key is invalid": never reduce.
  const addend = group.decodeScalar(digest.subarray(0, 32));
  const publicKey = group.add(parent.publicKey, group.multiplyBase(addend));
  if (group.isIdentity(publicKey)) throw new RangeError(`child ${index} is invalid (BIP32): use the next index`);
  return { publicKey, chainCode: digest.slice(32), addend };
}

/** Resolve `context` for a group key. `evenY`: the signature scheme is BIP340, which signs for the even-y point only. */
export function resolveTweak(
  group: Group,
  key: ExtendedKey,
  context: TweakContext,
  { evenY }: { readonly evenY: boolean },
): Tweaked {
  const derived = derivePath(group, key, context.path);
  const internalKey = derived.publicKey;
  let { sign, offset, publicKey }: Omit<Tweaked, "internalKey"> = {
    sign: 1n,
    offset: derived.offset,
    publicKey: internalKey,
  };
  const negate = (): void => {
    sign = sign === 1n ? -1n : 1n;
    offset = mod(-offset, group.order);
    publicKey = group.negate(publicKey);
  };
  if (context.taproot !== null) {
    // BIP341 taproot_tweak_pubkey: lift x(P) to the even-y point, then add t·G.
    if (!group.hasEvenY(publicKey)) negate();
    const tweak = tapTweak(group, publicKey, context.taproot.merkleRoot);
    offset = mod(offset + tweak, group.order);
    publicKey = group.add(publicKey, group.multiplyBase(tweak));
    if (group.isIdentity(publicKey)) throw new RangeError("the Taproot output key is the identity: use the next index");
  }
  if (evenY && !group.hasEvenY(publicKey)) negate();
  return { sign, offset, publicKey, internalKey };
}

function derivePath(group: Group, key: ExtendedKey, path: readonly number[]): { publicKey: Point; offset: bigint } {
  let current = key;
  let offset = 0n;
  for (const index of path) {
    const child = deriveChild(group, current, index);
    offset = mod(offset + child.addend, group.order);
    current = child;
  }
  return { publicKey: current.publicKey, offset };
}

/** t = hash_TapTweak(x(P) ‖ merkle root) (BIP341). Throws `RangeError` where BIP341 says to fail (t ≥ q). */
function tapTweak(group: Group, evenKey: Point, merkleRoot: Uint8Array | null): bigint {
  assert(merkleRoot === null || merkleRoot.length === 32, "a Merkle root is 32 bytes");
  return group.decodeScalar(taggedHash("TapTweak", xOnly(group, evenKey), merkleRoot ?? new Uint8Array(0)));
}

/** The 32-byte x-coordinate of a secp256k1 point: its BIP340 public key. */
export function xOnly(group: Group, point: Point): Uint8Array {
  assert(group.name === "secp256k1", "x-only keys are secp256k1");
  return group.encode(point).slice(1);
}

/** BIP340's tagged hash: SHA-256 of SHA-256(tag) twice, then the parts. */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const prefix = sha256(utf8ToBytes(tag));
  return sha256(concatBytes(prefix, prefix, ...parts));
}

/** sign·x_i + offset: a party's share of the tweaked key. Never zero (a zero share would be public). */
export const tweakShare = (group: Group, { sign, offset }: Tweaked, share: bigint): bigint =>
  mod(sign * share + offset, group.order);

/** sign·X_i + offset·G: the public counterpart of `tweakShare`. */
export const tweakPublicShare = (group: Group, { sign, offset }: Tweaked, publicShare: Point): Point =>
  group.add(sign === 1n ? publicShare : group.negate(publicShare), group.multiplyBase(offset));
