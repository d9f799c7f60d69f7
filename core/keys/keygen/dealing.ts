/**
 * What the rounds of key generation share. Symbols, as in the safety rules: V commitment to everything a dealer will open,
 * F Feldman commitment, A nonces for the proofs of its coefficients, B nonce for the proof of the own share, rid and cc
 * contributions to the run id and the chain code, u blinding.
 */
import { codec, fixedBytes, list, record, transcript, xorBytes, type Codec, type Schema } from "@conclave/bytes";
import {
  pointSchema,
  type Commitment,
  type Group,
  type KnowledgeNonce,
  type KnowledgeStatement,
  type Point,
  type Polynomial,
} from "@conclave/crypto";
import { MAX_PARTIES, type PartyIndex, type Ssid } from "@conclave/protocol";
import type { Purpose, Scheme } from "../record.ts";

/** What everybody must agree on before the first round. */
export interface KeygenConfig {
  readonly scheme: Scheme;
  readonly purpose: Purpose;
  readonly threshold: number;
  readonly quorum: number;
  /** Envelope key of each party's node, 32 bytes. */
  readonly nodes: ReadonlyMap<PartyIndex, Uint8Array>;
}

/** All that a dealer opens in round 2. */
export interface Opening {
  readonly rid: Uint8Array;
  readonly cc: Uint8Array;
  readonly F: Commitment;
  readonly A: readonly Point[];
  readonly B: Point;
  readonly u: Uint8Array;
}

/** This party's own contribution, secrets included. */
export interface Dealing {
  readonly polynomial: Polynomial;
  readonly coefficientNonces: readonly KnowledgeNonce[];
  readonly shareNonce: KnowledgeNonce;
  readonly opening: Opening;
}

/** What every state of the ceremony carries on. */
export interface Ceremony {
  readonly ssid: Ssid;
  readonly self: PartyIndex;
  readonly committee: readonly PartyIndex[];
  readonly config: KeygenConfig;
  readonly dealing: Dealing;
  /** V_i of every party, this one included. */
  readonly V: ReadonlyMap<PartyIndex, Uint8Array>;
  /** Running hash of every broadcast so far, in order of rounds and parties. */
  readonly log: Uint8Array;
}

export const openingSchema = (group: Group): Schema<Opening> => {
  const points = list(pointSchema(group), { min: 1, max: MAX_PARTIES });
  return record({
    rid: fixedBytes(32),
    cc: fixedBytes(32),
    F: points,
    A: points,
    B: pointSchema(group),
    u: fixedBytes(32),
  });
};

export const openingCodec = (group: Group): Codec<Opening> => codec(openingSchema(group));

/** V_i = H("commit"; ssid, i, rid_i, cc_i, F_i, A_i, B_i, u_i). */
export const commitmentTo = (group: Group, ssid: Uint8Array, from: PartyIndex, opening: Opening): Uint8Array =>
  transcript("keys/keygen/commit", { ssid, from, opening: openingCodec(group).encode(opening) });

/** Add one round's broadcasts, encoded, to the running log. */
export function extendLog(log: Uint8Array, round: string, broadcasts: ReadonlyMap<PartyIndex, Uint8Array>): Uint8Array {
  const entries = [...broadcasts].toSorted(([a], [b]) => a - b).map(([party, body]) => [party, body]);
  return transcript("keys/keygen/log", { log, round, entries });
}

/** rid = ⊕ rid_i: fixed by nobody as long as one party is honest. */
export function jointRid(openings: ReadonlyMap<PartyIndex, Opening>): Uint8Array {
  let rid: Uint8Array = new Uint8Array(32);
  for (const opening of openings.values()) rid = xorBytes(rid, opening.rid);
  return rid;
}

/** The statement "party i knows f_k behind F_ik, with nonce A_ik", bound to the run, its id, every V, prover and position. */
export function coefficientStatement(
  known: {
    readonly ssid: Uint8Array;
    readonly rid: Uint8Array;
    readonly V: ReadonlyMap<PartyIndex, Uint8Array>;
    readonly openings: ReadonlyMap<PartyIndex, Opening>;
  },
  party: PartyIndex,
  k: number,
): KnowledgeStatement {
  const { F, A } = known.openings.get(party)!;
  const commitments = [...known.V].toSorted(([a], [b]) => a - b).map(([, V]) => V);
  const binding = { what: "keygen coefficient", ssid: known.ssid, rid: known.rid, commitments, prover: party, k };
  return { value: F[k]!, commitment: A[k]!, binding };
}
