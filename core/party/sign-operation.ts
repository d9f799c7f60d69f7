/** One signature: t parties whose operators typed the same. */
import { bytes, codec, equalBytes, fixedBytes, list, record, type Codec } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Group } from "@conclave/crypto";
import type { AttemptPlan, AttemptSubject, Envelope, Member } from "@conclave/custody";
import { ascending, ssidFromAcks, type PartyIndex } from "@conclave/protocol";
import { MAX_GROUP, partyNumber } from "./card.ts";
import { PartyFailure } from "./failure.ts";
import { cardOf } from "./invite.ts";
import type { HeldKey, PartyKeys } from "./keys.ts";
import type { Meeting, Peer } from "./meeting.ts";
import type { Operation } from "./operation.ts";
import { childOf } from "./order.ts";
import { differences, intentHash, type SignIntent } from "./presence.ts";
import type { PartyTimings } from "./timings.ts";

/** A signature that verifies, and what it is of. */
export interface PartySignature {
  /** 64 bytes; 65 with a recovery id (DKLS23) or a compressed R (plain FROST). */
  readonly signature: Uint8Array;
  /** Under which it verifies: the key, or its child. Encoded as its curve does. */
  readonly publicKey: Uint8Array;
  readonly digest: Uint8Array;
  /** Who made it: known to those who did, and told by them to the others. The signature itself does not say. */
  readonly signers: readonly PartyIndex[];
}

interface Result {
  readonly intent: Uint8Array;
  readonly signature: Uint8Array;
  readonly signers: readonly PartyIndex[];
}

const MAX_SIGNATURE_BYTES = 65;
const resultCodec: Codec<Result> = codec(
  record({
    intent: fixedBytes(32),
    signature: bytes({ max: MAX_SIGNATURE_BYTES }),
    signers: list(partyNumber, { min: 2, max: MAX_GROUP }),
  }),
);

export interface SignParts {
  readonly meeting: Meeting;
  readonly keys: PartyKeys;
  readonly held: HeldKey;
  readonly self: PartyIndex;
  readonly timings: PartyTimings;
  readonly onSigned: (signature: PartySignature) => void;
  /** A check that only this party could make failed; durable when it returns. */
  readonly loseEdge: (held: HeldKey, peer: PartyIndex, reason: string) => void;
}

export class SignOperation implements Operation {
  readonly members: readonly Member[];
  readonly #parts: SignParts;
  readonly #wanted: Omit<SignIntent, "kind" | "lost">;
  readonly #group: Group;
  #signed = false;

  constructor(parts: SignParts, wanted: Omit<SignIntent, "kind" | "lost" | "key">) {
    const { held, keys } = parts;
    this.#parts = parts;
    this.#wanted = { ...wanted, key: held.certificate };
    this.#group = keys.groupOf(held);
    this.members = wanted.parties.map((party) => ({ index: party, node: cardOf(held.invite, party).node }));
  }

  get finished(): boolean {
    return this.#signed;
  }

  get roundDeadlineMs(): number {
    return this.#parts.timings.roundDeadlineMs;
  }

  intent(): SignIntent {
    const { held, keys } = this.#parts;
    return { kind: "sign", ...this.#wanted, lost: keys.dead(held).map(({ peer }) => peer) };
  }

  get #threshold(): number {
    return this.#parts.held.invite.threshold;
  }

