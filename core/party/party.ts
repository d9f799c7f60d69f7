/**
 * One party of a group without a cluster. It meets the others over any transport, makes keys and signs, and takes part in
 * nothing that its own operator did not ask for. Runs wherever its ports do: a terminal, a page.
 */
import { CodecError, type Rng } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import { EnvelopeRefused, type Envelope } from "@conclave/custody";
import type { Clock, Transport } from "@conclave/node";
import type { PartyIdentity } from "./card.ts";
import { Ceremony } from "./ceremony.ts";
import { Certificates } from "./certificates.ts";
import { EdgeDeaths } from "./edge-deaths.ts";
import type { PartyEvent } from "./events.ts";
import { factsOf, type KeyFacts } from "./facts.ts";
import { PartyFailure } from "./failure.ts";
import { checkInvited, type Invite } from "./invite.ts";
import { KeygenOperation } from "./keygen-operation.ts";
import type { HeldKey, PartyKeys } from "./keys.ts";
import { Meeting, type Peer } from "./meeting.ts";
import type { Operation } from "./operation.ts";
import { digestOf, pathRefusal, type SignatureOrder } from "./order.ts";
import { SignOperation, type PartySignature } from "./sign-operation.ts";
import { DEFAULT_PARTY_TIMINGS, type PartyTimings } from "./timings.ts";

export interface PartyParts {
  readonly engine: Engine;
  readonly identity: PartyIdentity;
  readonly invite: Invite;
  readonly keys: PartyKeys;
  /** Between the envelope keys of the invite's cards. */
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly timings?: PartyTimings;
  readonly observe?: (event: PartyEvent) => void;
}

interface Pending<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (failure: Error) => void;
}

export class Party {
  readonly #parts: PartyParts;
  readonly #timings: PartyTimings;
  readonly #meeting: Meeting;
  readonly #ceremony: Ceremony;
  readonly #certificates: Certificates;
  readonly #edgeDeaths: EdgeDeaths;
  /** What the operator waits for. */
  #pending: Pending<never> | null = null;
  /** Somebody's news may let a wait end. */
  #stirred: (() => void) | null = null;
  #closed = false;

