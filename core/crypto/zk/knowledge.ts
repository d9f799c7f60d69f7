/**
 * Proof of knowledge of a discrete logarithm (Schnorr 1989), split in two so that its nonce commitment can be fixed
 * before the challenge's other inputs are known: commit to A = a·G early, answer z = a + e·x later.
 * The challenge binds whatever `statement` holds: session, prover, position, and every value the proof must not outlive.
 */
import type { Rng, TranscriptFields } from "@conclave/bytes";
import type { Group, Point } from "../groups/group.ts";
import { mod, randomScalar } from "../groups/scalar.ts";
import { transcriptScalar } from "../transcript.ts";

/** The prover's secret nonce a and its public commitment A = a·G. One use only. */
export interface KnowledgeNonce {
  readonly secret: bigint;
  readonly commitment: Point;
}

export function knowledgeNonce(group: Group, rng: Rng): KnowledgeNonce {
  const secret = randomScalar(group, rng);
  return { secret, commitment: group.multiplyBaseSecret(secret) };
}

/** What a proof speaks about: X = x·G, its nonce commitment A, and the session fields it is bound to. */
export interface KnowledgeStatement {
  readonly value: Point;
  readonly commitment: Point;
  readonly binding: TranscriptFields;
}

const challenge = (group: Group, { value, commitment, binding }: KnowledgeStatement): bigint =>
  transcriptScalar(group, "zk/knowledge", {
    group: group.name,
    value: group.encode(value),
    commitment: group.encode(commitment),
    ...binding,
  });

/** z = a + e·x mod q. */
export const proveKnowledge = (group: Group, statement: KnowledgeStatement, nonce: bigint, secret: bigint): bigint =>
  mod(nonce + challenge(group, statement) * secret, group.order);

/** True if z·G = A + e·X. */
export function verifyKnowledge(group: Group, statement: KnowledgeStatement, response: bigint): boolean {
  const e = challenge(group, statement);
  // z·G − e·X = A, with the subtraction as a multiplication by q − e.
  const left = group.combine([group.generator, statement.value], [response, mod(-e, group.order)]);
  return group.equals(left, statement.commitment);
}