  /** Whether t of these parties, this one among them, can work pairwise. */
  #suffice(peers: readonly Peer[]): boolean {
    const { self } = this.#parts;
    const own = this.intent();
    const lost = new Map(peers.map(({ party, presence }) => [party, lostBy(presence?.intent)]));
    lost.set(self, own.lost);
    const apart = (a: PartyIndex, b: PartyIndex): boolean =>
      lost.get(a)?.includes(b) === true || lost.get(b)?.includes(a) === true;
    return hasClique(
      [self],
      peers.map(({ party }) => party),
      this.#threshold,
      apart,
    );
  }

  ready(fitting: readonly Peer[]): readonly Peer[] | null {
    return this.#suffice(fitting) ? fitting : null;
  }

  lacks(fitting: readonly Peer[]): readonly PartyIndex[] {
    if (fitting.length + 1 >= this.#threshold) return [];
    const there = new Set<PartyIndex>([...fitting.map(({ party }) => party), this.#parts.self]);
    return this.#wanted.parties.filter((party) => !there.has(party));
  }

  hopeless(peers: readonly Peer[], broken: ReadonlySet<NodeId>): PartyFailure | null {
    const invited = peers.filter(({ party }) => this.#wanted.parties.includes(party));
    const honest = invited.filter(({ node }) => !broken.has(node));
    if (honest.length + 1 < this.#threshold)
      return new PartyFailure("byzantine", "without the parties that broke the protocol too few are left to sign");
    const differing = honest.filter((peer) => this.#wantsOther(peer));
    const possible = honest.filter((peer) => !differing.includes(peer));
    if (possible.length + 1 < this.#threshold) {
      const how = differing.map(
        (peer) => `party ${peer.party}: ${differences(this.intent(), peer.presence!.intent).join("; ")}`,
      );
      return new PartyFailure(
        "refused",
        `${this.#threshold} parties have to sign the same, and here others differ. ${how.join(". ")}. See who is right, and run the command again`,
      );
    }
    return this.#suffice(possible) ? null : this.#withoutEdges();
  }

  /** Its operator typed something else to be signed: not one that still makes the key. */
  #wantsOther({ up, presence }: Peer): boolean {
    if (!up || presence === null || presence.stage !== "waiting" || presence.intent.kind !== "sign") return false;
    return differences(this.intent(), presence.intent).length > 0;
  }

  #withoutEdges(): PartyFailure {
    const { held, keys } = this.#parts;
    const own = keys.dead(held).map(({ peer, reason }) => `with party ${peer} (${reason})`);
    const where = own.length === 0 ? "between others of the group" : own.join(", ");
    return new PartyFailure(
      "not-ready",
      `a check failed, and what two parties share was destroyed for safety: ${where}. These two sign together no more. Sign with other parties (--parties), or make a new key; making the pair anew comes with "refresh"`,
    );
  }

  plan(subject: AttemptSubject, coordinator: NodeId): AttemptPlan {
    const { held, keys } = this.#parts;
    const { scheme } = held;
    const intent = this.intent();
    const approval = intentHash(intent);
    const { tweak } = childOf(this.#group, held, intent.path);
    return {
      subject,
      coordinator,
      members: this.members,
      needed: this.#threshold,
      height: 0,
      key: held.id,
      epoch: held.share.record.epoch,
      purpose: null,
      holds: [],
      edges: keys.ends(held),
      offers: null,
      finishHeld: () => {},
      sessions: (signers, acks) => {
        const peers = signers.filter((party) => party !== held.share.self);
        const edges = keys.edgesTo(held, peers);
        if (edges === null) return "what this party shares with one of the signers is gone";
        const fields = {
          protocol: scheme.protocol.id,
          key: held.id,
          epoch: held.share.record.epoch,
          setup: held.certificate,
          request: subject.request,
          approval,
          digest: intent.digest,
          hash: intent.hash,
          tweak: [...tweak.path],
          attempt: subject.attempt,
          signers: ascending(signers),
        };
        const ssid = ssidFromAcks("ssid/session", fields, acks);
        const order = { key: held.id, share: held.share, tweak, message: intent.digest, approval, edges };
        return [{ protocol: scheme.protocol, ssid, config: scheme.config(order) }];
      },
      // One process, one session, one nonce: it lives in memory only and is overwritten when the session ends.
      commit: () => ({ refused: null }),
      done: ([result], signers) =>
        this.#take(
          scheme.signature(result),
          signers.map(({ index }) => index),
        ),
      distrust: ({ index }, reason) => this.#parts.loseEdge(held, index, reason),
      convict: () => {},
    };
  }

  /** Nothing leaves this party that does not verify under the key. Everybody is told, by everybody who has it: some may be gone. */
  #take(signature: Uint8Array, signers: readonly PartyIndex[]): void {
    const { held, meeting, onSigned } = this.#parts;
    const { digest, path } = this.#wanted;
    const { publicKey } = childOf(this.#group, held, path);
    if (this.#signed || !held.scheme.verify(publicKey, digest, signature)) return;
    this.#signed = true;
    const intent = intentHash(this.intent());
    const body = resultCodec.encode({ intent, signature, signers });
    const { wire } = meeting.seal({ kind: "result", request: intent, round: "" }, body);
    const others = this.members.filter(({ index }) => index !== held.share.self);
    meeting.send(
      others.map(({ node }) => node),
      wire,
      "result",
    );
    onSigned({ signature, publicKey: this.#group.encode(publicKey), digest, signers });
  }

  /** Whoever was not needed is told the signature. */
  receive({ header, body }: Envelope): void {
    if (header.kind !== "result") return;
    const { intent, signature, signers } = resultCodec.decode(body);
    if (equalBytes(intent, intentHash(this.intent()))) this.#take(signature, signers);
  }

  needing(peers: readonly Peer[]): readonly Peer[] {
    if (!this.#signed) return [];
    return peers.filter(
      ({ up, presence }) =>
        up && presence?.stage === "waiting" && differences(this.intent(), presence.intent).length === 0,
    );
  }
}

const lostBy = (intent: unknown): readonly PartyIndex[] => (isSign(intent) ? intent.lost : []);
const isSign = (intent: unknown): intent is SignIntent =>
  typeof intent === "object" && intent !== null && "lost" in intent;

/** Whether `chosen` can be extended to `size` parties of which no two are apart. */
function hasClique(
  chosen: readonly PartyIndex[],
  others: readonly PartyIndex[],
  size: number,
  apart: (a: PartyIndex, b: PartyIndex) => boolean,
): boolean {
  if (chosen.length >= size) return true;
  return others.some((party, i) => {
    if (chosen.some((member) => apart(member, party))) return false;
    return hasClique([...chosen, party], others.slice(i + 1), size, apart);
  });
}
