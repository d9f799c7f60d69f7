/**
 * Payments that wait for a person: which ones, on which nodes as far as this one heard, and what its operator says to them. What
 * stands here is for people; custody keeps the decision and holds every vote against it.
 */
import { findRecipient, networks, type PaymentView } from "@conclave/bitcoin";
import { requestCodec, WAITS, type ByHand, type CustodyEvent, type PaymentRequestBody } from "@conclave/custody";
import type { NodeId, TransactionState } from "@conclave/consensus";
import type { Context } from "./context.ts";
import { Latest } from "./latest.ts";
import type { PaymentViews } from "./payment-views.ts";
import { requestBytes, requestHex } from "./records.ts";
import type { RequestId } from "./store/ids.ts";
import type { StoredTransaction } from "./store/transactions.ts";

/** Payments whose waiting nodes are remembered; beyond that, the oldest are forgotten, which a restart of theirs tells again. */
const MAX_WAITING = 4_096;

/** States in which an approval can still help. */
const OPEN: ReadonlySet<TransactionState> = new Set(["pending", "voting", "approved", "signing"]);
/** States in which a payment is shown as waiting. */
const SHOWN: ReadonlySet<TransactionState> = new Set(["pending", "voting", "approved"]);

/** A payment that somebody has to look at. */
export interface PendingApproval {
  readonly row: StoredTransaction;
  readonly request: PaymentRequestBody;
  /** What would be signed, by this node's own reading of the latest revision; null while it holds none. */
  readonly view: PaymentView | null;
  /** What this node's address book calls the recipient; null without a name. */
  readonly label: string | null;
  /** Nodes that lack nothing but their operator's approval, in the roster's order. */
  readonly nodes: readonly NodeId[];
  /** After this nobody votes for it any more. */
  readonly expiresAtMs: number;
}

/** A decision that changes nothing. `unknown`: there is no such payment; `over`: it came too late; `not-ready`: ask again. */
export class ApprovalRefused extends Error {
  override readonly name = "ApprovalRefused";
  readonly code: "unknown" | "over" | "not-ready";
  constructor(code: ApprovalRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export interface ManualApprovalParts {
  readonly context: Context;
  readonly views: PaymentViews;
  /** Think about the vote on a payment's revision again. */
  readonly consider: (request: Uint8Array, revision: number) => void;
}

export class ManualApprovals {
  readonly #parts: ManualApprovalParts;
  readonly #waiting = new Latest<RequestId, Set<NodeId>>(MAX_WAITING);

  constructor(parts: ManualApprovalParts) {
    this.#parts = parts;
  }

  /** A node asks its operator. */
  waits({ request, node }: Extract<CustodyEvent, { kind: "waits" }>): void {
    const id = requestHex(request);
    const nodes = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, nodes.add(node));
  }

  /** A node voted: it waits no more. */
  voted({ request, voter }: Extract<CustodyEvent, { kind: "voted" }>): void {
    const id = requestHex(request);
    const nodes = this.#waiting.get(id);
    nodes?.delete(voter);
    if (nodes?.size === 0) this.#waiting.delete(id);
  }

  /** Nodes whose operators are asked about a payment, in the roster's order, as far as this node heard and while it matters. */
  nodesOf({ txid, state }: Pick<StoredTransaction, "txid" | "state">): readonly NodeId[] {
    const waiting = SHOWN.has(state) ? this.#waiting.get(txid) : undefined;
    return this.#parts.context.roster.nodes.flatMap(({ id }) => (waiting?.has(id) === true ? [id] : []));
  }

  /** Every payment that waits for somebody, oldest first. */
  async list(): Promise<readonly PendingApproval[]> {
    const { store, news, network } = this.#parts.context;
    const { recipients } = await news.look();
    const found: PendingApproval[] = [];
    for (const id of this.#waiting.keys()) {
      const [row, stored] = [await store.transactions.get(id), await store.requests.get(id)];
      const request = stored && requestCodec.decode(stored.body);
      if (row === undefined || request?.kind !== "payment") continue;
      const { expiresAtMs } = stored!;
      const nodes = this.nodesOf(row);
      if (nodes.length === 0) this.#waiting.delete(id);
      else {
        const label = findRecipient(recipients ?? [], row.recipient, networks[network])?.label ?? null;
        found.push({ row, request, label, view: await this.#latest(id), nodes, expiresAtMs });
      }
    }
    return found.toSorted((a, b) => a.row.createdAtMs - b.row.createdAtMs);
  }

  async #latest(id: RequestId): Promise<PaymentView | null> {
    const number = (await this.#parts.context.store.requests.revisions(id)).at(-1)?.number;
    return number === undefined ? null : this.#parts.views.find(id, number);
  }

  /**
   * This node's operator decides. On disk with its reason when it resolves, with the highest fee that an approval holds for now:
   * said again it changes nothing, and an earlier one may allow more. Throws `ApprovalRefused`, and `StoreUnavailable` while the
   * record of it cannot be kept.
   */
  decide(id: RequestId, decision: ByHand): Promise<bigint | null> {
    return this.#parts.context.history.orAway(() => this.#decide(id, decision));
  }

  async #decide(id: RequestId, decision: ByHand): Promise<bigint | null> {
    const { context, consider } = this.#parts;
    const { store, clock, custody, audit } = context;
    const [row, stored] = [await store.transactions.get(id), await store.requests.get(id)];
    if (row === undefined || stored === undefined)
      throw new ApprovalRefused("unknown", `this node knows no payment ${id}`);
    const [request, { approved, maxFee, reason }] = [requestBytes(id), decision];
    const over =
      stored.expiresAtMs <= clock.nowMs()
        ? "the payment's time is over"
        : OPEN.has(row.state)
          ? null
          : `the payment is ${row.state}`;
    // The record of who asked for what, and why, is on the disk before anything follows from it.
    const detail = { reason, max_fee_sats: maxFee === null ? null : Number(maxFee) };
    await audit(approved ? "transaction.approve_by_hand" : "transaction.reject_by_hand", id, detail);
    await store.durable();
    const events = await custody.decide(clock.nowMs(), request, { ...decision, over });
    await context.submit(events);
    const refused = events.find((event) => event.kind === "undecided" || event.kind === "dropped");
    if (refused?.kind === "undecided")
      throw new ApprovalRefused(refused.code, `There is nothing left to decide: ${refused.message}.`);
    if (refused !== undefined)
      throw new ApprovalRefused("not-ready", `This node cannot decide now: ${refused.reason}.`);
    const revision = (await store.requests.revisions(id)).at(-1)?.number;
    if (over === null && revision !== undefined) consider(request, revision);
    const decided = events.find((event) => event.kind === "decided");
    return decided?.approved === true ? decided.maxFee : null;
  }
}

/** Whether all that keeps a node from voting is its operator's approval. */
export const waitsForApproval = ({ objections }: Extract<CustodyEvent, { kind: "objected" }>): boolean =>
  objections.length > 0 && objections.every(({ code }) => code === WAITS);
