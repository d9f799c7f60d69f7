/**
 * SAFETY. The only code that can make a signature happen: it holds the shares, counts the votes, keeps the locks and runs
 * the sessions. Every call is synchronous and answers with events; what a peer sends can cost that message and no more.
 */
import { CodecError, equalBytes, toHex, type Rng } from "@conclave/bytes";
import { InclusionRefused, PaymentRefused, SignatureRefused, type InclusionClaim } from "@conclave/bitcoin";
import { evidenceCodec, rosterHash, signedVoteCodec, type Ban, type Evidence, type NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { Scheme } from "@conclave/keys";
import { Approvals } from "./approvals.ts";
import { beginCodec } from "./attempts.ts";
import { Certification } from "./certification.ts";
import { Ceremonies } from "./ceremonies.ts";
import { DocketRefused, topicOf } from "./docket.ts";
import { EdgeDeaths } from "./edge-deaths.ts";
import { EdgeRing } from "./edges.ts";
import { EnvelopeReader, EnvelopeRefused, sealEnvelope, type Envelope, type HeaderFields } from "./envelope.ts";
import { Checkpoints } from "./checkpoints.ts";
import { exportEvidence } from "./evidence-file.ts";
import type { CustodyEvent } from "./events.ts";
import { loadIdentity, type Identity } from "./identity.ts";
import type { JudgeParts } from "./judge.ts";
import { KeyRing } from "./keyring.ts";
import { lockedCoins, signedIntents, type LockedCoin } from "./locks/index.ts";
import type { VoteCircumstances } from "./objections.ts";
import { JournalUnavailable, VaultError, type Journal, type Vault } from "./ports.ts";
import { PresignaturePool } from "./presignatures.ts";
import { proposalCodec, requestId } from "./request.ts";
import { resultCodec } from "./results.ts";
import { SafetyLog } from "./safety-log.ts";
import type { SigningScheme } from "./scheme.ts";
import { checkSettings, witnessesNeeded, type CustodySettings } from "./settings.ts";
import type { ByHand } from "./spending.ts";
import { statusOf, type CustodyStatus } from "./status.ts";
import { openStorageSeal, type StorageSeal } from "./storage-seal.ts";
import { Tribunal } from "./tribunal.ts";
import { Witness } from "./witness.ts";

export interface CustodyParts {
  readonly engine: Engine;
  readonly vault: Vault;
  readonly journal: Journal;
  readonly rng: Rng;
  readonly schemes: readonly SigningScheme[];
  readonly settings: CustodySettings;
}

/** Wrong input: costs the message that brought it. Everything else that is thrown is a bug of ours. */
const REFUSALS = [CodecError, EnvelopeRefused, DocketRefused, PaymentRefused, SignatureRefused, InclusionRefused];

export class Custody {
  readonly #parts: CustodyParts;
  readonly #identity: Identity;
  readonly #rosterHash: Uint8Array;
  readonly #log: SafetyLog;
  readonly #reader: EnvelopeReader;
  readonly #keys: KeyRing;
  readonly #edges: EdgeRing;
  readonly #presignatures: PresignaturePool;
  readonly #deaths: EdgeDeaths;
  readonly #certification: Certification;
  readonly #judge: JudgeParts;
  readonly #tribunal: Tribunal;
  readonly #approvals: Approvals;
  readonly #ceremonies: Ceremonies;
  readonly #witness: Witness;
  readonly #checkpoints: Checkpoints;
  readonly #storage: StorageSeal;
  #events: CustodyEvent[] = [];
  #nowMs = 0;
  #failed: string | null = null;

  /** Reads journal and vault. Throws `JournalUnavailable`, `VaultError`, `CodecError` or `RangeError` (settings). */
  constructor(parts: CustodyParts) {
    const { engine, settings, schemes, rng } = parts;
    checkSettings(settings);
    this.#parts = parts;
    this.#identity = loadIdentity(engine, parts.vault);
    this.#rosterHash = rosterHash(settings.roster);
    this.#log = new SafetyLog(parts.journal);
    this.#reader = new EnvelopeReader(engine, settings.roster, this.#rosterHash);
    const log = this.#log;
    this.#keys = new KeyRing({ engine, vault: parts.vault });
    this.#storage = openStorageSeal(parts.vault, rng);
    this.#keys.load((key, transcript) => certificateState(log, key, transcript));
    this.#presignatures = new PresignaturePool(log);
    this.#edges = new EdgeRing({ self: this.#identity.id, vault: parts.vault, log, schemes });
    this.#edges.load(this.#keys.all());
    const protocols = Ceremonies.protocols(schemes);
    this.#judge = { engine, roster: settings.roster, reader: this.#reader, protocols };
    this.#tribunal = new Tribunal({ ...this.#judge, log, minorityVotes: settings.minorityVotes });
    const shared = {
      storage: this.#storage,
      engine,
      identity: this.#identity,
      settings,
      log,
      rng,
      reader: this.#reader,
      rosterHash: this.#rosterHash,
      emit: (event: CustodyEvent) => void this.#events.push(event),
      banned: () => this.#tribunal.banned(this.#nowMs),
      nowMs: () => this.#nowMs,
      keyOf: (key: Uint8Array) => this.#keys.active(key),
      seal: (fields: HeaderFields, body: Uint8Array) => this.#seal(fields, body),
      accuse: (evidence: Evidence) => this.#accuse(evidence),
    };
    this.#approvals = new Approvals(shared);
    const keysFor = (purpose: string, scheme: Scheme) => this.#keys.ofPurpose(purpose, scheme);
    this.#ceremonies = new Ceremonies({
      ...shared,
      approvals: this.#approvals,
      schemes,
      edges: this.#edges,
      presignatures: this.#presignatures,
      reserved: () => this.#ceremonies.reserved(),
      loseEdge: (key, peer, cause) => this.#deaths.lose(key, peer, cause),
      endUses: (key, peer, reason) => this.#deaths.endUses(key, peer, reason),
      addKey: (made, entry) => this.#certification.addKey(made, entry),
      unfinishedOf: (origin) => this.#keys.unfinishedOf(origin),
      keysFor,
      collect: (certificate) => this.#certification.collect(certificate),
    });
    this.#certification = new Certification({
      ...shared,
      keys: this.#keys,
      edges: this.#edges,
      others: () => this.#others(),
      onActive: () => this.#ceremonies.retryEarly(),
    });
    this.#deaths = new EdgeDeaths({
      ...shared,
      edges: this.#edges,
      presignatures: this.#presignatures,
      ceremonies: this.#ceremonies,
      others: () => this.#others(),
    });
    this.#checkpoints = new Checkpoints({ ...shared, roster: settings.roster, others: () => this.#others() });
    this.#witness = new Witness({
      ...shared,
      self: this.#identity.id,
      peers: this.#others(),
      needed: witnessesNeeded(settings),
      state: () => log.state,
    });
  }

  status(): CustodyStatus {
    return statusOf({
      id: this.#identity.id,
      generation: this.#log.generation,
      ready: this.#speaks,
      sealed: this.#failed ?? this.#witness.behind,
      keys: this.#keys,
      edges: this.#edges,
      presignatures: this.#presignatures,
      bans: this.#tribunal.bans(),
      settings: this.#parts.settings,
    });
  }

  /** Everything that this node convicted others of, as a file that anybody can judge, and how many cases it holds. */
  exportEvidence(nowMs: number): { readonly cases: number; readonly file: string } {
    const convictions = this.#tribunal.convictions();
    const { envelope: signer, id: self } = this.#identity;
    const file = exportEvidence({ ...this.#judge, self, signer, nowMs }, convictions);
    return { cases: convictions.length, file };
  }

  /** Sign a checkpoint of an audit log, this node's own or one that it confirms, and tell whom it concerns. */
  checkpoint(nowMs: number, checkpoint: Uint8Array): CustodyEvent[] {
    return this.#run(nowMs, () => this.#checkpoints.sign(checkpoint));
  }

  /** Coins of a wallet that no new payment may be given; `except` is the request (hexadecimal id) that asks. */
  lockedCoins(wallet: Uint8Array, except?: string): readonly LockedCoin[] {
    return lockedCoins(this.#log.state, wallet, except);
  }

  /** Requests (hexadecimal ids) that this node signed for and whose outcome is not settled. */
  unresolved(): readonly string[] {
    return signedIntents(this.#log.state).map(({ id }) => id);
  }

  /** Begin: raise the generation, ask peers about it, go on with keys that wait for certificates. `statements`: as witnessed. */
  start(nowMs: number, statements: readonly Uint8Array[]): CustodyEvent[] {
    return this.#run(nowMs, () => {
      for (const wire of statements) this.#attend(() => this.#witness.note(this.#reader.open(wire)));
      this.#log.commit([{ kind: "note", text: "start" }]);
      this.#witness.start();
      this.#tellBans(this.#others());
      this.#certification.resume();
    });
  }

  /** An envelope from a peer, however it came here. */
  receive(nowMs: number, wire: Uint8Array): CustodyEvent[] {
    return this.#run(nowMs, () => {
      const envelope = this.#reader.open(wire);
      const { sender, receiver } = envelope.header;
      if (sender === this.#identity.id) return;
      if (receiver !== null && receiver !== this.#identity.id) return;
      const evidence = this.#tribunal.watch(envelope);
      if (evidence !== null) return this.#accuse(evidence);
      if (this.#tribunal.banned(nowMs).has(sender) && !this.#isHeardFromBanned(envelope)) return;
      this.#dispatch(envelope);
    });
  }

  /** Further revisions too, of what is known: others may have approved one before the ban, and this node must not deny it. */
  #isHeardFromBanned({ header: { kind }, body }: Envelope): boolean {
    if (SPOKEN_BY_BANNED.has(kind)) return true;
    return kind === "proposal" && this.#approvals.docket.find(proposalCodec.decode(body).request) !== undefined;
  }

  /** A request of this node's own, or a further revision of one: keep it and tell the others. */
  propose(nowMs: number, proposal: Uint8Array): CustodyEvent[] {
    return this.#run(nowMs, () => {
      const { request, revision } = proposalCodec.decode(proposal);
      const fields = { kind: "proposal" as const, request: requestId(request), round: String(revision?.number ?? 0) };
      const { wire } = this.#seal(fields, proposal);
      this.#approvals.learn(proposal, this.#identity.id, wire);
      this.#emit({ kind: "send", to: this.#others(), wire, topic: topicOf(fields.request), statement: true });
      this.#ceremonies.retryEarly();
    });
  }

  /** What the host kept of a request across a restart: proposals first, then votes and abandon envelopes. */
  recall(
    nowMs: number,
    kept: {
      readonly proposals: readonly Uint8Array[];
      readonly votes: readonly Uint8Array[];
      readonly abandons: readonly Uint8Array[];
    },
  ): CustodyEvent[] {
    return this.#run(nowMs, () => {
      for (const proposal of kept.proposals)
        this.#attend(() => this.#approvals.learn(proposal, this.#identity.id, null));
      for (const vote of kept.votes) this.#attend(() => this.#approvals.count.add(signedVoteCodec.decode(vote)));
      for (const wire of kept.abandons) {
        this.#attend(() => {
          const envelope = this.#reader.open(wire);
          if (envelope.header.kind !== "abandon") throw new CodecError(`a ${envelope.header.kind} is no abandon`);
          this.#approvals.abandons.add(envelope.header.sender, envelope);
        });
      }
    });
  }

  vote(
    nowMs: number,
    request: Uint8Array,
    revision: number,
    value: boolean,
    circumstances: VoteCircumstances,
  ): CustodyEvent[] {
    return this.#speak(nowMs, () => this.#approvals.vote(request, revision, value, circumstances));
  }

  /** This node's operator approves or rejects a payment that waits for it. */
  decide(nowMs: number, request: Uint8Array, decision: ByHand): CustodyEvent[] {
    return this.#speak(nowMs, () => this.#approvals.spending.decide(request, decision));
  }

  abandon(nowMs: number, request: Uint8Array, revision: number): CustodyEvent[] {
    return this.#speak(nowMs, () => this.#approvals.abandons.promise(request, revision));
  }

  /** As coordinator, open an attempt at a request: key generation (revision and round 0) or the approved revision. */
  open(nowMs: number, request: Uint8Array, revision: number, round: number, attempt: number): CustodyEvent[] {
    return this.#speak(nowMs, () => this.#ceremonies.open(request, revision, round, attempt));
  }

  /** As coordinator, close the list of acks. */
  begin(nowMs: number, attemptId: string, avoid: readonly NodeId[]): CustodyEvent[] {
    return this.#speak(nowMs, () => this.#ceremonies.begin(attemptId, new Set(avoid)));
  }

  /** The host's deadline for an attempt passed. */
  expire(nowMs: number, attemptId: string): CustodyEvent[] {
    return this.#run(nowMs, () => this.#ceremonies.expire(attemptId));
  }

  /** A buried transaction decides a request: check the proof and free what can be freed. */
  release(nowMs: number, request: Uint8Array, claim: Omit<InclusionClaim, "depth" | "network">): CustodyEvent[] {
    return this.#run(nowMs, () => this.#approvals.releases.bySpend(request, claim));
  }

  /** Verify signatures that the host kept (`sealed` of a `signed` event), and hand out the transaction again. */
  recallResult(nowMs: number, sealed: Uint8Array): CustodyEvent[] {
    return this.#run(nowMs, () => this.#takeResult(this.#storage.open(sealed)));
  }

  /** Tell a peer that was away what it may have missed of a request: its content, this node's votes, its signatures. */
  republish(nowMs: number, request: Uint8Array, to: NodeId, sealed: Uint8Array | null): CustodyEvent[] {
    return this.#run(nowMs, () => {
      this.#approvals.republish(request, to);
      if (sealed === null) return;
      const { wire } = this.#seal({ kind: "result", request }, this.#storage.open(sealed));
      this.#emit({ kind: "send", to: [to], wire, topic: topicOf(request), statement: true });
    });
  }

  close(): void {
    this.#presignatures.close();
    this.#edges.close();
    this.#parts.journal.close();
    this.#parts.vault.close();
  }

  get #speaks(): boolean {
    return this.#failed === null && this.#witness.ready;
  }

  #dispatch(envelope: Envelope): void {
    const { header, body } = envelope;
    switch (header.kind) {
      case "hello":
        this.#tellBans([header.sender]);
        return this.#witness.answer(envelope);
      case "witness":
        return this.#witness.hear(envelope);
      case "proposal":
        this.#approvals.learn(body, header.sender, envelope.wire);
        return this.#ceremonies.retryEarly();
      case "vote":
        this.#witness.note(envelope);
        return this.#approvals.count.add(signedVoteCodec.decode(body));
      case "abandon":
        return this.#approvals.abandons.add(header.sender, envelope);
      case "result":
        return this.#takeResult(body);
      case "certificate":
        return this.#certification.hear(header.sender, body);
      case "edge":
        return this.#deaths.hear(envelope);
      case "waiting":
        return this.#approvals.spending.hear(header.sender, header.request!);
      case "checkpoint":
        return this.#checkpoints.hear(envelope);
      case "evidence":
        return this.#accuse(evidenceCodec.decode(body));
      case "ack":
        this.#witness.note(envelope);
        return this.#ceremonies.receiveAck(envelope);
      case "setup":
        if (this.#speaks) this.#ceremonies.receiveSetup(envelope);
        return;
      case "begin":
        // Acks go to the coordinator alone; here everybody witnesses them, before a partial of their senders exists.
        for (const ack of beginCodec.decode(body).acks) this.#witness.note(this.#reader.open(ack));
        return this.#ceremonies.receiveBegin(envelope);
      case "step/broadcast":
        return this.#ceremonies.receiveStep(envelope, "broadcast");
      case "step/direct":
        return this.#ceremonies.receiveStep(envelope, "direct");
      case "step/echo":
        return this.#ceremonies.receiveStep(envelope, "echo");
    }
  }

  #takeResult(body: Uint8Array): void {
    const result = resultCodec.decode(body);
    const { request, revision, digest } = result;
    const entry = this.#approvals.motion(request);
    const known = entry?.revisions.get(revision);
    if (entry === undefined || known === undefined) return;
    if (!equalBytes(known.digest, digest)) throw new CodecError("a result for other content");
    this.#ceremonies.publish(entry, known, result);
  }

  /** Verify evidence; if it proves something new, record it, tell everybody, and say so. */
  #accuse(evidence: Evidence): void {
    const conviction = this.#tribunal.judge(evidence, this.#nowMs);
    if (conviction === null || conviction.node === this.#identity.id) return;
    this.#tell(conviction, this.#others());
    this.#emit({ kind: "violation", node: conviction.node, violation: evidence.kind, evidence: conviction.evidence });
    this.#approvals.count.recount();
  }

  #tell({ node, evidence }: Pick<Ban, "node" | "evidence">, peers: readonly NodeId[]): void {
    const { wire } = this.#seal({ kind: "evidence" }, evidence);
    const to = peers.filter((peer) => peer !== node);
    if (to.length > 0) this.#emit({ kind: "send", to, wire, topic: "evidence", statement: true });
  }

  /** What this node convicted others of, to peers that may not have heard: it, or they, were away when it happened. */
  #tellBans(peers: readonly NodeId[]): void {
    for (const ban of this.#tribunal.bans()) this.#tell(ban, peers);
  }

  #others(): readonly NodeId[] {
    return this.#parts.settings.roster.nodes.map(({ id }) => id).filter((id) => id !== this.#identity.id);
  }

  #seal(fields: HeaderFields, body: Uint8Array): Envelope {
    return sealEnvelope(this.#identity, this.#rosterHash, fields, body);
  }

  #emit(event: CustodyEvent): void {
    this.#events.push(event);
  }

  /** For calls that promise something: refused while peers have not confirmed the journal. */
  #speak(nowMs: number, body: () => void): CustodyEvent[] {
    return this.#run(nowMs, () => {
      if (this.#speaks) return body();
      const reason = this.#failed ?? this.#witness.behind ?? "waiting for peers to confirm this node's journal";
      this.#emit({ kind: "dropped", from: null, reason });
    });
  }

  #run(nowMs: number, body: () => void): CustodyEvent[] {
    this.#nowMs = nowMs;
    this.#events = [];
    try {
      if (this.#failed === null) this.#attend(body);
    } catch (error) {
      if (!(error instanceof JournalUnavailable || error instanceof VaultError)) throw error;
      this.#fail(error);
    }
    return this.#events.splice(0);
  }

  /** One piece of input: if it is wrong it costs itself, and what comes after it is attended to. */
  #attend(body: () => void): void {
    try {
      body();
    } catch (error) {
      if (!REFUSALS.some((refusal) => error instanceof refusal)) throw error;
      this.#emit({ kind: "dropped", from: null, reason: (error as Error).message });
    }
  }

  /** After one failed write nothing that this process believes about its disk is certain: everything else it said is held back. */
  #fail(cause: JournalUnavailable | VaultError): void {
    const disk = cause instanceof VaultError ? "vault" : "safety journal";
    this.#failed = `the ${disk} failed (${cause.message}): mend the disk and start this node again`;
    this.#events = [{ kind: "sealed", reason: this.#failed }];
  }
}

/** A banned node may still learn, be asked about its journal, and certify a key it holds. */
const SPOKEN_BY_BANNED: ReadonlySet<string> = new Set(["hello", "witness", "certificate", "edge", "evidence"]);

function certificateState(log: SafetyLog, key: Uint8Array, transcript: Uint8Array) {
  return log.state.certificates.get(toHex(key))?.get(toHex(transcript))?.state ?? null;
}
