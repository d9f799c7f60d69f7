/**
 * One attempt at one event, from acks to results: the sessions of its inputs, the channels that seal their direct parts, and
 * the envelopes that carry them. Dies with the process; nothing of it is ever resumed.
 */
import { assert, equalBytes } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import {
  roundOf,
  Session,
  type Abort,
  type Context,
  type Effect,
  type Message,
  type Part,
  type PartyIndex,
} from "@conclave/protocol";
import { isUsable, readAcks, type OwnAck } from "./ack-list.ts";
import {
  ackCodec,
  alongEdges,
  attemptId,
  beginCodec,
  heldByAll,
  selectOffer,
  selectSigners,
  setupHash,
  subjectRound,
  MAX_ACK_BYTES,
  type Ack,
  type EdgeEnd,
} from "./attempts.ts";
import type { AttemptEnvironment, AttemptPlan, Member, SessionPlan } from "./attempt-plan.ts";
import { headerCodec, sealCiphertext, sealEnvelope, type Envelope, type Header, type Kind } from "./envelope.ts";
import { openChannel, type Channel } from "./sealing.ts";

interface Running {
  readonly plan: SessionPlan;
  readonly session: Session<unknown, unknown>;
  readonly channels: ReadonlyMap<PartyIndex, Channel>;
  /** Wire bytes of every part received, for evidence. */
  readonly wires: Map<string, Uint8Array>;
  result: { readonly value: unknown } | null;
  /** The round last reported to the host. */
  round: string | null;
}

const STEP_KINDS: Readonly<Record<Part, Kind>> = {
  broadcast: "step/broadcast",
  direct: "step/direct",
  echo: "step/echo",
};

export class Attempt {
  readonly id: string;
  readonly plan: AttemptPlan;
  readonly setup: Uint8Array;
  readonly #env: AttemptEnvironment;
  readonly #self: Member;
  readonly #acks = new Map<PartyIndex, Envelope>();
  #ephemeral: Uint8Array | null = null;
  #signers: readonly Member[] = [];
  #sessions: Running[] = [];
  #begin: Envelope | null = null;
  /** What each ack said of its sender's edges. */
  #edges: ReadonlyMap<PartyIndex, readonly EdgeEnd[]> = new Map();
  #ended = false;

  constructor(env: AttemptEnvironment, plan: AttemptPlan, setup: Envelope) {
    this.#env = env;
    this.plan = plan;
    this.id = attemptId(plan.subject);
    this.setup = setupHash(setup.wire);
    const self = plan.members.find(({ node }) => node === env.identity.id);
    assert(self !== undefined, "a node joins attempts of its own keys only");
    this.#self = self;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get begun(): boolean {
    return this.#begin !== null;
  }

  get coordinates(): boolean {
    return this.plan.coordinator === this.#env.identity.id;
  }

  /** Whether this attempt runs the session with this id. */
  runs(ssid: Uint8Array): boolean {
    return this.#sessions.some(({ plan }) => equalBytes(plan.ssid, ssid));
  }

