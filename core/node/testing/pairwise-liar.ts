/**
 * What a liar does where signers hold secrets in pairs (DKLS23): in its sessions, to single peers, and in what it says of the
 * edges between them.
 */
import { codec, fixedBytes, record } from "@conclave/bytes";
import { nodeId, type NodeId } from "@conclave/consensus";
import type { Request, SigningScheme } from "@conclave/custody";
import { ackCodec, type Envelope } from "@conclave/custody/testing";
import { interceptSteps, pick, withFlippedBit, type Dice } from "@conclave/protocol/testing";
import { CLUSTER } from "./committee.ts";
import { ecdsa } from "./engine.ts";

/** In a session, each of which can end it. */
export const SESSION_LIES = [
  "spoils an extension",
  "spoils a multiplication",
  "multiplies another nonce than it opens",
  "spoils a mask",
  "opens another nonce than it committed to",
  "sends a wrong ECDSA partial",
  "commits differently to different peers",
  "seals what does not open",
  "declares own edges dead",
] as const;

/** In what it says beside sessions. */
export const LOOSE_LIES = [
  "names other setups",
  "forges offers",
  "declares others' edges dead",
  "replays old deaths",
  "has others make edges anew",
] as const;

export const PAIRWISE_LIES = [...SESSION_LIES, ...LOOSE_LIES] as const;

export type PairwiseLie = (typeof PAIRWISE_LIES)[number];

/** Body of an envelope that says that an edge is dead. */
export const deathCodec = codec(record({ setup: fixedBytes(32), peer: nodeId }));

export interface PairwiseLiarParts {
  readonly self: NodeId;
  /** Every node, in order of party numbers. */
  readonly nodes: readonly NodeId[];
  /** The key whose edges it speaks of. */
  readonly wallet: { readonly key: Uint8Array; readonly epoch: number };
  readonly dice: Dice;
  readonly lies: (lie: PairwiseLie, probability?: number) => boolean;
}

type Ack = ReturnType<typeof ackCodec.decode>;
type Step = Parameters<Parameters<typeof interceptSteps>[1]>[0];
interface SealedOpening {
  readonly gammaU: unknown;
  readonly gammaV: unknown;
  readonly psi: bigint;
}

/** Deaths remembered for a replay. */
const MAX_DEATHS = 50;

export class PairwiseLiar {
  readonly #parts: PairwiseLiarParts;
  readonly #deaths: Uint8Array[] = [];

  constructor(parts: PairwiseLiarParts) {
    this.#parts = parts;
  }

