import type { TweakContext } from "@conclave/crypto";
import type { KeyShare, Scheme, Valid } from "@conclave/keys";
import type { Protocol } from "@conclave/protocol";

/** What one signature is asked of a scheme. */
export interface SignatureOrder {
  readonly key: Uint8Array;
  readonly share: Valid<KeyShare>;
  readonly tweak: TweakContext;
  /** What is signed: for a Taproot input its 32-byte signature hash. */
  readonly message: Uint8Array;
  /** Names what was approved; signers who approved something else do not sign together. 32 bytes. */
  readonly approval: Uint8Array;
}

/** A signature scheme as custody uses it. The application hands the schemes in, so that custody depends on none. */
export interface SigningScheme {
  readonly scheme: Scheme;
  readonly protocol: Protocol<unknown, unknown>;
  /** The protocol's config for one session. */
  config(order: SignatureOrder): unknown;
  /** The signature in a finished session's result. */
  signature(result: unknown): Uint8Array;
}
