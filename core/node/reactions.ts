/** What a node does when custody has said something: one handler per kind of event. */
import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { proposalCodec, requestCodec, type CustodyEvent } from "@conclave/custody";
import type { Bans } from "./bans.ts";
import { closeVoting, keepHeard, keepRequest } from "./ballot-records.ts";
import type { Checkpointing } from "./checkpointing.ts";
import type { Context } from "./context.ts";
import type { Coordinator } from "./coordinator.ts";
import type { DeadEdges } from "./dead-edges.ts";
import type { Delivery } from "./delivery.ts";
import type { ManualApprovals } from "./manual-approvals.ts";
import { Latest } from "./latest.ts";
import type { Messages } from "./messages.ts";
import type { Payments } from "./payments.ts";
import type { Coordination } from "./ports.ts";
import { keepPresignatureEnd } from "./presignature-history.ts";
import { handBack } from "./recall.ts";
import { requestBytes, requestHex, type PaymentRecords } from "./records.ts";
import type { Settlement } from "./settlement.ts";
import type { RequestId } from "./store/ids.ts";
import type { StoredRequest } from "./store/requests.ts";

export interface ReactionParts {
  readonly context: Context;
  readonly delivery: Delivery;
  readonly coordination: Coordination;
  readonly records: PaymentRecords;
  readonly payments: Payments;
  readonly messages: Messages;
  readonly approvals: ManualApprovals;
  readonly bans: Bans;
  readonly checkpointing: Checkpointing;
  readonly deadEdges: DeadEdges;
  readonly coordinator: Coordinator;
  readonly settlement: Settlement;
  /** Who signed each payment and message, as far as this node knows. */
  readonly signers: Map<RequestId, readonly NodeId[]>;
  /** A key became active: it may be the wallet's. */
  readonly adoptKeys: () => Promise<void>;
}

/** More attempts than a node carries out at one time; those that never begin, or come to nothing, are forgotten in their turn. */
const MAX_ATTEMPTS = 1_024;

/** After these, what custody says of itself is another. */
const NEWS: ReadonlySet<CustodyEvent["kind"]> = new Set([
  "keyPending",
  "keyActive",
  "edgeDead",
  "edgeMade",
  "presigned",
  "presignatureEnded",
  "messageSigned",
  "violation",
  "ready",
  "sealed",
]);

export class Reactions {
  readonly #parts: ReactionParts;
  /** Of attempts that have not begun. */
  readonly #attemptRequests = new Latest<string, RequestId>(MAX_ATTEMPTS);
  /** Attempts that began after the last edge died: who signs in one of them has live edges. */
  readonly #begunSince = new Latest<RequestId, readonly NodeId[]>(MAX_ATTEMPTS);

  constructor(parts: ReactionParts) {
    this.#parts = parts;
  }

