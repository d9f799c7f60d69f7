/**
 * One node that lies. It runs the real node and the real custody; what its custody says is twisted on the way out, with its
 * own keys, which is all that a thief of the whole machine could do beside not taking part.
 */
import { toHex } from "@conclave/bytes";
import {
  doubleVoteEvidence,
  evidenceCodec,
  signedVoteCodec,
  signVote,
  type NodeId,
  type SignedVote,
} from "@conclave/consensus";
import {
  proposalCodec,
  requestId,
  type CustodyEvent,
  type CustodyPort,
  type Identity,
  type SigningScheme,
} from "@conclave/custody";
import {
  ackCodec,
  beginCodec,
  sealEnvelope,
  setupCodec,
  type Envelope,
  type EnvelopeReader,
  type HeaderFields,
} from "@conclave/custody/testing";
import { withFlippedBit, type Dice } from "@conclave/protocol/testing";
import type { NonceCommitments } from "@conclave/frost";
import type { Transport } from "../ports.ts";
import { taproot } from "./engine.ts";
import { otherCommitment, PairwiseLiar, type PairwiseLie } from "./pairwise-liar.ts";

/** What any liar can do. */
export const LIES = [
  "votes twice",
  "votes yes to some and no to others",
  "votes in another's name",
  "sends a wrong partial signature",
  "sends different commitments",
  "sends different begins",
  "sends two setups",
  "sends two acks",
  "withholds messages",
  "replays messages",
  "opens attempts out of turn",
  "sends false evidence",
  "sends false results",
  "sends garbage",
] as const;

export type Lie = (typeof LIES)[number] | PairwiseLie;

export interface LiarParts {
  readonly identity: Identity;
  readonly roster: Uint8Array;
  readonly reader: EnvelopeReader;
  /** Every node, in order of party numbers. */
  readonly nodes: readonly NodeId[];
  /** Every node but the liar. */
  readonly peers: readonly NodeId[];
  readonly dice: Dice;
  /** The key whose edges it speaks of. */
  readonly wallet: { readonly key: Uint8Array; readonly epoch: number };
  readonly lies: ReadonlySet<Lie>;
  readonly told: (lie: Lie) => void;
}

type Send = Extract<CustodyEvent, { kind: "send" }>;

/** Old messages that a replay chooses from. */
const MAX_KEPT = 200;

export class Liar {
  readonly #parts: LiarParts;
  readonly #kept: Uint8Array[] = [];
  readonly #pairwise: PairwiseLiar;

  constructor(parts: LiarParts) {
    this.#parts = parts;
    const { identity, nodes, dice, wallet } = parts;
    const lies = (lie: PairwiseLie, probability?: number): boolean => this.#lies(lie, probability);
    this.#pairwise = new PairwiseLiar({ self: identity.id, nodes, wallet, dice, lies });
  }

  /** A scheme as the liar runs it. */
  scheme(scheme: SigningScheme): SigningScheme {
    return this.#pairwise.scheme(scheme);
  }

