/**
 * SAFETY. The only code that can make a signature happen: it holds the shares, counts the votes, keeps the locks and runs
 * the sessions. Every call is synchronous and answers with events; what a peer sends can cost that message and no more.
 */
import { toHex, type Rng } from "@conclave/bytes";
import type { InclusionClaim, PaymentRequest, SpendingObjection } from "@conclave/bitcoin";
import { rosterHash, type Evidence, type NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { Scheme } from "@conclave/keys";
import { Approvals } from "./approvals.ts";
import { Certification } from "./certification.ts";
import { Ceremonies } from "./ceremonies.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Convictions } from "./convictions.ts";
import { topicOf } from "./docket.ts";
import { EdgeDeaths } from "./edge-deaths.ts";
import { EdgeRing } from "./edges.ts";
import { EnvelopeReader, sealEnvelope, type Envelope, type HeaderFields } from "./envelope.ts";
import { exportEvidence } from "./evidence-file.ts";
import type { CustodyEvent } from "./events.ts";
import { loadIdentity, type Identity } from "./identity.ts";
import type { JudgeParts } from "./judge.ts";
import { KeyRing } from "./keyring.ts";
import { lockedCoins, signedIntents, type LockedCoin } from "./locks/index.ts";
import type { VoteCircumstances } from "./objections.ts";
import type { Journal, Vault } from "./ports.ts";
import { PresignaturePool } from "./presignatures.ts";
import { Reception, type KeptStatements } from "./reception.ts";
import { proposalCodec, requestId } from "./request.ts";
import { SafetyLog } from "./safety-log.ts";
import type { SigningScheme } from "./scheme.ts";
import { checkSettings, witnessesNeeded, type CustodySettings } from "./settings.ts";
import type { ByHand } from "./spending.ts";
import { statusOf, type CustodyStatus } from "./status.ts";
import { openStorageSeal, type StorageSeal } from "./storage-seal.ts";
import { Tribunal } from "./tribunal.ts";
import { Turns } from "./turns.ts";
import { Witness } from "./witness.ts";

export interface CustodyParts {
  readonly engine: Engine;
  readonly vault: Vault;
  readonly journal: Journal;
  readonly rng: Rng;
  readonly schemes: readonly SigningScheme[];
  readonly settings: CustodySettings;
}

export class Custody {
  readonly #parts: CustodyParts;
  readonly #turns = new Turns();
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
  readonly #convictions: Convictions;
  readonly #reception: Reception;

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
    this.#presignatures = new PresignaturePool(log, {
      burnt: ({ key, id }) =>
        this.#turns.emit({ kind: "presignatureEnded", key, presignature: id, end: "burnt", use: null, nonces: 0 }),
      reused: ({ id }, reason) => this.#turns.emit({ kind: "reuseRefused", purpose: "presignature", id, reason }),
    });
    this.#edges = new EdgeRing({ self: this.#identity.id, vault: parts.vault, log, schemes });
    this.#edges.load(this.#keys.all());
    const protocols = Ceremonies.protocols(schemes);
    this.#judge = { engine, roster: settings.roster, reader: this.#reader, protocols };
    this.#tribunal = new Tribunal({ ...this.#judge, log, minorityVotes: settings.minorityVotes });
    const shared = this.#shared();
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
      onActive: () => this.#ceremonies.retryEarly(),
    });
    this.#deaths = new EdgeDeaths({
      ...shared,
      edges: this.#edges,
      presignatures: this.#presignatures,
      ceremonies: this.#ceremonies,
    });
    this.#checkpoints = new Checkpoints({ ...shared, roster: settings.roster });
    this.#witness = new Witness({
      ...shared,
      self: this.#identity.id,
      peers: this.#others(),
      needed: witnessesNeeded(settings),
      state: () => log.state,
    });
    this.#convictions = new Convictions({
      ...shared,
      self: this.#identity.id,
      tribunal: this.#tribunal,
      recount: () => this.#approvals.count.recount(),
    });
    this.#reception = new Reception({
      ...shared,
      self: this.#identity.id,
      tribunal: this.#tribunal,
      convictions: this.#convictions,
      approvals: this.#approvals,
      ceremonies: this.#ceremonies,
      witness: this.#witness,
      certification: this.#certification,
      deaths: this.#deaths,
      checkpoints: this.#checkpoints,
      speaks: () => this.#speaks,
      attend: (body) => this.#turns.attend(body),
    });
  }

  /** What most parts of custody need of each other and of this node. */
  #shared() {
    const { engine, settings, rng } = this.#parts;
    return {
      storage: this.#storage,
      engine,
      identity: this.#identity,
      settings,
      log: this.#log,
      rng,
      reader: this.#reader,
      rosterHash: this.#rosterHash,
      emit: (event: CustodyEvent) => this.#turns.emit(event),
      banned: () => this.#tribunal.banned(this.#turns.nowMs),
      nowMs: () => this.#turns.nowMs,
      keyOf: (key: Uint8Array) => this.#keys.active(key),
      seal: (fields: HeaderFields, body: Uint8Array) => this.#seal(fields, body),
      others: () => this.#others(),
      accuse: (evidence: Evidence) => this.#convictions.accuse(evidence),
    };
  }

  status(): CustodyStatus {
    return statusOf({
      id: this.#identity.id,
      generation: this.#log.generation,
      ready: this.#speaks,
      sealed: this.#turns.failed ?? this.#witness.behind,
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
    return this.#turns.run(nowMs, () => this.#checkpoints.sign(checkpoint));
  }

  /** Why this node's operator would not let it approve a payment that is not asked for yet; approval by hand is no objection. */
  spendingObjections(
    nowMs: number,
    payment: Pick<PaymentRequest, "amount" | "recipient">,
  ): readonly SpendingObjection[] {
    return this.#approvals.spending.beforehand(nowMs, payment);
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
    return this.#turns.run(nowMs, () => {
      for (const wire of statements) this.#turns.attend(() => this.#witness.note(this.#reader.open(wire)));
      this.#log.commit([{ kind: "note", text: "start" }]);
      this.#witness.start();
      this.#convictions.tellAll(this.#others());
      this.#certification.resume();
    });
  }

  /** An envelope from a peer, however it came here. */
  receive(nowMs: number, wire: Uint8Array): CustodyEvent[] {
    return this.#turns.run(nowMs, () => this.#reception.receive(wire));
  }

  /** A request of this node's own, or a further revision of one: keep it and tell the others. */
  propose(nowMs: number, proposal: Uint8Array): CustodyEvent[] {
    return this.#turns.run(nowMs, () => {
      const { request, revision } = proposalCodec.decode(proposal);
      const fields = { kind: "proposal" as const, request: requestId(request), round: String(revision?.number ?? 0) };
      const { wire } = this.#seal(fields, proposal);
      this.#approvals.learn(proposal, this.#identity.id, wire);
      this.#turns.emit({ kind: "send", to: this.#others(), wire, topic: topicOf(fields.request), statement: true });
      this.#ceremonies.retryEarly();
    });
  }

  /** What the host kept of requests across a restart. */
  recall(nowMs: number, kept: KeptStatements): CustodyEvent[] {
    return this.#turns.run(nowMs, () => this.#reception.recall(kept));
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
    return this.#turns.run(nowMs, () => this.#ceremonies.expire(attemptId));
  }

  /** A buried transaction decides a request: check the proof and free what can be freed. */
  release(nowMs: number, request: Uint8Array, claim: Omit<InclusionClaim, "depth" | "network">): CustodyEvent[] {
    return this.#turns.run(nowMs, () => this.#approvals.releases.bySpend(request, claim));
  }

  /** Verify signatures that the host kept (`sealed` of a `signed` event), and hand out the transaction again. */
  recallResult(nowMs: number, sealed: Uint8Array): CustodyEvent[] {
    return this.#turns.run(nowMs, () => this.#reception.takeResult(this.#storage.open(sealed)));
  }

  /** Tell a peer that was away what it may have missed of a request: its content, this node's votes, its signatures. */
  republish(nowMs: number, request: Uint8Array, to: NodeId, sealed: Uint8Array | null): CustodyEvent[] {
    return this.#turns.run(nowMs, () => {
      this.#approvals.republish(request, to);
      if (sealed === null) return;
      const { wire } = this.#seal({ kind: "result", request }, this.#storage.open(sealed));
      this.#turns.emit({ kind: "send", to: [to], wire, topic: topicOf(request), statement: true });
    });
  }

  close(): void {
    this.#presignatures.close();
    this.#edges.close();
    this.#parts.journal.close();
    this.#parts.vault.close();
  }

  get #speaks(): boolean {
    return this.#turns.failed === null && this.#witness.ready;
  }

  #others(): readonly NodeId[] {
    return this.#parts.settings.roster.nodes.map(({ id }) => id).filter((id) => id !== this.#identity.id);
  }

  #seal(fields: HeaderFields, body: Uint8Array): Envelope {
    return sealEnvelope(this.#identity, this.#rosterHash, fields, body);
  }

  /** For calls that promise something: refused while peers have not confirmed the journal. */
  #speak(nowMs: number, body: () => void): CustodyEvent[] {
    return this.#turns.run(nowMs, () => {
      if (this.#speaks) return body();
      const reason = this.#turns.failed ?? this.#witness.behind ?? "waiting for peers to confirm this node's journal";
      this.#turns.emit({ kind: "dropped", from: null, reason });
    });
  }
}

function certificateState(log: SafetyLog, key: Uint8Array, transcript: Uint8Array) {
  return log.state.certificates.get(toHex(key))?.get(toHex(transcript))?.state ?? null;
}
