import type { Point, TweakContext } from "@conclave/crypto";
import type { KeyShare, KeygenConfig, Scheme, Valid } from "@conclave/keys";
import type { PartyIndex, Protocol } from "@conclave/protocol";

/** What one signature is asked of a scheme. */
export interface SignatureOrder {
  readonly key: Uint8Array;
  readonly share: Valid<KeyShare>;
  readonly tweak: TweakContext;
  /** What is signed: the 32-byte signature hash of an input, or the hash of a message. */
  readonly message: Uint8Array;
  /** Names what was approved; signers who approved something else do not sign together. 32 bytes. */
  readonly approval: Uint8Array;
  /** Own ends of the edges to the other signers, opened by the scheme. Empty for a scheme without edges. */
  readonly edges: ReadonlyMap<PartyIndex, unknown>;
}

/** What a key generation leaves at one node. */
export interface MadeKey {
  readonly share: KeyShare;
  /** Own end of each edge, encoded: secret state shared with one other party. Empty for a scheme without edges. */
  readonly edges: ReadonlyMap<PartyIndex, Uint8Array>;
}

/** How a scheme with pairwise state (oblivious transfer) stores its edges and makes one anew. */
export interface Edges {
  /** Between two parties whose edge died. */
  readonly protocol: Protocol<unknown, unknown>;
  /** `certificate`: of the key, which the new setup belongs to. */
  config(certificate: Uint8Array): unknown;
  made(result: unknown): ReadonlyMap<PartyIndex, Uint8Array>;
  /** The stored form, as the protocols use it. Throws `CodecError` on damaged bytes. */
  open(encoded: Uint8Array): { readonly setup: Uint8Array; readonly edge: unknown };
  /** Overwrite an opened edge. */
  wipe(edge: unknown): void;
}

/** How a scheme prepares signatures before their digest is known. */
export interface Presigning {
  readonly protocol: Protocol<unknown, unknown>;
  config(order: Omit<SignatureOrder, "message">): unknown;
  /** The same for everybody who holds a part of it, and of no other. 32 bytes. */
  id(presignature: unknown): Uint8Array;
  /** From a presignature and a digest to the signature; its result is of the same kind as the scheme's protocol's. */
  readonly finish: Protocol<unknown, unknown>;
  /** Throws `AssertionError` if the presignature was made for another key, path, epoch, committee or setup. */
  finishConfig(order: SignatureOrder, presignature: unknown): unknown;
  wipe(presignature: unknown): void;
}

/** A signature scheme as custody uses it. The application hands the schemes in, so that custody depends on none. */
export interface SigningScheme {
  readonly scheme: Scheme;
  /** Largest committee. */
  readonly maxParties: number;
  readonly keygen: Protocol<KeygenConfig, unknown>;
  made(result: unknown): MadeKey;
  /** Null for a scheme whose parties need nothing but their shares. */
  readonly edges: Edges | null;
  /** Null for a scheme that signs fast enough without. */
  readonly presigning: Presigning | null;
  readonly protocol: Protocol<unknown, unknown>;
  /** The protocol's config for one session. */
  config(order: SignatureOrder): unknown;
  /** The signature in a finished session's result: 64 bytes, or 65 with a recovery id. */
  signature(result: unknown): Uint8Array;
  /** Whether `signature` is this scheme's, under an untweaked key, of what the protocol took as its message. */
  verify(publicKey: Point, message: Uint8Array, signature: Uint8Array): boolean;
}