  /**
   * Carry out what custody said, in order; observers hear of each event once it is done. One that fails costs nothing but itself,
   * since nobody tells the others again: they are carried out, and then its error is thrown.
   */
  async act(events: readonly CustodyEvent[]): Promise<void> {
    const errors: unknown[] = [];
    const attempt = (work: Promise<void>): Promise<void> => work.catch((error: unknown) => void errors.push(error));
    for (const group of grouped(events)) {
      await attempt(keepHeard(this.#parts.context, group));
      for (const event of group) await attempt(this.#carryOut(event));
    }
    if (events.some(({ kind }) => NEWS.has(kind))) this.#parts.context.news.refresh();
    if (errors.length > 0) throw errors[0];
  }

  async #carryOut(event: CustodyEvent): Promise<void> {
    await this.#handle(event);
    if (event.kind !== "send" && event.kind !== "close" && event.kind !== "witnessed")
      this.#parts.context.notify(event);
  }

  async #handle(event: CustodyEvent): Promise<void> {
    switch (event.kind) {
      case "send":
        if (event.statement) return this.#parts.coordination.publish(event);
        for (const to of event.to) this.#parts.delivery.send(to, event.wire, event.topic);
        return;
      case "close":
        this.#parts.coordination.withdraw(event.topic);
        return this.#parts.delivery.close(event.topic);
      case "proposed":
        return this.#proposed(event);
      case "objected":
        return this.#objected(event);
      case "verdict":
        return this.#decided(event);
      case "abandoned":
        return this.#abandoned(event);
      case "joined":
        this.#attemptRequests.set(event.attemptId, requestHex(event.request));
        return this.#parts.coordinator.joined(event);
      case "declined":
        return this.retell(requestHex(event.request), event.node, { always: false });
      case "acked":
        return this.#parts.coordinator.acked(event);
      case "begun":
        return this.#begun(event);
      case "progress":
        return this.#parts.coordinator.progress(event);
      case "aborted":
        return this.#parts.coordinator.aborted(event);
      case "signed":
        return this.#signed(event);
      case "messageSigned":
        return this.#messageSigned(event);
      case "edgeDead":
        return this.#edgeDied(event);
      case "edgeMade":
        return this.#edgeMade(event);
      case "presigned":
        return this.#parts.coordinator.presigned(event);
      case "presignatureEnded":
        return keepPresignatureEnd(this.#parts.context, event);
      case "keyPending":
        return this.#parts.coordinator.keyPending(event);
      case "keyActive":
        await this.#parts.adoptKeys();
        await this.#parts.context.audit("key.active", toHex(event.key));
        return this.#parts.coordinator.keyActive(event);
      case "released":
        return this.#parts.context.audit("lock.released", requestHex(event.request), { reason: event.reason });
      case "violation":
        await this.#parts.bans.violated(event);
        return this.#parts.coordinator.retryWaiting();
      case "checkpoint":
        return this.#parts.checkpointing.heard(event);
      case "dissent":
        return this.#parts.bans.dissented(event);
      case "ready":
        await this.#parts.payments.reconsider();
        await this.#parts.messages.reconsider();
        return this.#parts.coordinator.retryWaiting();
      case "reuseRefused":
        return this.#parts.context.audit("custody.reuse-refused", toHex(event.id), {
          purpose: event.purpose,
          reason: event.reason,
        });
      case "sealed":
        return this.#parts.context.audit("custody.sealed", this.#parts.context.self, { reason: event.reason });
      case "waits":
        return this.#parts.approvals.waits(event);
      case "voted":
        // Its bytes were kept before, with what came beside them.
        return this.#parts.approvals.voted(event);
      case "witnessed":
      case "decided":
      case "undecided":
        return;
      case "dropped":
        return;
    }
  }

