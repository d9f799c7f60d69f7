/** What an attempt is about and what it needs: everything that differs between key generation and signing. */
import type { Rng } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { Abort, PartyIndex, Protocol, Ssid } from "@conclave/protocol";
import { coordinatorIndex, type AttemptSubject, type EdgeEnd, type Offer, type Setup } from "./attempts.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import type { EnvelopeReader } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import { faultEvidence } from "./tribunal.ts";

export interface Member {
  readonly index: PartyIndex;
  readonly node: NodeId;
}

/** One session of an attempt, ready to start. */
export interface SessionPlan {
  readonly protocol: Protocol<unknown, unknown>;
  readonly ssid: Ssid;
  readonly config: unknown;
  /** Id of the presignature that it uses up; absent where it makes its own nonce. */
  readonly presignature?: Uint8Array;
}

/** What an attempt is for: everything that differs between key generation and signing. */
export interface AttemptPlan {
  readonly subject: AttemptSubject;
  readonly coordinator: NodeId;
  readonly members: readonly Member[];
  /** How many take part: all members for key generation, the threshold for a signature. */
  readonly needed: number;
  /** Height written in the request; seeds the choice of signers. */
  readonly height: number;
  /** Key and epoch in use; zeros and 0 while a key is made. */
  readonly key: Uint8Array;
  readonly epoch: number;
  /** Purpose of the key that is made; null for a signature. Key generations of one purpose end one another. */
  readonly purpose: string | null;
  /** What the own ack says it holds. */
  readonly holds: readonly Uint8Array[];
  /** Own live edges, as the ack names them; null where signers need none. */
  readonly edges: readonly EdgeEnd[] | null;
  /** Own presignatures that may complete it, as the ack names them; null where none is used. */
  readonly offers: readonly Offer[] | null;
  /** What everybody holds according to all acks, if anything: the attempt must not begin. Sees to it that it ends well. */
  finishHeld(held: readonly Uint8Array[]): void;
  /**
   * `offer`: the presignature that all signers have offered and that this attempt uses up, or null. The reason if what the ack
   * named is gone by now.
   */
  sessions(
    signers: readonly PartyIndex[],
    acks: readonly Uint8Array[],
    offer: Uint8Array | null,
  ): readonly SessionPlan[] | string;
  /** Make a session's records durable, with whatever locks its first partial needs. The reason if the rules forbid it. */
  commit(session: SessionPlan, records: readonly Uint8Array[]): { readonly refused: string | null };
  /** Every session is done; `results` in order of inputs. */
  done(results: readonly unknown[], signers: readonly Member[]): void;
  /**
   * A sealed part of this member's failed a check that only this node could make. Whatever it shares with the member and must
   * not use again is gone when this returns; called before anybody hears of the failure.
   */
  distrust(culprit: Member, reason: string, wires: readonly Uint8Array[]): void;
  /** Overwrite the result of a session whose attempt did not come to its end. */
  discard?(result: unknown): void;
  /** A session's fault is proven by signed envelopes. */
  convict(culprit: NodeId, abort: Abort, plan: SessionPlan, wires: readonly Uint8Array[]): void;
}

export interface AttemptEnvironment {
  readonly engine: Engine;
  readonly identity: Identity;
  readonly roster: Uint8Array;
  readonly reader: EnvelopeReader;
  readonly rng: Rng;
  readonly emit: Emit;
}

/** The fields that every plan has: members in order of their index, the coordinator, and what a proven fault leads to. */
export const planFrame = (
  { accuse }: Pick<CeremonyParts, "accuse">,
  subject: AttemptSubject,
  members: readonly Member[],
  height: number,
  needed: number,
) => {
  const order = members.toSorted((a, b) => a.index - b.index);
  const coordinator = order[coordinatorIndex(order.length, height, subject.attempt)]!.node;
  const convict = (
    _culprit: NodeId,
    abort: Abort,
    { protocol, ssid }: SessionPlan,
    wires: readonly Uint8Array[],
  ): void => {
    for (const wire of wires) accuse(faultEvidence(protocol.id, ssid, abort.publicState, wire));
  };
  return { subject: subjectOf(subject), members: order, height, needed, coordinator, convict };
};

/** The subject alone, without what a setup carries beside it. */
export const subjectOf = ({ request, revision, digest, round, attempt }: Setup | AttemptSubject): AttemptSubject => ({
  request,
  revision,
  digest,
  round,
  attempt,
});
