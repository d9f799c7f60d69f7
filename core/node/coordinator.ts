/**
 * Approved requests become events, events become attempts, until one succeeds. Whose turn it is to coordinate follows from
 * the height in the request and the attempt's number, so every node knows it; nodes that are known to be down are skipped
 * at once, silent ones after a deadline. A coordinator can delay a signature and nothing else.
 */
import { toHex } from "@conclave/bytes";
import { bannedAt, type NodeId } from "@conclave/consensus";
import { requestCodec, viewKey, type CustodyEvent, type Request } from "@conclave/custody";
import { later, type Context } from "./context.ts";
import {
  coordinatorOf,
  eventId,
  isForSignersOnly,
  isKeyUnderWay,
  isWalletKeyOf,
  keyGenerations,
  madeBy,
  operationOf,
  VOTED_ON,
  waitsForEarlierKey,
  type Operation,
} from "./operation.ts";
import { requestBytes, requestHex } from "./records.ts";
import type { EventType, StoredEvent } from "./store/events.ts";
import type { EventId, RequestId } from "./store/ids.ts";
import { RETRY_BUDGET } from "./timings.ts";

/** Most events that are taken up from the store at once. */
const MAX_ADOPTED = 500;
const EXPIRED = { status: "EXPIRED", error: "expired before it was carried out" } as const;

type Event<K extends CustodyEvent["kind"]> = Extract<CustodyEvent, { kind: K }>;

export class Coordinator {
  readonly #context: Context;
  readonly #operations = new Map<EventId, Operation>();
  /** There are events in the store that wait for room here. */
  #areMore = false;
  readonly #onFailed: (request: RequestId, reason: string) => Promise<void>;

  constructor(context: Context, onFailed: (request: RequestId, reason: string) => Promise<void>) {
    this.#context = context;
    this.#onFailed = onFailed;
  }