  custody(port: CustodyPort): CustodyPort {
    const twisted = Object.entries(port).map(([name, value]) => {
      const call = value as (...args: readonly unknown[]) => Promise<unknown>;
      const wrapped = async (...args: readonly unknown[]): Promise<unknown> => {
        if (name === "receive") this.#hear(args[1] as Uint8Array);
        const answer = await call(...args);
        if (!Array.isArray(answer) || !answer.some((event) => typeof event === "object" && "kind" in event))
          return answer;
        return (answer as CustodyEvent[]).flatMap((event) => this.#twist(event));
      };
      return [name, wrapped] as const;
    });
    return Object.fromEntries(twisted) as unknown as CustodyPort;
  }

  /** Frames that nobody can read go out between the others. */
  transport(transport: Transport): Transport {
    const { dice } = this.#parts;
    return {
      isUp: (peer) => transport.isUp(peer),
      start: (handler) => transport.start(handler),
      close: () => transport.close(),
      send: (to, frame) => {
        transport.send(to, frame);
        if (!this.#lies("sends garbage", 0.2)) return;
        const garbage = new Uint8Array(frame).slice(0, 1 + dice.below(frame.length));
        garbage[dice.below(garbage.length)]! ^= 1 << dice.below(8);
        transport.send(to, garbage);
      },
    };
  }

  #lies(lie: Lie, probability = 0.6): boolean {
    const { lies, dice, told } = this.#parts;
    if (!lies.has(lie) || !dice.chance(probability)) return false;
    told(lie);
    return true;
  }

  #hear(wire: Uint8Array): void {
    try {
      this.#pairwise.heard(this.#parts.reader.open(wire));
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "EnvelopeRefused") throw error;
    }
  }

  #twist(event: CustodyEvent): readonly CustodyEvent[] {
    if (event.kind === "signed" && this.#lies("sends false results")) {
      return [event, this.#falseResult(event)].flat();
    }
    if (event.kind !== "send") return [event];
    const envelope = this.#parts.reader.open(event.wire);
    this.#pairwise.heard(envelope);
    if (this.#kept.length < MAX_KEPT) this.#kept.push(event.wire);
    if (this.#lies("withholds messages", 0.3)) return [];
    return [...this.#alter(event, envelope), ...this.#add(envelope)];
  }

  /** What goes out instead of an honest message. */
  #alter(event: Send, envelope: Envelope): readonly Send[] {
    const { kind, round } = envelope.header;
    if (kind === "vote") return this.#alterVote(event, envelope);
    if (kind === "ack" && this.#lies("sends two acks")) {
      const ack = ackCodec.decode(envelope.body);
      return [event, this.#again(event, envelope, ackCodec.encode({ ...ack, nonce: flipped(ack.nonce) }))];
    }
    if (kind === "ack") {
      const ack = ackCodec.decode(envelope.body);
      const twisted = this.#pairwise.ack(ack);
      if (twisted.edges !== ack.edges || twisted.offers !== ack.offers)
        return [this.#again(event, envelope, ackCodec.encode(twisted))];
    }
    if (kind === "setup" && this.#lies("sends two setups")) {
      const setup = setupCodec.decode(envelope.body);
      return [event, this.#again(event, envelope, setupCodec.encode({ ...setup, votes: setup.votes.slice(1) }))];
    }
    if (kind === "begin" && this.#lies("sends different begins")) {
      const begin = beginCodec.decode(envelope.body);
      const other = beginCodec.encode({ ...begin, acks: begin.acks.slice(1) });
      return this.#split(event, this.#again(event, envelope, other));
    }
    if (round === "frost/sign/1" && this.#lies("sends different commitments")) {
      const codec = taproot.protocol.rounds[0]!.broadcast!;
      const { hiding, binding } = codec.decode(envelope.body) as NonceCommitments;
      return this.#split(event, this.#again(event, envelope, codec.encode({ hiding: binding, binding: hiding })));
    }
    if (round === "frost/sign/2" && this.#lies("sends a wrong partial signature"))
      return [this.#again(event, envelope, flipped(envelope.body))];
    return this.#alterPairwise(event, envelope);
  }

  #alterPairwise(event: Send, envelope: Envelope): readonly Send[] {
    const { kind, round } = envelope.header;
    const { dice } = this.#parts;
    if (round === "dkls23/sign/1-commit" && this.#lies("commits differently to different peers", 0.4))
      return this.#split(event, this.#again(event, envelope, otherCommitment(envelope.body, dice)));
    if (kind === "step/direct" && this.#lies("seals what does not open", 0.1))
      return [this.#again(event, envelope, withFlippedBit(envelope.body, dice))];
    return [event];
  }

  #alterVote(event: Send, envelope: Envelope): readonly Send[] {
    const { vote } = signedVoteCodec.decode(envelope.body);
    const { vote: signer } = this.#parts.identity;
    const opposite = signedVoteCodec.encode(signVote(signer, { ...vote, value: !vote.value }));
    if (this.#lies("votes twice")) return [event, this.#again(event, envelope, opposite)];
    if (this.#lies("votes yes to some and no to others"))
      return this.#split(event, this.#again(event, envelope, opposite));
    return [event];
  }

  /** What goes out beside it. */
  #add(envelope: Envelope): readonly Send[] {
    const { dice, peers, identity } = this.#parts;
    const extra: Send[] = [];
    if (this.#lies("replays messages", 0.3)) {
      const wire = this.#kept[dice.below(this.#kept.length)]!;
      extra.push({ kind: "send", to: [peers[dice.below(peers.length)]!], wire, topic: "replay" });
    }
    const old = this.#pairwise.replay();
    if (old !== null) extra.push({ kind: "send", to: peers, wire: old, topic: "replay" });
    const { kind, request, attempt } = envelope.header;
    if (kind === "ack") {
      const { key, epoch } = this.#parts.wallet;
      const rekey = this.#pairwise.rekey();
      if (rekey !== null)
        extra.push(
          this.#say(
            { kind: "proposal", request: requestId(rekey), round: "0" },
            proposalCodec.encode({ request: rekey, revision: null }),
          ),
        );
      for (const body of this.#pairwise.deaths(ackCodec.decode(envelope.body)))
        extra.push(this.#say({ kind: "edge", key, epoch }, body));
    }
    if (kind === "vote") {
      const { vote } = signedVoteCodec.decode(envelope.body);
      const victim = peers[dice.below(peers.length)]!;
      const forged = signVote(identity.vote, { ...vote, voter: victim, value: !vote.value });
      if (this.#lies("votes in another's name"))
        extra.push(this.#say({ kind: "vote", request }, signedVoteCodec.encode(forged)));
      if (this.#lies("sends false evidence"))
        extra.push(this.#say({ kind: "evidence" }, falseEvidence(forged, identity)));
    }
    if (kind === "ack" && this.#lies("opens attempts out of turn")) {
      const next = attempt + 1 + dice.below(3);
      const [revision, round] = envelope.header.round.split(".").map(Number) as [number, number];
      const setup = { request: request!, revision, digest: new Uint8Array(32), round, attempt: next, votes: [] };
      extra.push(this.#say({ ...envelope.header, kind: "setup", attempt: next }, setupCodec.encode(setup)));
    }
    return extra;
  }

  #falseResult({ request, rawTx }: Extract<CustodyEvent, { kind: "signed" }>): readonly Send[] {
    const body = rawTx.slice();
    return [this.#say({ kind: "result", request }, body)];
  }

  #say(said: HeaderFields, body: Uint8Array): Send {
    const { kind, request = null, attempt = 0, round = "", key = null, epoch = 0 } = said;
    const { identity, roster, peers } = this.#parts;
    const { wire } = sealEnvelope(identity, roster, { kind, request, attempt, round, key, epoch }, body);
    return { kind: "send", to: peers, wire, topic: `lie:${toHex(body).slice(0, 16)}` };
  }

  /** The same place, filled with something else and signed. */
  #again(event: Send, { header }: Envelope, body: Uint8Array): Send {
    const { identity, roster } = this.#parts;
    return { ...event, wire: sealEnvelope(identity, roster, header, body).wire };
  }

  /** Some receivers get the one, the others the other. */
  #split(event: Send, other: Send): readonly Send[] {
    const cut = 1 + this.#parts.dice.below(Math.max(1, event.to.length - 1));
    return [
      { ...event, to: event.to.slice(0, cut) },
      { ...other, to: other.to.slice(cut) },
    ].filter(({ to }) => to.length > 0);
  }
}

/** The last byte changed in its lowest bit: still a number, a nonce, a hash, and not the same. */
function flipped(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

/** A genuine vote of the liar's and one that it made up in another's name are no contradiction of anybody's. */
function falseEvidence(forged: SignedVote, { vote }: Identity): Uint8Array {
  const first = signVote(vote, { ...forged.vote, value: true });
  const second = signVote(vote, { ...forged.vote, value: false });
  return evidenceCodec.encode(doubleVoteEvidence({ first, second }));
}