  /** The scheme as the liar runs it. */
  scheme(scheme: SigningScheme): SigningScheme {
    if (scheme.edges === null) return scheme;
    return { ...scheme, protocol: interceptSteps(scheme.protocol, (step) => this.#twist(step)) };
  }

  /** Somebody said that an edge died; that may be said again. */
  heard({ header, wire }: Envelope): void {
    if (header.kind === "edge" && this.#deaths.length < MAX_DEATHS) this.#deaths.push(wire);
  }

  /** A death that was told before. */
  replay(): Uint8Array | null {
    const { dice, lies } = this.#parts;
    if (this.#deaths.length === 0 || !lies("replays old deaths", 0.3)) return null;
    return pick(dice, this.#deaths);
  }

  /** The body of an ack, with lies about edges and presignatures. */
  ack(ack: Ack): Ack {
    const { lies } = this.#parts;
    const edges = ack.edges.length > 0 && lies("names other setups", 0.25) ? this.#otherSetups(ack.edges) : ack.edges;
    const offers = ack.edges.length > 0 && lies("forges offers") ? this.#forgedOffers() : ack.offers;
    return { ...ack, edges, offers };
  }

  /** Deaths to tell everybody, made up from what an ack says is alive. */
  deaths({ edges }: Ack): readonly Uint8Array[] {
    const { dice, lies, nodes, self } = this.#parts;
    if (edges.length === 0) return [];
    const { setup, peer } = pick(dice, edges);
    const told: Uint8Array[] = [];
    if (lies("declares own edges dead", 0.15)) told.push(deathCodec.encode({ setup, peer: nodes[peer - 1]! }));
    if (!lies("declares others' edges dead")) return told;
    // One that it has no say in, because only an end has one; or one that was never made.
    const third = nodes.find((node, i) => node !== self && i !== peer - 1)!;
    return [
      ...told,
      deathCodec.encode(dice.chance(0.5) ? { setup, peer: self } : { setup: random(dice), peer: third }),
    ];
  }

  /** A request that two others make the edge between them anew, which nobody votes on; null for none. */
  rekey(): Request | null {
    const { dice, lies, nodes, self, wallet } = this.#parts;
    if (!lies("has others make edges anew", 0.1)) return null;
    const others = nodes.filter((node) => node !== self);
    const [a, b] = [others.splice(dice.below(others.length), 1)[0]!, pick(dice, others)];
    return {
      kind: "rekey",
      cluster: CLUSTER,
      idempotencyKey: `whim ${dice.below(1_000_000)}`,
      origin: self,
      height: 0,
      expiresHeight: 100_000,
      wallet: wallet.key,
      a,
      b,
    };
  }

  #otherSetups(edges: Ack["edges"]): Ack["edges"] {
    const { dice } = this.#parts;
    const chosen = dice.below(edges.length);
    if (dice.chance(0.5)) return edges.filter((_, i) => i !== chosen);
    return edges.map((end, i) => (i === chosen ? { ...end, setup: random(dice) } : end));
  }

  /** Presignatures that nobody holds, of all sizes and of others. */
  #forgedOffers(): Ack["offers"] {
    const { dice, nodes } = this.#parts;
    const first = dice.below(nodes.length - 1);
    const signers = nodes.map((_, i) => i + 1).slice(first) as unknown as Ack["offers"][number]["signers"];
    return [{ id: random(dice), signers }];
  }

  #twist(step: Step): Step {
    const { outgoing, round } = step;
    if (round.name === "dkls23/sign/2-multiply" && this.#parts.lies("spoils an extension", 0.4))
      return { ...step, outgoing: this.#toOne(step, (body) => withFlippedBit(body, this.#parts.dice)) };
    if (round.name === "dkls23/sign/4-combine" && this.#parts.lies("sends a wrong ECDSA partial"))
      return { ...step, outgoing: { ...outgoing, broadcast: withFlippedBit(outgoing.broadcast!, this.#parts.dice) } };
    return round.name === "dkls23/sign/3-open" ? this.#twistOpening(step) : step;
  }

  /** One lie at most, so that each of them meets its own check. */
  #twistOpening(step: Step): Step {
    const { lies, dice } = this.#parts;
    const { broadcast, direct } = step.round;
    const sealed = (change: (honest: SealedOpening) => SealedOpening): Step["outgoing"] =>
      this.#toOne(step, (body) => direct!.encode(change(direct!.decode(body) as SealedOpening)));
    if (lies("spoils a multiplication", 0.4))
      return { ...step, outgoing: this.#toOne(step, (body) => withFlippedBit(body, dice)) };
    if (lies("multiplies another nonce than it opens", 0.4))
      return { ...step, outgoing: sealed((honest) => ({ ...honest, gammaU: honest.gammaV })) };
    // Below the order of the group, like the honest one, but for a chance of 2^-128.
    if (lies("spoils a mask", 0.6))
      return { ...step, outgoing: sealed((honest) => ({ ...honest, psi: honest.psi ^ 1n })) };
    if (!lies("opens another nonce than it committed to", 0.35)) return step;
    const opening = broadcast!.decode(step.outgoing.broadcast!) as { readonly blind: Uint8Array };
    const other = broadcast!.encode({ ...opening, blind: withFlippedBit(opening.blind, dice) });
    return { ...step, outgoing: { ...step.outgoing, broadcast: other } };
  }

  /** One receiver gets something else. */
  #toOne({ outgoing }: Step, change: (body: Uint8Array) => Uint8Array): Step["outgoing"] {
    const chosen = pick(this.#parts.dice, [...outgoing.direct.keys()]);
    const direct = [...outgoing.direct].map(([to, body]) => [to, to === chosen ? change(body) : body] as const);
    return { ...outgoing, direct: new Map(direct) };
  }
}

/** Another commitment than the one that was made in round 1. */
export function otherCommitment(body: Uint8Array, dice: Dice): Uint8Array {
  const codec = ecdsa.protocol.rounds[0]!.broadcast!;
  const honest = codec.decode(body) as { readonly commitment: Uint8Array };
  return codec.encode({ ...honest, commitment: withFlippedBit(honest.commitment, dice) });
}

const random = (dice: Dice): Uint8Array => Uint8Array.from({ length: 32 }, () => dice.below(256));
