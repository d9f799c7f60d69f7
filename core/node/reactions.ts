/** What a node does when custody has said something: one handler per kind of event. */
import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { proposalCodec, type CustodyEvent } from "@conclave/custody";
import type { Context } from "./context.ts";
import type { Coordinator } from "./coordinator.ts";
import type { Delivery } from "./delivery.ts";
import type { Payments } from "./payments.ts";
import type { Coordination } from "./ports.ts";
import { requestBytes, requestHex, type PaymentRecords } from "./records.ts";
import type { Settlement } from "./settlement.ts";
import type { RequestId } from "./store/ids.ts";

export interface ReactionParts {
  readonly context: Context;
  readonly delivery: Delivery;
  readonly coordination: Coordination;
  readonly records: PaymentRecords;
  readonly payments: Payments;
  readonly coordinator: Coordinator;
  readonly settlement: Settlement;
  /** Who signed each payment, as far as this node knows. */
  readonly signers: Map<RequestId, readonly NodeId[]>;
  /** A key became active: it may be the wallet's. */
  readonly adoptKeys: () => Promise<void>;
}

export class Reactions {
  readonly #parts: ReactionParts;
  readonly #attemptRequests = new Map<string, RequestId>();

  constructor(parts: ReactionParts) {
    this.#parts = parts;
  }

  /** Carry out what custody said, in order; observers hear of each event once it is done. */
  async act(events: readonly CustodyEvent[]): Promise<void> {
    for (const event of events) {
      await this.#handle(event);
      if (event.kind !== "send" && event.kind !== "close" && event.kind !== "witnessed")
        this.#parts.context.notify(event);
    }
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
        return this.#parts.payments.objected(event);
      case "voted":
        return this.#parts.payments.voted(event);
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
      case "keyPending":
        return this.#parts.coordinator.keyPending();
      case "keyActive":
        await this.#parts.adoptKeys();
        await this.#parts.context.audit("key.active", toHex(event.key));
        return this.#parts.coordinator.keyActive();
      case "released":
        return this.#parts.context.audit("lock.released", requestHex(event.request), { reason: event.reason });
      case "violation":
        return this.#violated(event);
      case "witnessed":
        return this.#witnessed(event);
      case "ready":
        await this.#parts.payments.reconsider();
        return this.#parts.coordinator.retryWaiting();
      case "sealed":
        return this.#parts.context.audit("custody.sealed", this.#parts.context.self, { reason: event.reason });
      case "dropped":
        return;
    }
  }

  async #proposed(event: Extract<CustodyEvent, { kind: "proposed" }>): Promise<void> {
    await this.#parts.payments.proposed(event);
    const { request } = proposalCodec.decode(event.proposal);
    if (request.kind === "keygen") await this.#parts.coordinator.add("KEYGEN", requestHex(event.request), 0, 0);
  }

  async #decided(event: Extract<CustodyEvent, { kind: "verdict" }>): Promise<void> {
    await this.#parts.payments.verdict(event);
    if (event.verdict !== "approved") return;
    await this.#parts.coordinator.add("SIGN", requestHex(event.request), event.revision, event.round);
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
    this.#parts.signers.set(request, event.signers);
    const status = await this.#parts.records.status(request);
    if (status !== undefined) await this.#parts.records.apply(request, { kind: "signingStarted" });
  }

  async #signed(event: Extract<CustodyEvent, { kind: "signed" }>): Promise<void> {
    if (event.signers.length > 0) this.#parts.signers.set(requestHex(event.request), event.signers);
    const atOnce = this.#parts.coordinator.coordinates(requestHex(event.request));
    await this.#parts.coordinator.signed(event);
    await this.#parts.settlement.signed(event, { atOnce });
  }

  async #violated({ node, violation, evidence }: Extract<CustodyEvent, { kind: "violation" }>): Promise<void> {
    const { store, clock } = this.#parts.context;
    await store.violations.insert({
      node,
      type: violation,
      request: null,
      evidence,
      detectedAtMs: clock.nowMs(),
      actionTaken: "banned",
    });
    await this.#parts.context.audit("node.banned", node, { violation });
    await this.#parts.coordinator.retryWaiting();
  }

  async #witnessed({ node, wire }: Extract<CustodyEvent, { kind: "witnessed" }>): Promise<void> {
    await this.#parts.context.store.nodes.set({
      node,
      lastSeenMs: this.#parts.context.clock.nowMs(),
      status: "online",
      detail: toHex(wire),
    });
  }

  /** Tell a peer what this node knows of a request; unless `always`, only if that includes its result. */
  async retell(id: RequestId, peer: NodeId, { always }: { readonly always: boolean }): Promise<void> {
    const { custody, store, clock } = this.#parts.context;
    const sealed = (await store.events.ofRequest(id)).find(({ result }) => result !== null)?.result ?? null;
    if (sealed === null && !always) return;
    await this.act(await custody.republish(clock.nowMs(), requestBytes(id), peer, sealed));
  }
}