  /** Throws `TokenError` if the invite is not for this party. */
  constructor(parts: PartyParts) {
    const { clock, engine, identity, invite, keys, rng, transport } = parts;
    checkInvited(invite, identity.card);
    const observe = parts.observe ?? (() => {});
    this.#parts = parts;
    this.#timings = parts.timings ?? DEFAULT_PARTY_TIMINGS;
    const meeting = new Meeting({ engine, identity, invite, transport, clock, rng, observe });
    const fail = (failure: Error): void => this.#fail(failure);
    this.#meeting = meeting;
    this.#ceremony = new Ceremony({ engine, identity, meeting, clock, rng, timings: this.#timings, observe, fail });
    this.#certificates = new Certificates({
      meeting,
      keys,
      node: identity.card.node,
      onActive: (held) => this.#activated(held),
      onProgress: (held) => observe({ kind: "certifying", missing: this.#certificates.missing(held) }),
    });
    this.#edgeDeaths = new EdgeDeaths({
      meeting,
      keys,
      self: identity.card.party,
      observe,
      onLost: (peer) => {
        this.#ceremony.abandon("two of its signers share nothing any more", (attempt) => attempt.signsWith(peer));
        this.#ceremony.announce();
      },
    });
  }

  /** Begin to meet the others. */
  async start(): Promise<void> {
    await this.#meeting.start({
      envelope: (envelope) => this.#guarded(() => this.#receive(envelope)),
      changed: (peer, { anew }) => this.#guarded(() => this.#changed(peer, anew)),
    });
  }

  /**
   * The key of the invite, made now with everybody or earlier. Rejects with `PartyFailure`, or with what the store threw.
   * Stay a while after it (`settle`): the others may need this party's certificate.
   */
  async keygen(): Promise<KeyFacts> {
    const { clock, keys, invite } = this.#parts;
    const operation = new KeygenOperation({
      meeting: this.#meeting,
      keys,
      certificates: this.#certificates,
      clock,
      timings: this.#timings,
      onPending: () => this.#ceremony.announce(),
      look: () => this.#guarded(() => this.#ceremony.look()),
    });
    return this.#pursue<KeyFacts>(operation, () => {
      const active = keys.active(invite.hash);
      if (active !== undefined) this.#deliver(factsOf(keys.groupOf(active), active));
      else this.#certificates.certify();
    });
  }

  /** A signature by t parties whose operators asked for the same. Rejects with `PartyFailure`. */
  async sign({ content, path, parties }: SignatureOrder): Promise<PartySignature> {
    const { identity, invite, keys } = this.#parts;
    const held = keys.active(invite.hash);
    if (held === undefined)
      throw new PartyFailure("not-ready", `there is no key of this invite here: finish its key generation first`);
    const refusal = pathRefusal(held, path);
    if (refusal !== null) throw new PartyFailure("refused", refusal);
    const among = parties ?? invite.cards.map(({ party }) => party);
    if (!among.includes(identity.card.party) || among.length < invite.threshold)
      throw new PartyFailure(
        "refused",
        `a signature takes ${invite.threshold} parties, this one (${identity.card.party}) among them: name as many`,
      );
    const operation = new SignOperation(
      {
        meeting: this.#meeting,
        keys,
        held,
        self: identity.card.party,
        timings: this.#timings,
        onSigned: (signature) => this.#deliver(signature),
        loseEdge: (key, peer, reason) => this.#edgeDeaths.lose(key, peer, reason),
      },
      { ...digestOf(content), path, parties: among.toSorted((a, b) => a - b) },
    );
    return this.#pursue<PartySignature>(operation, () => {});
  }

  /** Stay until nobody who is there needs this party any more, as long as patience allows; then say goodbye. */
  async settle(): Promise<void> {
    const operation = this.#ceremony.operation;
    if (operation === null || !operation.finished) return;
    const { keyLingerMs, lingerMs } = this.#timings;
    const patienceMs = operation instanceof KeygenOperation && operation.madeHere ? keyLingerMs : lingerMs;
    const needing = (): readonly Peer[] => operation.needing(this.#meeting.peers());
    if (needing().length > 0) {
      this.#parts.observe?.({ kind: "lingering", parties: needing().map(({ party }) => party) });
      await this.#until(() => needing().length === 0, patienceMs);
    }
    this.#ceremony.announce("leaving");
    const staying = (): readonly Peer[] =>
      this.#meeting.peers().filter(({ up, presence }) => up && presence?.stage === "done");
    await this.#until(() => staying().length === 0, this.#timings.goodbyeMs);
  }

  /** End at once. What the operator waits for is rejected as `closed`. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ceremony.close();
    this.#reject(new PartyFailure("closed", "this party was told to stop"));
    this.#stirred?.();
    await this.#meeting.close();
  }

  async #pursue<Result>(operation: Operation, begin: () => void): Promise<Result> {
    if (this.#closed || this.#pending !== null) throw new Error("a party does one thing at a time, until it is closed");
    return new Promise<Result>((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#guarded(() => {
        this.#ceremony.pursue(operation);
        begin();
      });
    });
  }

  #deliver(result: KeyFacts | PartySignature): void {
    const pending = this.#pending;
    this.#pending = null;
    this.#ceremony.announce("done");
    (pending as Pending<KeyFacts | PartySignature> | null)?.resolve(result);
  }

  /** Who refuses stays for a moment, so that the others hear what was typed here. */
  #fail(failure: Error): void {
    if (this.#pending === null) return;
    const isWord = failure instanceof PartyFailure && failure.code === "refused";
    if (!isWord) return this.#reject(failure);
    const refused = this.#pending;
    this.#parts.clock.schedule(this.#timings.refusalMs, () => {
      if (this.#pending === refused) this.#reject(failure);
    });
  }

  #reject(failure: Error): void {
    const pending = this.#pending;
    this.#pending = null;
    this.#ceremony.pursue(null);
    pending?.reject(failure);
  }

  #activated(held: HeldKey): void {
    const { keys } = this.#parts;
    if (!(this.#ceremony.operation instanceof KeygenOperation)) return;
    this.#ceremony.abandon("the key is there");
    this.#deliver(factsOf(keys.groupOf(held), held));
  }

  #receive(envelope: Envelope): void {
    const { kind } = envelope.header;
    if (kind === "certificate") this.#certificates.receive(envelope);
    else if (kind === "edge") this.#edgeDeaths.receive(envelope);
    else if (kind === "result") this.#ceremony.operation?.receive(envelope);
    else this.#ceremony.receive(envelope);
    this.#stirred?.();
  }

  #changed(peer: Peer, anew: boolean): void {
    this.#certificates.heard(peer);
    this.#ceremony.changed(peer, anew);
    this.#stirred?.();
  }

  /**
   * What fails here and is no peer's fault (a disk, a mistake of ours) ends what the operator waits for. What a peer sent and
   * nobody can read costs only itself.
   */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof CodecError || error instanceof EnvelopeRefused) throw error;
      this.#ceremony.close();
      this.#reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #until(holds: () => boolean, patienceMs: number): Promise<void> {
    if (holds() || this.#closed) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        this.#stirred = null;
        timer.cancel();
        resolve();
      };
      const timer = this.#parts.clock.schedule(patienceMs, end);
      this.#stirred = () => {
        if (holds() || this.#closed) end();
      };
    });
  }
}