  /** Events under way and why they wait, for status and people. */
  halted(): readonly { readonly request: RequestId; readonly missing: number }[] {
    return [...this.#operations.values()]
      .filter(({ stage }) => stage === "halted")
      .map(({ request, members, needed }) => ({ request, missing: needed - this.#online(members).length }));
  }

  /** Whether this node coordinates, or last coordinated, the event of a request. */
  coordinates(request: RequestId): boolean {
    return this.#ofRequest(request)?.coordinator === this.#context.self;
  }

  /**
   * After a restart: go on with every event that has not ended. The sessions of the last process died with it, and their nonces:
   * what was in progress is tried again as a new attempt. What had a verified result had ended.
   */
  async resume(): Promise<void> {
    const { store, clock } = this.#context;
    for (const { id, attempt } of await store.events.list({ status: "IN_PROGRESS", limit: MAX_ADOPTED }))
      await store.events.update(id, "IN_PROGRESS", {
        status: "PENDING",
        attempt: attempt + 1,
        reason: `attempt ${attempt}: this node stopped in the middle of it`,
      });
    await store.events.resetInProgressEventsToPending(0, clock.nowMs());
    await this.#adoptPending();
  }

  /** The oldest events that nobody has taken up. Those beyond a page wait until there is room. */
  async #adoptPending(): Promise<void> {
    const pending = await this.#context.store.events.list({ status: "PENDING", limit: MAX_ADOPTED });
    for (const event of pending) await this.#adopt(event);
    this.#areMore = pending.length === MAX_ADOPTED;
  }

  /** An approved request is to be carried out. */
  async add(type: EventType, request: RequestId, revision: number, round: number): Promise<void> {
    const stored = await this.#context.store.requests.get(request);
    if (stored === undefined) return;
    const content = requestCodec.decode(stored.body);
    const event: StoredEvent = {
      id: eventId(request, type, revision, round),
      request,
      type,
      status: "PENDING",
      attempt: 0,
      notBeforeMs: 0,
      height: content.height,
      expiryHeight: content.expiresHeight,
      error: null,
      result: null,
      reasons: [],
    };
    const saved = await this.#context.store.events.insert(event);
    const known = saved === "saved" ? event : await this.#context.store.events.get(event.id);
    if (known?.status === "PENDING") await this.#adopt(known, { content, revision, round });
  }

  async #adopt(event: StoredEvent, subject?: { content: Request; revision: number; round: number }): Promise<void> {
    if (this.#operations.has(event.id)) return;
    const known = subject ?? (await this.#subjectOf(event));
    const committee = known && (await this.#committee(known.content));
    if (known === undefined || committee === undefined) return this.#expireUnknown(event);
    const operation = operationOf(event, known, committee);
    this.#operations.set(event.id, operation);
    await this.#tick(operation);
  }

  /** Which revision and round an event carries out: the approved ones whose event id this is. */
  async #subjectOf(event: StoredEvent): Promise<{ content: Request; revision: number; round: number } | undefined> {
    const stored = await this.#context.store.requests.get(event.request);
    if (stored === undefined) return undefined;
    const content = requestCodec.decode(stored.body);
    if (!VOTED_ON.has(content.kind)) return { content, revision: 0, round: 0 };
    const rounds = await this.#context.store.votes.rounds(event.request);
    const round = rounds.find(
      (candidate) => eventId(event.request, event.type, candidate.revision, candidate.round) === event.id,
    );
    return round && { content, revision: round.revision, round: round.round };
  }

  async #committee(content: Request): Promise<{ members: readonly NodeId[]; needed: number } | undefined> {
    if (content.kind === "keygen") {
      const members = this.#context.roster.nodes.map(({ id }) => id);
      return { members, needed: members.length };
    }
    const { keys } = await this.#context.custody.status();
    const key = keys.find((candidate) => toHex(candidate.key) === toHex(content.wallet));
    if (key === undefined) return undefined;
    const { members, threshold } = viewKey(key.record);
    const nodes = members.map(({ node }) => node);
    if (content.kind !== "rekey") return { members: nodes, needed: threshold };
    const ends = nodes.filter((node) => node === content.a || node === content.b);
    return ends.includes(this.#context.self) ? { members: ends, needed: ends.length } : undefined;
  }

  /** Decide what this node does next for an event that has no session. */
  async #tick(operation: Operation): Promise<void> {
    this.#cancel(operation);
    if (operation.stage === "done") return;
    operation.stage = "waiting";
    operation.attemptId = null;
    operation.acked = 0;
    operation.overdue = false;
    if (this.#context.ledger.height() > operation.expiryHeight) return this.#expire(operation);
    if (waitsForEarlierKey(operation, this.#operations.values())) return;
    // Costs no attempt: an operator may need hours, and then it goes on.
    if (this.#isFrozen(operation)) return;
    const { bans, ready, keys } = await this.#context.custody.status();
    const existing = operation.makes && keys.find(({ record }) => isWalletKeyOf(operation, viewKey(record)));
    if (existing) return this.#succeed(operation, existing.key);
    if (!ready) return;
    const banned = bannedAt(bans, this.#context.clock.nowMs());
    const eligible = operation.members.filter((node) => !banned.has(node));
    if (this.#online(eligible).length < operation.needed) {
      operation.stage = "halted";
      return;
    }
    this.#skipDown(operation, eligible);
    operation.coordinator = coordinatorOf(eligible, operation);
    if (operation.coordinator === this.#context.self) return this.#ask(operation);
    operation.stage = "asking";
    this.#wait(operation, this.#context.timings.setupDeadlineMs, () =>
      this.#next(operation, "its coordinator did not ask"),
    );
  }

  /** Attempts whose coordinator is known to be down are nobody's: go on to the first that somebody can open. */
  #skipDown(operation: Operation, eligible: readonly NodeId[]): void {
    for (let skipped = 0; skipped < eligible.length; skipped++) {
      if (this.#isUp(coordinatorOf(eligible, operation))) return;
      operation.attempt += 1;
    }
  }

  async #ask(operation: Operation): Promise<void> {
    const { custody, clock, timings, act } = this.#context;
    operation.stage = "asking";
    const { request, revision, round, attempt } = operation;
    const events = await custody.open(clock.nowMs(), requestBytes(request), revision, round, attempt);
    await act(events);
    if (events.some(({ kind }) => kind === "joined")) return;
    const refused = events.find(({ kind }) => kind === "dropped") as Event<"dropped"> | undefined;
    const reason = refused?.reason ?? "this node opened it before";
    this.#wait(operation, timings.retryFirstMs, () => this.#next(operation, reason));
  }

  /** This node acknowledged a setup, its own or another coordinator's: the event is under way. */
  async joined({ request, attempt, attemptId, revision, coordinator }: Event<"joined">): Promise<void> {
    const operation = this.#ofRequest(requestHex(request), revision);
    if (operation === undefined || operation.stage === "done") return;
    if (this.#isFrozen(operation)) return this.#stayOut(attemptId);
    this.#cancel(operation);
    operation.attempt = attempt;
    operation.attemptId = attemptId;
    operation.coordinator = coordinator;
    operation.stage = "joined";
    operation.acked = 0;
    operation.overdue = false;
    const { events } = this.#context.store;
    // A later attempt may begin before this node has given up the one before.
    if (!(await events.update(operation.id, "PENDING", { status: "IN_PROGRESS", attempt })))
      await events.update(operation.id, "IN_PROGRESS", { attempt });
    const { ackWindowMs } = this.#context.timings;
    if (coordinator === this.#context.self) this.#wait(operation, ackWindowMs, () => this.#endOfAckWindow(operation));
    else this.#wait(operation, ackWindowMs + this.#roundDeadlineMs(operation), () => this.#giveUp(operation));
  }

  #isFrozen({ spendsWith }: Operation): boolean {
    return spendsWith !== null && this.#context.frozen(spendsWith) !== null;
  }

  /** Another coordinator asked custody, which knows of no freeze: its part in the attempt ends before it signs anything. */
  async #stayOut(attemptId: string): Promise<void> {
    const { custody, clock, act } = this.#context;
    await act(await custody.expire(clock.nowMs(), attemptId));
  }

  /** Own attempt: begin as soon as everyone whose link is up has acknowledged. */
  async acked({ attemptId, waitingFor }: Event<"acked">): Promise<void> {
    const operation = this.#ofAttempt(attemptId);
    if (operation?.stage !== "joined") return;
    operation.acked += 1;
    const awaited = waitingFor.filter((node) => this.#isUp(node) && !operation.suspects.has(node));
    if (operation.acked < operation.needed) return;
    if (awaited.length === 0 || operation.overdue) await this.#begin(operation);
  }

  /** Nodes that make a key may not have come to read the setup: that is no silence. */
  async #endOfAckWindow(operation: Operation): Promise<void> {
    if (operation.acked >= operation.needed || !isKeyUnderWay(this.#operations.values())) return this.#begin(operation);
    operation.overdue = true;
    this.#wait(operation, this.#context.timings.keyRoundDeadlineMs, () => this.#begin(operation));
  }

  async #begin(operation: Operation): Promise<void> {
    if (operation.acked < operation.needed) return this.#giveUp(operation);
    const { custody, clock, act } = this.#context;
    await act(await custody.begin(clock.nowMs(), operation.attemptId!, [...operation.suspects]));
  }

  async #giveUp(operation: Operation): Promise<void> {
    const { custody, clock, act } = this.#context;
    const events = await custody.expire(clock.nowMs(), operation.attemptId!);
    await act(events);
    if (!events.some(({ kind }) => kind === "aborted"))
      await this.#next(operation, "the attempt ended without a result");
  }

  begun({ attemptId, signing }: Event<"begun">): void {
    const operation = this.#ofAttempt(attemptId);
    if (operation === undefined || operation.stage === "done") return;
    const { resultDeadlineMs } = this.#context.timings;
    if (!signing && isForSignersOnly(operation)) {
      // Nobody tells the others of what only the signers have: unless they fail and ask again, it is done.
      operation.stage = "asking";
      return this.#wait(operation, resultDeadlineMs, () => this.#succeed(operation, null));
    }
    operation.stage = "running";
    const deadlineMs = this.#roundDeadlineMs(operation);
    if (signing) return this.#wait(operation, deadlineMs, () => this.#giveUp(operation));
    const resultMs = Math.max(resultDeadlineMs, deadlineMs);
    this.#wait(operation, resultMs, () => this.#next(operation, "the signers' result did not come"));
  }

  progress({ attemptId }: Event<"progress">): void {
    const operation = this.#ofAttempt(attemptId);
    if (operation?.stage !== "running") return;
    this.#wait(operation, this.#roundDeadlineMs(operation), () => this.#giveUp(operation));
  }

  /** While a key with pairwise setups is made, custody is slow to answer anybody: nobody is suspected for it. */
  #roundDeadlineMs({ isHeavy }: Operation): number {
    const { roundDeadlineMs, keyRoundDeadlineMs } = this.#context.timings;
    return isHeavy || isKeyUnderWay(this.#operations.values())
      ? Math.max(roundDeadlineMs, keyRoundDeadlineMs)
      : roundDeadlineMs;
  }

  async aborted({ attemptId, reason, suspects }: Event<"aborted">): Promise<void> {
    const operation = this.#ofAttempt(attemptId);
    if (operation === undefined || operation.stage === "done") return;
    for (const node of suspects) if (node !== this.#context.self) operation.suspects.add(node);
    await this.#next(operation, reason);
  }

  /** A key is made but not yet everybody's. On disk, so that it is known after a restart whose it is. */
  async keyPending({ key, request }: Event<"keyPending">): Promise<void> {
    const making = keyGenerations(this.#operations.values());
    const operation = making.find((candidate) => candidate.request === requestHex(request));
    if (operation === undefined) return;
    operation.stage = "certifying";
    operation.key = toHex(key);
    await this.#context.store.events.update(operation.id, "IN_PROGRESS", { result: key });
    const { certifyDeadlineMs, keyRoundDeadlineMs } = this.#context.timings;
    const deadlineMs = operation.isHeavy ? Math.max(certifyDeadlineMs, keyRoundDeadlineMs) : certifyDeadlineMs;
    this.#wait(operation, deadlineMs, () => this.#next(operation, "not everybody certified the key"));
  }

  async keyActive({ key, record, request }: Event<"keyActive">): Promise<void> {
    const made = { key: toHex(key), request: request && requestHex(request), view: viewKey(record) };
    const done = madeBy(keyGenerations(this.#operations.values()), made);
    for (const operation of done) await this.#succeed(operation, key);
  }

  /** Both ends of an edge made it anew. */
  edgeMade({ request }: Event<"edgeMade">): Promise<void> {
    return this.#carriedOut("REKEY", request, null);
  }

  /** This node has parts of new presignatures. */
  presigned({ request }: Event<"presigned">): Promise<void> {
    return this.#carriedOut("PRESIGN", request, null);
  }

  /** A verified result exists, from this node's session or from a peer. */
  signed({ request, sealed }: Event<"signed"> | Event<"messageSigned">): Promise<void> {
    return this.#carriedOut("SIGN", request, sealed);
  }

  async #carriedOut(type: EventType, request: Uint8Array, result: Uint8Array | null): Promise<void> {
    for (const operation of this.#operations.values())
      if (operation.request === requestHex(request) && operation.type === type) await this.#succeed(operation, result);
  }

  async #succeed(operation: Operation, result: Uint8Array | null): Promise<void> {
    if (operation.stage === "done") return;
    this.#cancel(operation);
    operation.stage = "done";
    const { store } = this.#context;
    const change = { status: "SUCCESS" as const, result, error: null };
    if (!(await store.events.update(operation.id, "IN_PROGRESS", change))) {
      await store.events.update(operation.id, "PENDING", change);
    }
    this.#operations.delete(operation.id);
  }

  /** On to the next attempt, after a wait that grows; after the last one the event has failed. */
  async #next(operation: Operation, reason: string): Promise<void> {
    if (operation.stage === "done") return;
    this.#cancel(operation);
    operation.failures += 1;
    operation.attempt += 1;
    operation.stage = "waiting";
    operation.attemptId = null;
    const { store, clock, timings } = this.#context;
    const told = `attempt ${operation.attempt - 1}: ${reason}`;
    if (operation.failures >= RETRY_BUDGET) return this.#fail(operation, told);
    const delayMs = Math.min(timings.retryFirstMs * 2 ** Math.min(operation.failures - 1, 10), timings.retryLongestMs);
    const notBeforeMs = clock.nowMs() + delayMs;
    const change = { status: "PENDING" as const, attempt: operation.attempt, notBeforeMs, reason: told };
    if (!(await store.events.update(operation.id, "IN_PROGRESS", change))) {
      await store.events.update(operation.id, "PENDING", change);
    }
    this.#wait(operation, delayMs, () => this.#tick(operation));
  }

  async #fail(operation: Operation, reason: string): Promise<void> {
    operation.stage = "done";
    this.#operations.delete(operation.id);
    const change = { status: "FAILED" as const, error: reason, reason };
    if (!(await this.#context.store.events.update(operation.id, "IN_PROGRESS", change))) {
      await this.#context.store.events.update(operation.id, "PENDING", change);
    }
    await this.#onFailed(operation.request, reason);
  }

  async #expire(operation: Operation): Promise<void> {
    operation.stage = "done";
    this.#operations.delete(operation.id);
    const { events } = this.#context.store;
    if (!(await events.update(operation.id, "PENDING", EXPIRED)))
      await events.update(operation.id, "IN_PROGRESS", EXPIRED);
  }

  /** What this node cannot carry out, because its store lost what it is about, ends with its time like everything else. */
  async #expireUnknown({ id, expiryHeight }: StoredEvent): Promise<void> {
    if (expiryHeight === null || this.#context.ledger.height() <= expiryHeight) return;
    await this.#context.store.events.update(id, "PENDING", EXPIRED);
  }

  /** Circumstances changed (a link came up, custody may speak, a ban): look again at what waits. */
  async retryWaiting(): Promise<void> {
    if (this.#areMore && this.#operations.size < MAX_ADOPTED / 2) await this.#adoptPending();
    for (const operation of this.#operations.values()) {
      if (operation.stage === "halted" || (operation.stage === "waiting" && operation.timer === null))
        await this.#tick(operation);
    }
  }

  stop(): void {
    for (const operation of this.#operations.values()) this.#cancel(operation);
  }

  #ofRequest(request: RequestId, revision?: number): Operation | undefined {
    return [...this.#operations.values()].find(
      (operation) => operation.request === request && (revision === undefined || operation.revision === revision),
    );
  }

  #ofAttempt(attemptId: string): Operation | undefined {
    return [...this.#operations.values()].find((operation) => operation.attemptId === attemptId);
  }

  #online(nodes: readonly NodeId[]): readonly NodeId[] {
    return nodes.filter((node) => this.#isUp(node));
  }

  #isUp(node: NodeId): boolean {
    return node === this.#context.self || this.#context.isUp(node);
  }

  #wait(operation: Operation, delayMs: number, work: () => Promise<void>): void {
    this.#cancel(operation);
    operation.timer = later(this.#context, delayMs, () => {
      operation.timer = null;
      return work();
    });
  }

  #cancel(operation: Operation): void {
    operation.timer?.cancel();
    operation.timer = null;
  }
}