  async #proposed(event: Extract<CustodyEvent, { kind: "proposed" }>): Promise<void> {
    const { context, payments, messages, coordinator, deadEdges } = this.#parts;
    const { request, revision } = proposalCodec.decode(event.proposal);
    switch (request.kind) {
      case "payment":
        return payments.proposed(request, revision);
      case "message":
      case "digest":
        return messages.proposed(request, revision);
      default: {
        const idempotencyKey = request.origin === context.self ? request.idempotencyKey : null;
        await keepRequest(context, { request, revision, idempotencyKey });
      }
    }
    if (request.kind === "keygen") return coordinator.add("KEYGEN", requestHex(event.request), 0, 0);
    if (request.kind === "presign") return coordinator.add("PRESIGN", requestHex(event.request), 0, 0);
    if (request.kind !== "rekey") return;
    deadEdges.asked(request.wallet, request.a, request.b);
    if (request.a === context.self || request.b === context.self)
      await coordinator.add("REKEY", requestHex(event.request), 0, 0);
  }

  async #objected(event: Extract<CustodyEvent, { kind: "objected" }>): Promise<void> {
    const stored = await this.#stored(event.request);
    if (stored === undefined) return;
    await (isMessage(stored) ? this.#parts.messages : this.#parts.payments).objected(event);
  }

  async #decided(event: Extract<CustodyEvent, { kind: "verdict" }>): Promise<void> {
    const { context, payments, messages, coordinator } = this.#parts;
    await closeVoting(context, event);
    const stored = await this.#stored(event.request);
    if (stored !== undefined) await (isMessage(stored) ? messages : payments).verdict(stored, event);
    if (event.verdict !== "approved") return;
    await coordinator.add("SIGN", requestHex(event.request), event.revision, event.round);
  }

  #stored(request: Uint8Array): Promise<StoredRequest | undefined> {
    return this.#parts.context.store.requests.get(requestHex(request));
  }

  async #abandoned({ request, revision, node, dead }: Extract<CustodyEvent, { kind: "abandoned" }>): Promise<void> {
    await this.#parts.context.audit("revision.abandoned", requestHex(request), { revision, node, dead });
    const latest = (await this.#parts.context.store.requests.revisions(requestHex(request))).at(-1)?.number;
    const state = (await this.#parts.records.status(requestHex(request)))?.state;
    // While the votes go on, or are being repeated with other coins, a dead revision decides nothing.
    if (state === undefined || state === "pending" || state === "voting") return;
    if (dead && revision === latest)
      await this.#parts.records.apply(requestHex(request), { kind: "abandonedByQuorum" });
  }

  async #begun(event: Extract<CustodyEvent, { kind: "begun" }>): Promise<void> {
    this.#parts.coordinator.begun(event);
    const request = this.#attemptRequests.get(event.attemptId);
    if (request === undefined) return;
    this.#attemptRequests.delete(event.attemptId);
    this.#parts.signers.set(request, event.signers);
    this.#begunSince.set(request, event.signers);
    const status = await this.#parts.records.status(request);
    if (status !== undefined) return this.#parts.records.apply(request, { kind: "signingStarted" });
    await this.#parts.messages.signing(request);
  }

  async #signed(event: Extract<CustodyEvent, { kind: "signed" }>): Promise<void> {
    if (event.signers.length > 0) this.#parts.signers.set(requestHex(event.request), event.signers);
    const atOnce = this.#parts.coordinator.coordinates(requestHex(event.request));
    await this.#parts.coordinator.signed(event);
    await this.#parts.settlement.signed(event, { atOnce });
    await this.#proveEdges(requestHex(event.request));
  }

  async #messageSigned(event: Extract<CustodyEvent, { kind: "messageSigned" }>): Promise<void> {
    if (event.signers.length > 0) this.#parts.signers.set(requestHex(event.request), event.signers);
    await this.#parts.coordinator.signed(event);
    await this.#parts.messages.signed(event);
    await this.#proveEdges(requestHex(event.request));
  }

  async #edgeDied({ key, between, reason }: Extract<CustodyEvent, { kind: "edgeDead" }>): Promise<void> {
    const { context, deadEdges } = this.#parts;
    this.#begunSince.clear();
    if (!deadEdges.died(key, between, reason)) return;
    await context.audit("edge.dead", toHex(key), edgeDetail(between, reason));
  }

  async #edgeMade(event: Extract<CustodyEvent, { kind: "edgeMade" }>): Promise<void> {
    const { context, coordinator, deadEdges } = this.#parts;
    deadEdges.made(event.key, context.self, event.peer);
    await context.audit("edge.made", toHex(event.key), edgeDetail([context.self, event.peer], null));
    await coordinator.edgeMade(event);
  }

  /** Whoever signed together just now holds a live edge; an old signature, told again, says nothing. */
  async #proveEdges(request: RequestId): Promise<void> {
    const signers = this.#begunSince.get(request);
    this.#begunSince.delete(request);
    if (signers === undefined || this.#parts.deadEdges.all().length === 0) return;
    const key = await this.#keyOf(request);
    if (key !== null) this.#parts.deadEdges.used(key, signers);
  }

  /** The key that a request names; null for one that makes a key, or is not known. */
  async #keyOf(request: RequestId): Promise<Uint8Array | null> {
    const stored = await this.#parts.context.store.requests.get(request);
    const content = stored && requestCodec.decode(stored.body);
    return content !== undefined && "wallet" in content ? content.wallet : null;
  }

  /** Tell a peer what this node knows of a request; unless `always`, only if that includes its result. */
  async retell(id: RequestId, peer: NodeId, { always }: { readonly always: boolean }): Promise<void> {
    const { custody, store, clock } = this.#parts.context;
    const signed = (await store.events.ofRequest(id)).find(({ type, result }) => type === "SIGN" && result !== null);
    const sealed = signed?.result ?? null;
    if (sealed === null && !always) return;
    const republish = () => custody.republish(clock.nowMs(), requestBytes(id), peer, sealed);
    const events = await republish();
    const isForgotten = events.filter(({ kind }) => kind === "send").length === (sealed === null ? 0 : 1);
    const stored = always && isForgotten ? await store.requests.get(id) : undefined;
    if (stored === undefined) return this.act(events);
    // It is over for so long that custody has forgotten it: a peer that never heard of it has no use for its result alone.
    await handBack(this.#parts.context, stored);
    await this.act(await republish());
  }
}

/** What was only heard, and is kept, in as few groups as the order allows; every other event in a group of its own. */
function grouped(events: readonly CustodyEvent[]): readonly (readonly CustodyEvent[])[] {
  const groups: CustodyEvent[][] = [];
  for (const event of events) {
    const last = groups.at(-1);
    if (last !== undefined && isHeard(event) && isHeard(last[0]!)) last.push(event);
    else groups.push([event]);
  }
  return groups;
}

const isHeard = ({ kind }: CustodyEvent): boolean => kind === "witnessed" || kind === "voted";

const isMessage = ({ kind }: StoredRequest): boolean => kind === "message" || kind === "digest";

const edgeDetail = ([a, b]: readonly [NodeId, NodeId], reason: string | null) => ({ a, b, reason });
