/**
 * What a node can do wrong, under document 004's names, and what follows. Only evidence that proves itself to anyone,
 * offline, accuses a node: two signed messages that contradict each other, or a signed message that fails a public check.
 * Everything else is recorded and blames nobody, because it can be forged in a node's name or happen to an honest one.
 */
import {
  bytes,
  codec,
  CodecError,
  compareBytes,
  fromHex,
  oneOf,
  record,
  refine,
  text,
  transcript,
  type Codec,
  type Schema,
  type SchemaOf,
} from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import { entryOf, type NodeId, type Roster } from "./roster.ts";
import type { Contradiction, Tally } from "./tally.ts";
import { contradicts, signedVoteCodec, signedVoteSchema, verifyVote, type SignedVote } from "./vote.ts";

/** The first four are document 004's; the others are proven in protocol sessions. */
export type ViolationKind =
  | "DoubleVote"
  | "InvalidSignature"
  | "MinorityVote"
  | "Timeout"
  | "ProtocolFault"
  | "Equivocation";

/** What is known of a kind of violation. */
export interface ViolationRow {
  /** True if its evidence convinces anyone, so that it leads to a ban. */
  readonly provable: boolean;
  readonly consequence: string;
}

/** Every violation and what follows from it. */
export const VIOLATIONS: Readonly<Record<ViolationKind, ViolationRow>> = {
  DoubleVote: { provable: true, consequence: "Banned; its votes are not counted; the request goes on." },
  InvalidSignature: { provable: false, consequence: "Dropped and counted against the link; blames nobody." },
  MinorityVote: {
    provable: false,
    consequence: "Recorded as dissent; banned only where nodes enforce, for a yes that a rule proves wrong.",
  },
  Timeout: { provable: false, consequence: "Asked last for the rest of this request; no strike." },
  ProtocolFault: { provable: true, consequence: "Banned; the attempt is repeated without it." },
  Equivocation: { provable: true, consequence: "Banned; the attempt is repeated without it." },
};

/** A frame holds 1 MiB; two envelopes and what surrounds them have to fit. */
const MAX_PROOF_BYTES = 500_000;

const opaque = bytes({ min: 1, max: MAX_PROOF_BYTES });

/** A pair has one encoding: the lower message first. */
function ordered<Message>(
  message: Schema<Message>,
  encode: (message: Message) => Uint8Array,
): Schema<{ readonly first: Message; readonly second: Message }> {
  type Pair = { readonly first: Message; readonly second: Message };
  const check = (pair: Pair): Pair => {
    if (compareBytes(encode(pair.first), encode(pair.second)) >= 0)
      throw new CodecError("the two messages are equal or not in order");
    return pair;
  };
  return refine(record<Pair>({ first: message, second: message }), { parse: check, print: check });
}

const evidenceSchema = oneOf({
  DoubleVote: ordered(signedVoteSchema, (vote) => signedVoteCodec.encode(vote)),
  /** Two signed envelopes that fill one slot differently, as bytes. */
  Equivocation: ordered(opaque, (envelope) => envelope),
  /** A signed vote, with the request and the revision that it is about, as bytes: together they prove the vote wrong. */
  MinorityVote: record({ vote: signedVoteSchema, request: opaque, revision: opaque }),
  /** Signed envelopes that fail the public check named `check`, as its verifier understands them. */
  ProtocolFault: record({ check: text({ max: 128 }), proof: opaque }),
});

/** Self-proving evidence against one node. It names nobody: whom it accuses follows from the signatures inside. */
export type Evidence = SchemaOf<typeof evidenceSchema>;

/** Evidence as it is stored, gossiped and exported. */
export const evidenceCodec: Codec<Evidence> = codec(evidenceSchema);

/** The evidence in a tally's contradiction. */
export const doubleVoteEvidence = ({ first, second }: Contradiction): Evidence => {
  const swapped = compareBytes(signedVoteCodec.encode(first), signedVoteCodec.encode(second)) > 0;
  return swapped ? { kind: "DoubleVote", first: second, second: first } : { kind: "DoubleVote", first, second };
};