  /** Answer the setup. The slot in the journal is taken before this is called, so that no second ack can ever exist. */
  acknowledge(generation: number): void {
    const { engine, rng } = this.#env;
    this.#ephemeral = rng(32);
    const body = ackCodec.encode({
      setup: this.setup,
      nonce: rng(32),
      ephemeral: engine.x25519Public(this.#ephemeral),
      generation,
      holds: this.plan.holds,
      edges: this.plan.edges ?? [],
      offers: this.plan.offers ?? [],
    });
    const envelope = this.#seal("ack", { receiver: this.plan.coordinator }, body);
    if (this.coordinates) this.addAck(envelope);
    else this.#send([this.plan.coordinator], envelope.wire);
  }

  /** A member acknowledged an attempt that this node coordinates. */
  addAck(envelope: Envelope): void {
    const member = this.#memberOf(envelope.header.sender);
    if (this.#ended || this.begun || member === undefined || this.#acks.has(member.index)) return;
    if (envelope.wire.length > MAX_ACK_BYTES) return this.#drop(member.node, "an ack too long to be passed on");
    const ack = ackCodec.decode(envelope.body);
    if (!equalBytes(ack.setup, this.setup) || !isUsable(this.#env.engine, this.#ephemeral, ack.ephemeral)) return;
    this.#acks.set(member.index, envelope);
    const waitingFor = this.plan.members.filter(({ index }) => !this.#acks.has(index)).map(({ node }) => node);
    this.#env.emit({ kind: "acked", attemptId: this.id, node: member.node, waitingFor });
  }

  /** Enough have acknowledged to go on without the rest. */
  get ready(): boolean {
    return this.#acks.size >= this.plan.needed;
  }

  /**
   * As coordinator: close the list of acks and let the sessions begin. Members in `avoid` (they stalled an earlier attempt)
   * are left out as long as enough others acknowledged.
   */
  begin(avoid: ReadonlySet<NodeId>): void {
    if (this.#ended || this.begun || !this.coordinates || !this.ready) return;
    const all = [...this.#acks.values()].toSorted((a, b) => this.#indexOf(a) - this.#indexOf(b));
    const preferred = all.filter(({ header }) => !avoid.has(header.sender));
    const acks = (this.#suffice(preferred) ? preferred : all).map(({ wire }) => wire);
    const envelope = this.#seal("begin", {}, beginCodec.encode({ setup: this.setup, acks }));
    const others = this.plan.members.filter(({ index }) => index !== this.#self.index).map(({ node }) => node);
    this.#send(others, envelope.wire);
    this.receiveBegin(envelope);
  }

  get #own(): OwnAck {
    return { index: this.#self.index, secret: this.#ephemeral };
  }

  #suffice(envelopes: readonly Envelope[]): boolean {
    if (envelopes.length < this.plan.needed) return false;
    return this.#select(new Map(envelopes.map((ack) => [this.#indexOf(ack), ackCodec.decode(ack.body)]))) !== null;
  }

  /** Who signs, as everybody computes it from the acks; null if their live edges connect too few of them. */
  #select(acks: ReadonlyMap<PartyIndex, Ack>): readonly PartyIndex[] | null {
    const { subject, height, key, needed, edges } = this.plan;
    const compatible = edges === null ? undefined : alongEdges(acks);
    return selectSigners({ key, height, subject }, [...acks.keys()], needed, compatible);
  }

  /**
   * Recompute what the coordinator did: verify every ack, choose the signers, derive the session ids. A list that does not
   * fit is dropped; it could at most have cost this attempt.
   */
  receiveBegin(envelope: Envelope): void {
    if (this.#ended || this.begun || envelope.header.sender !== this.plan.coordinator) return;
    const begin = beginCodec.decode(envelope.body);
    if (!equalBytes(begin.setup, this.setup)) return;
    const acks = readAcks({ ...this.#env, ...this.plan, setup: this.setup, own: this.#own }, begin.acks);
    if (acks === null) return this.#drop(envelope.header.sender, "begin with acks that do not belong to its setup");
    if (acks.size < this.plan.needed) return this.#drop(envelope.header.sender, "begin with fewer acks than signers");
    this.#begin = envelope;
    this.#edges = new Map([...acks].map(([index, { edges }]) => [index, edges]));
    const held = heldByAll([...acks.values()].map(({ holds }) => holds));
    if (held.length > 0) return this.#refuseHeld(held);
    const offer = this.plan.offers === null ? null : selectOffer(this.plan.subject.request, acks, this.plan.needed);
    const signers = offer?.signers ?? this.#select(acks);
    if (signers === null) {
      const reason = `the live edges among those who acknowledged connect fewer than ${this.plan.needed}: re-key dead ones`;
      return this.#abort({ fault: "refused", reason, culprits: [], suspects: [] });
    }
    this.#signers = this.plan.members.filter(({ index }) => signers.includes(index));
    const signing = signers.includes(this.#self.index) && this.#ephemeral !== null;
    this.#env.emit({ kind: "begun", attemptId: this.id, signers: this.#signers.map(({ node }) => node), signing });
    if (signing) this.#start(signers, acks, begin.acks, offer?.id ?? null);
    else this.#wipe();
  }

  #refuseHeld(held: readonly Uint8Array[]): void {
    const reason = "everybody holds a share of an earlier attempt's key: it is certified instead";
    this.#abort({ fault: "refused", reason, culprits: [], suspects: [] });
    this.plan.finishHeld(held);
  }

  #start(
    signers: readonly PartyIndex[],
    acks: ReadonlyMap<PartyIndex, { node: NodeId; ephemeral: Uint8Array }>,
    ackWires: readonly Uint8Array[],
    offer: Uint8Array | null,
  ): void {
    const { engine, rng, identity } = this.#env;
    const own = { id: identity.id, ephemeral: acks.get(this.#self.index)!.ephemeral, secret: this.#ephemeral! };
    const plans = this.plan.sessions(signers, ackWires, offer);
    if (typeof plans === "string") return this.giveUp(plans);
    this.#sessions = plans.map((plan) => {
      const context: Context = { ssid: plan.ssid, self: this.#self.index, committee: signers };
      const directed = plan.protocol.rounds.some(({ direct }) => direct !== null);
      const peers = directed ? signers.filter((index) => index !== this.#self.index) : [];
      const channels = new Map(
        peers.map((index) => {
          const { node, ephemeral } = acks.get(index)!;
          return [index, openChannel(engine, plan.ssid, own, { id: node, ephemeral })] as const;
        }),
      );
      const session = new Session({ protocol: plan.protocol, context, rng });
      return { plan, session, channels, wires: new Map(), result: null, round: null };
    });
    this.#ephemeral?.fill(0);
    this.#ephemeral = null;
    for (const [input, { session, plan }] of this.#sessions.entries()) this.#apply(input, session.start(plan.config));
  }

  /** One part of one round of one of the sessions. */
  receiveStep(envelope: Envelope, part: Part): void {
    const { header } = envelope;
    const input = this.#sessions.findIndex(({ plan }) => header.ssid !== null && equalBytes(plan.ssid, header.ssid));
    const running = this.#sessions[input];
    const member = this.#memberOf(header.sender);
    if (this.#ended || running === undefined || member === undefined || header.view === null) return;
    if (header.senderIndex !== member.index) return this.#drop(header.sender, "step under another party's number");
    if (!this.#belongs(running.plan, header))
      return this.#drop(header.sender, "step whose header is of another session");
    const body = part === "direct" ? this.#unseal(running, member.index, envelope) : envelope.body;
    const message: Message = { from: member.index, round: header.round, part, view: header.view, body };
    const key = slotKey(message);
    if (!running.wires.has(key)) running.wires.set(key, envelope.wire);
    this.#apply(input, running.session.handle(message));
  }

  /** Evidence is judged by the header alone, so everything that it says has to be true of the session. */
  #belongs({ protocol }: SessionPlan, { receiver, receiverIndex, ...header }: Header): boolean {
    const { subject, key, epoch } = this.plan;
    return (
      header.protocol === protocol.id &&
      roundOf(protocol, header.round) !== undefined &&
      equalBytes(header.request!, subject.request) &&
      header.attempt === subject.attempt &&
      equalBytes(header.key!, key) &&
      header.epoch === epoch &&
      (receiver === null || receiverIndex === this.#self.index)
    );
  }

  /** What does not open is handed on as no bytes: the round decides what a bad sealed part means. */
  #unseal({ plan, channels }: Running, from: PartyIndex, { header, body }: Envelope): Uint8Array {
    const ordinal = plan.protocol.rounds.findIndex(({ name }) => name === header.round);
    const channel = channels.get(from);
    return channel?.open(Math.max(ordinal, 0), headerCodec.encode(header), body) ?? new Uint8Array(0);
  }

  /** The host's deadline passed. */
  expire(): void {
    if (this.#ended) return;
    const stalled = this.#sessions.findIndex(({ session, result }) => result === null && !session.ended);
    if (stalled >= 0) return this.#apply(stalled, this.#sessions[stalled]!.session.expire());
    const suspects = this.coordinates
      ? this.plan.members.filter(({ index }) => !this.#acks.has(index)).map(({ node }) => node)
      : [this.plan.coordinator];
    this.#abort({ fault: "silence", reason: "not enough acknowledgements in time", culprits: [], suspects });
  }

  /** Whether a member is among the signers of this attempt while it runs. */
  signsWith(node: NodeId): boolean {
    return !this.#ended && this.#signers.some((signer) => signer.node === node);
  }

  /** Whether two of its signers work along the edge that this setup made: their acks said so. */
  relies(a: NodeId, b: NodeId, setup: Uint8Array): boolean {
    if (!this.signsWith(a) || !this.signsWith(b)) return false;
    const [from, to] = [this.#memberOf(a)!.index, this.#memberOf(b)!.index];
    const end = this.#edges.get(from)?.find(({ peer }) => peer === to);
    return end !== undefined && equalBytes(end.setup, setup);
  }

  /** What its sessions rely on is gone. */
  giveUp(reason: string): void {
    if (!this.#ended) this.#abort({ fault: "refused", reason, culprits: [], suspects: [] });
  }

  /** Overtaken or stopping: end without a word. */
  close(): void {
    this.#wipe();
  }

  #apply(input: number, effects: readonly Effect<unknown>[]): void {
    const running = this.#sessions[input]!;
    for (const effect of effects) {
      if (this.#ended) return;
      if (effect.kind === "send") this.#sendStep(running, effect);
      else if (effect.kind === "commit") this.#commit(input, effect);
      else if (effect.kind === "done") this.#finish(running, effect.result);
      else this.#reportAbort(running, effect);
    }
    const { round } = running.session;
    if (this.#ended || round === null || round === running.round) return;
    running.round = round;
    this.#env.emit({ kind: "progress", attemptId: this.id, input, round });
  }

  #commit(input: number, { id, records }: Extract<Effect<unknown>, { kind: "commit" }>): void {
    const { refused } = this.plan.commit(this.#sessions[input]!.plan, records);
    if (refused === null) return this.#apply(input, this.#sessions[input]!.session.committed(id));
    this.#abort({ fault: "refused", reason: refused, culprits: [], suspects: [] });
  }

  #sendStep(running: Running, { receivers, message }: Extract<Effect<unknown>, { kind: "send" }>): void {
    const nodes = receivers.map((index) => this.plan.members.find((member) => member.index === index)!.node);
    const fields = {
      protocol: running.plan.protocol.id,
      ssid: running.plan.ssid,
      key: this.plan.key,
      epoch: this.plan.epoch,
      round: message.round,
      view: message.view,
      senderIndex: this.#self.index,
    };
    const kind = STEP_KINDS[message.part];
    if (message.part !== "direct") return this.#send(nodes, this.#seal(kind, fields, message.body).wire);

    const [receiverIndex] = receivers;
    const ordinal = running.plan.protocol.rounds.findIndex(({ name }) => name === message.round);
    const envelope = sealCiphertext(
      this.#env.identity,
      this.#env.roster,
      { ...this.#subjectFields(), ...fields, kind, receiver: nodes[0]!, receiverIndex: receiverIndex! },
      {
        length: message.body.length + TAG_BYTES,
        encrypt: (header) => running.channels.get(receiverIndex!)!.seal(ordinal, header, message.body),
      },
    );
    this.#send(nodes, envelope.wire);
  }

  #finish(running: Running, value: unknown): void {
    running.result = { value };
    if (this.#sessions.some(({ result }) => result === null)) return;
    const results = this.#sessions.map(({ result }) => result!.value);
    this.#wipe();
    this.plan.done(results, this.#signers);
  }

  /** Faults that signed envelopes prove go to the judge; disputed broadcasts are shown to all; then the attempt is over. */
  #reportAbort(running: Running, abort: Abort): void {
    const wires = abort.evidence.flatMap((slot) => running.wires.get(slotKey(slot)) ?? []);
    const node = (index: PartyIndex): NodeId => this.plan.members.find((member) => member.index === index)!.node;
    if (abort.fault === "public") {
      for (const [i, culprit] of abort.culprits.entries()) {
        this.plan.convict(node(culprit), abort, running.plan, wires.slice(i, i + 1));
      }
    }
    if (abort.fault === "mismatch") this.#showWhatCame(running, wires);
    if (abort.fault === "private" || abort.fault === "cheat") {
      this.#wipe();
      for (const culprit of abort.culprits) {
        const member = this.plan.members.find(({ index }) => index === culprit)!;
        this.plan.distrust(member, `${abort.round}: ${abort.reason}`, wires);
      }
    }
    const { fault, reason, culprits, suspects } = abort;
    this.#abort({
      fault,
      reason: `${abort.round}: ${reason}`,
      culprits: culprits.map(node),
      suspects: suspects.map(node),
    });
  }

  /** Somebody may have told two stories. Whoever holds the other one has proof; without a disputed broadcast, show them all. */
  #showWhatCame({ wires }: Running, disputed: readonly Uint8Array[]): void {
    const heard = [...wires].filter(([slot]) => slot.includes("/broadcast/")).map(([, wire]) => wire);
    for (const wire of disputed.length > 0 ? disputed : heard) this.#send(this.#others(), wire);
  }

  #abort(outcome: { fault: string; reason: string; culprits: readonly NodeId[]; suspects: readonly NodeId[] }): void {
    const { request, attempt } = this.plan.subject;
    this.#wipe();
    this.#env.emit({ kind: "aborted", attemptId: this.id, request, attempt, ...outcome });
  }

  #seal(kind: Kind, fields: Partial<Header>, body: Uint8Array): Envelope {
    return sealEnvelope(this.#env.identity, this.#env.roster, { ...this.#subjectFields(), ...fields, kind }, body);
  }

  #subjectFields(): Pick<Header, "request" | "attempt" | "round"> {
    const { subject } = this.plan;
    return { request: subject.request, attempt: subject.attempt, round: subjectRound(subject) };
  }

  #send(to: readonly NodeId[], wire: Uint8Array): void {
    if (to.length > 0) this.#env.emit({ kind: "send", to, wire, topic: this.id });
  }

  #others(): readonly NodeId[] {
    return this.plan.members.filter(({ index }) => index !== this.#self.index).map(({ node }) => node);
  }

  #indexOf({ header }: Envelope): PartyIndex {
    const member = this.#memberOf(header.sender);
    assert(member !== undefined, "acks are taken from members only");
    return member.index;
  }

  #memberOf(node: NodeId): Member | undefined {
    return this.plan.members.find((member) => member.node === node);
  }

  #drop(from: NodeId, reason: string): void {
    this.#env.emit({ kind: "dropped", from, reason });
  }

  #wipe(): void {
    this.#ended = true;
    this.#ephemeral?.fill(0);
    this.#ephemeral = null;
    const unfinished = this.#sessions.some(({ result }) => result === null);
    for (const { session, channels, result } of this.#sessions) {
      if (unfinished && result !== null) this.plan.discard?.(result.value);
      session.close();
      for (const channel of channels.values()) channel.wipe();
    }
  }
}

const TAG_BYTES = 16;

const slotKey = ({ round, part, from }: { round: string; part: Part; from: PartyIndex }): string =>
  `${round}/${part}/${from}`;
