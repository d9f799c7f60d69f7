/** One-use nonces: d (hiding) and e (binding) in secret, D = d·G and E = e·G in public. Reusing a pair gives the share away. */
import { assert, concatBytes, transcript, type Rng, type TranscriptFields } from "@conclave/bytes";
import type { Point } from "@conclave/crypto";
import type { Suite } from "./suite.ts";

/** The public half: D and E. */
export interface NonceCommitments {
  readonly hiding: Point;
  readonly binding: Point;
}

/** The secret half: d and e as encoded scalars, in buffers that `spendNonces` overwrites. All zero once they are spent. */
export interface NonceSecrets {
  readonly hiding: Uint8Array;
  readonly binding: Uint8Array;
}

/** Both halves of one pair. */
export interface Nonces {
  readonly secrets: NonceSecrets;
  readonly commitments: NonceCommitments;
}

const RANDOM_BYTES = 32;

/** nonce_generate (RFC 9591 §4.1): H3(32 random bytes ‖ encoded share). */
export function nonceGenerate(suite: Suite, randomBytes: Uint8Array, share: bigint): bigint {
  assert(randomBytes.length === RANDOM_BYTES, "a nonce is made from 32 random bytes");
  return suite.H3(concatBytes(randomBytes, suite.group.encodeScalar(share)));
}

/**
 * commit (RFC 9591 §5.1): a fresh nonce pair of `share`. Where the RFC takes random bytes, this takes their hash with
 * `session`: should the random source repeat itself, nonces still repeat only if session, share and message all do.
 */
export function commit(
  suite: Suite,
  { share, session, rng }: { readonly share: bigint; readonly session: TranscriptFields; readonly rng: Rng },
): Nonces {
  const draw = (role: "hiding" | "binding"): bigint =>
    nonceGenerate(suite, transcript("frost/nonce", { ...session, role, random: rng(RANDOM_BYTES) }), share);
  return noncesFrom(suite, draw("hiding"), draw("binding"));
}

/** A pair from its secret scalars. */
export function noncesFrom({ group }: Suite, hiding: bigint, binding: bigint): Nonces {
  assert(hiding !== 0n && binding !== 0n, "a nonce is not zero");
  return {
    secrets: { hiding: group.encodeScalar(hiding), binding: group.encodeScalar(binding) },
    commitments: { hiding: group.multiplyBaseSecret(hiding), binding: group.multiplyBaseSecret(binding) },
  };
}

/** Read a pair once: the buffers are zero before the scalars are returned. Throws `AssertionError` the second time. */
export function spendNonces({ group }: Suite, secrets: NonceSecrets): { readonly d: bigint; readonly e: bigint } {
  const [d, e] = [group.decodeScalar(secrets.hiding), group.decodeScalar(secrets.binding)];
  eraseNonces(secrets);
  assert(d !== 0n && e !== 0n, "these nonces are spent: a pair signs once");
  return { d, e };
}

/** Overwrite a pair that will not be used. */
export function eraseNonces({ hiding, binding }: NonceSecrets): void {
  hiding.fill(0);
  binding.fill(0);
}