/**
 * True if one node of the roster signed both votes and they contradict each other: same request, revision number, round and
 * voter, other content, circumstances or value. Needs nothing but the roster.
 */
export const verifyDoubleVote = (engine: Engine, roster: Roster, a: SignedVote, b: SignedVote): boolean =>
  contradicts(a.vote, b.vote) && verifyVote(engine, roster, a) && verifyVote(engine, roster, b);

/** Who did it, and in which slot: one slot is one incident, however many proofs of it there are. */
export interface Accusation {
  readonly accused: NodeId;
  /**
   * Names the incident. A session's verifiers give the ssid for both equivocation and faults: a session ends with its first
   * fault, so that one lie told to many is one incident.
   */
  readonly slot: Uint8Array;
}

/**
 * Checks evidence that this package cannot read. Takes the accused from the signatures inside, never from a claim beside
 * them. Undefined, or a `CodecError`, for anything that proves nothing.
 */
export interface EvidenceVerifiers {
  equivocation(first: Uint8Array, second: Uint8Array): Accusation | undefined;
  protocolFault(check: string, proof: Uint8Array): Accusation | undefined;
  /** Whether a rule that needs nothing but these bytes proves the vote wrong. Its signature is checked here. */
  wrongVote(vote: SignedVote, request: Uint8Array, revision: Uint8Array): boolean;
}

/** What evidence is checked against. */
export interface EvidenceContext {
  readonly engine: Engine;
  /** The roster that was in force when the evidence was signed. */
  readonly roster: Roster;
  readonly verifiers: EvidenceVerifiers;
}

/** A proven incident. */
export interface Incident {
  /** 32 bytes, the same for every proof of the same incident. */
  readonly id: Uint8Array;
  readonly node: NodeId;
  readonly kind: Evidence["kind"];
}

/** The incident that `evidence` proves; undefined if it proves nothing against any node of the roster. */
export function verifyEvidence(context: EvidenceContext, evidence: Evidence): Incident | undefined {
  const accusation = accusationOf(context, evidence);
  if (accusation === undefined || entryOf(context.roster, accusation.accused) === undefined) return undefined;
  const { accused, slot } = accusation;
  return {
    id: transcript("consensus/incident", { accused: fromHex(accused), slot }),
    node: accused,
    kind: evidence.kind,
  };
}

function accusationOf(context: EvidenceContext, evidence: Evidence): Accusation | undefined {
  const { engine, roster, verifiers } = context;
  switch (evidence.kind) {
    case "DoubleVote":
      return verifyDoubleVote(engine, roster, evidence.first, evidence.second)
        ? { accused: evidence.first.vote.voter, slot: voteSlot(evidence.first) }
        : undefined;
    case "MinorityVote":
      return ifReadable(() =>
        verifiers.wrongVote(evidence.vote, evidence.request, evidence.revision) &&
        verifyVote(engine, roster, evidence.vote)
          ? { accused: evidence.vote.vote.voter, slot: voteSlot(evidence.vote) }
          : undefined,
      );
    case "Equivocation":
      return ifReadable(() => verifiers.equivocation(evidence.first, evidence.second));
    case "ProtocolFault":
      return ifReadable(() => verifiers.protocolFault(evidence.check, evidence.proof));
  }
}

const voteSlot = ({ vote: { request, revision, round } }: SignedVote): Uint8Array =>
  transcript("consensus/vote-slot", { request, revision, round });

/** Evidence comes from anyone; bytes that are no encoding prove nothing. */
function ifReadable(verify: () => Accusation | undefined): Accusation | undefined {
  try {
    return verify();
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

/** MinorityVote: who voted against the outcome. For the record and for people; it never bans. Empty while open. */
export function dissenters({ verdict, yes, no }: Tally): readonly NodeId[] {
  if (verdict === "open") return [];
  return verdict === "approved" ? no : yes;
}
