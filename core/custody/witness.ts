/**
 * Notices a journal that went back: a restored snapshot, a wiped disk, a cloned machine. Every vote and ack names its
 * sender's journal position. After a start a node asks its peers for the highest statement of its own that they hold, and
 * stays silent until enough have answered: a statement from its own future means that promises were lost.
 */
import {
  bytes,
  codec,
  CodecError,
  equalBytes,
  fixedBytes,
  optional,
  record,
  toHex,
  uint,
  type Codec,
  type Rng,
} from "@conclave/bytes";
import { signedVoteCodec, type NodeId } from "@conclave/consensus";
import { ackCodec } from "./attempts.ts";
import type { Envelope, EnvelopeReader, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import { decideAttempt, intentOf, type LockState } from "./locks/index.ts";

interface Hello {
  readonly nonce: Uint8Array;
  readonly generation: number;
}

const helloCodec: Codec<Hello> = codec(record({ nonce: fixedBytes(16), generation: uint() }));

interface Testimony {
  readonly nonce: Uint8Array;
  /** The asker's own signed envelope with the highest journal position; null if none was ever seen. */
  readonly statement: Uint8Array | null;
}

const testimonyCodec: Codec<Testimony> = codec(
  record({ nonce: fixedBytes(16), statement: optional(bytes({ max: 2_048 })) }),
);

interface Statement {
  readonly generation: number;
  readonly wire: Uint8Array;
}

export interface WitnessParts {
  readonly self: NodeId;
  readonly peers: readonly NodeId[];
  /** Peers that have to answer before this node speaks. */
  readonly needed: number;
  readonly reader: EnvelopeReader;
  readonly rng: Rng;
  readonly emit: Emit;
  readonly state: () => LockState;
  readonly seal: (fields: HeaderFields, body: Uint8Array) => Envelope;
}

export class Witness {
  readonly #parts: WitnessParts;
  readonly #statements = new Map<NodeId, Statement>();
  readonly #answered = new Set<NodeId>();
  #nonce: Uint8Array | null = null;
  #question: Uint8Array | null = null;
  #ready = false;
  #behind: string | null = null;

  constructor(parts: WitnessParts) {
    this.#parts = parts;
  }

  /** Enough peers confirmed that this journal is not behind. */
  get ready(): boolean {
    return this.#ready && this.#behind === null;
  }

  /** Why this node must never speak again under its vote key; null if all is well. */
  get behind(): string | null {
    return this.#behind;
  }

  /** Ask every peer. */
  start(): void {
    const { rng, seal, peers, state, needed } = this.#parts;
    this.#nonce = rng(16);
    const hello = helloCodec.encode({ nonce: this.#nonce, generation: state().position });
    this.#question = seal({ kind: "hello" }, hello).wire;
    this.#ask(peers);
    if (needed === 0) this.#speak();
  }

  #ask(to: readonly NodeId[]): void {
    if (this.#question !== null) this.#parts.emit({ kind: "send", to, wire: this.#question, topic: "hello" });
  }

  /** Remember the highest position that a peer has signed. */
  note(envelope: Envelope): void {
    const generation = generationOf(envelope);
    const { sender } = envelope.header;
    if (generation === null || sender === this.#parts.self) return;
    if ((this.#statements.get(sender)?.generation ?? 0) >= generation) return;
    this.#statements.set(sender, { generation, wire: envelope.wire });
    this.#parts.emit({ kind: "witnessed", node: sender, generation, wire: envelope.wire });
  }

  /** A peer started and asks what this node has seen of it. */
  answer({ header: { sender }, body }: Envelope): void {
    const { nonce } = helloCodec.decode(body);
    const statement = this.#statements.get(sender)?.wire ?? null;
    const envelope = this.#parts.seal(
      { kind: "witness", receiver: sender },
      testimonyCodec.encode({ nonce, statement }),
    );
    this.#parts.emit({ kind: "send", to: [sender], wire: envelope.wire, topic: `witness:${sender}` });
    // It has just started, so our own question may have ended with the process that it reached.
    if (!this.#ready && !this.#answered.has(sender)) this.#ask([sender]);
  }

  /** A peer tells what it has seen of this node. */
  hear({ header: { sender }, body }: Envelope): void {
    const { nonce, statement } = testimonyCodec.decode(body);
    if (this.#nonce === null || !equalBytes(nonce, this.#nonce)) return;
    if (statement !== null) this.#compare(statement);
    this.#answered.add(sender);
    if (!this.#ready && this.#answered.size >= this.#parts.needed) this.#speak();
  }

  #compare(wire: Uint8Array): void {
    const envelope = this.#parts.reader.open(wire);
    const generation = generationOf(envelope);
    if (envelope.header.sender !== this.#parts.self || generation === null || this.#behind !== null) return;
    const state = this.#parts.state();
    // Positions alone do not tell: a journal that went back grows again, if only by the notes of further starts.
    if (generation <= state.position && isJournalled(state, envelope)) return;
    this.#behind =
      `the safety journal was rolled back: a peer holds a statement of this node at position ${generation} that is not in ` +
      `the journal, which ends at ${state.position}. Put the latest journal back, or remove this node from the roster ` +
      `and let it rejoin under a new vote key; it will not vote or sign as it is`;
    this.#parts.emit({ kind: "sealed", reason: this.#behind });
  }

  #speak(): void {
    this.#ready = true;
    if (this.#behind === null) this.#parts.emit({ kind: "ready" });
  }
}

/** Whether the promise that an own vote or ack rests on is in the journal, where the statement says. */
function isJournalled(state: LockState, { header, body }: Envelope): boolean {
  if (header.kind === "vote") {
    const { vote } = signedVoteCodec.decode(body);
    const intent = intentOf(state, { wallet: vote.wallet, intent: vote.request });
    const ballot = intent?.ballots.get(vote.revision)?.get(vote.round);
    return ballot?.position === vote.generation && ballot.digest === toHex(vote.digest) && ballot.value === vote.value;
  }
  const [revision = 0, round = 0] = header.round.split(".").map(Number);
  const slot = { request: header.request!, revision, round, input: 0, attempt: header.attempt };
  const again = decideAttempt(state, slot, 1);
  return !again.ok && again.code === "attempt-used";
}

/** The journal position that an envelope's sender signed in it; null if it names none. */
function generationOf({ header, body }: Envelope): number | null {
  if (header.kind === "ack") return ackCodec.decode(body).generation;
  if (header.kind !== "vote") return null;
  const { vote } = signedVoteCodec.decode(body);
  if (vote.voter !== header.sender) throw new CodecError("a vote travels in its voter's own envelope");
  return vote.generation;
}
