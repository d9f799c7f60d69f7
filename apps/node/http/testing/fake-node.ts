/** A node without a cluster, for testing what stands in front of one. Keeps payments in memory, by idempotency key. */
import { createHash } from "node:crypto";
import {
  type Balance,
  type ClusterStatus,
  fsmStateOf,
  type Health,
  type InputOf,
  type NodePage,
  type NodeService,
  type Readiness,
  ServiceError,
  type Transaction,
  type TransactionPage,
  type TransactionRequest,
  type TransactionState,
  type WalletAddress,
} from "@conclave/api";

/** 2026-01-20T12:00:00Z, document 004's day. */
const CREATED_AT = "2026-01-20T12:00:00.000Z";
const KEY_ID = "5a".repeat(16);

export class FakeNode implements NodeService {
  /** How often `createTransaction` was called. */
  calls = 0;
  /** Thrown by every method once set. */
  failure: unknown;
  /** Thrown by `createTransaction` once set. */
  refusal: ServiceError | undefined;
  /** States that a new payment shows, one for each time it is asked for; the last one stays. */
  life: TransactionState[] = ["voting"];
  /** Why a payment ended as it did. */
  reason: string | null = null;
  /** Fields that no schema lists, added to every answer: they must not reach a caller. */
  slip: object = {};
  status: ClusterStatus["status"] = "ok";
  readonly payments: Transaction[] = [];
  readonly #byKey = new Map<string, { readonly content: string; readonly payment: Promise<Transaction> }>();

  async health(): Promise<Health> {
    return this.#answer({ status: "ok", node_id: 1, version: "0.1.0", uptime_seconds: 12 });
  }

  async ready(): Promise<Readiness> {
    return this.#answer({ ready: true, checks: [{ name: "peers", detail: "4 of 4 answer" }] });
  }

  async createTransaction({ body, idempotencyKey }: InputOf<"createTransaction">): Promise<Transaction> {
    this.calls++;
    if (this.refusal) throw this.refusal;
    const content = JSON.stringify(body);
    const earlier = this.#byKey.get(idempotencyKey);
    if (earlier !== undefined && earlier.content !== content) {
      throw new ServiceError("idempotency-key-reused", "This Idempotency-Key names another payment: send a new key.");
    }
    const payment = earlier?.payment ?? this.#pay(body, idempotencyKey);
    this.#byKey.set(idempotencyKey, { content, payment });
    return this.#answer(await payment);
  }

  async transaction({ txid }: InputOf<"transaction">): Promise<Transaction> {
    const payment = this.payments.find((payment) => payment.txid === txid);
    if (payment === undefined) throw new ServiceError("transaction-not-found", "This wallet has no such payment.");
    const state = this.life.length > 1 ? this.life.shift()! : this.life[0]!;
    return this.#answer(inState(payment, state, this.reason));
  }

  async transactions({ limit, cursor, state }: InputOf<"transactions">): Promise<TransactionPage> {
    const start = cursor === undefined ? 0 : Number(/^after-(\d+)$/.exec(cursor)?.[1] ?? Number.NaN);
    if (Number.isNaN(start)) throw new ServiceError("cursor-invalid", "Start again without a cursor.");
    const items = this.payments.filter((payment) => state === undefined || payment.state === state);
    const next_cursor = start + limit < items.length ? `after-${start + limit}` : null;
    return this.#answer({ items: items.slice(start, start + limit), next_cursor });
  }

  async balance(): Promise<Balance> {
    return this.#answer({
      network: "regtest",
      confirmed_sats: 150_000_000,
      unconfirmed_sats: 2_500,
      locked_sats: 50_000_000,
      immature_sats: 0,
      spendable_sats: 100_000_000,
      height: 121,
    });
  }

  async address(): Promise<WalletAddress> {
    return this.#answer({
      address: "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6",
      network: "regtest",
      kind: "p2tr",
      path: "0/0",
      key_id: KEY_ID,
    });
  }

  async clusterStatus(): Promise<ClusterStatus> {
    const reasons = { ok: [], degraded: ["node-5 does not answer."], halted: ["3 of 5 nodes answer; 4 are needed."] };
    const online = { ok: 5, degraded: 4, halted: 3 };
    return this.#answer({
      status: this.status,
      reasons: reasons[this.status],
      cluster: "local",
      network: "regtest",
      node_id: 1,
      n: 5,
      t: 4,
      q: 4,
      f: 1,
      online: online[this.status],
      height: 77,
      key_ids: [KEY_ID],
      version: "0.1.0",
    });
  }

  async clusterNodes(): Promise<NodePage> {
    const items = [1, 2, 3, 4, 5].map((node_id): NodePage["items"][number] => ({
      node_id,
      name: `node-${node_id}`,
      key: createHash("sha256").update(`node ${node_id}`).digest("hex"),
      status: node_id === 5 ? "banned" : "online",
      self: node_id === 1,
      last_seen: CREATED_AT,
      ban: node_id === 5 ? { violation: "DoubleVote", strike: 1, until: "2026-01-21T12:00:00.000Z" } : null,
    }));
    return this.#answer({ items, next_cursor: null });
  }

  async #pay(request: TransactionRequest, key: string): Promise<Transaction> {
    // As a real node does: something else can happen between two requests with one key.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const payment: Transaction = {
      txid: createHash("sha256")
        .update(`${key} ${JSON.stringify(request)}`)
        .digest("hex"),
      state: "pending",
      fsm_state: "Initial",
      settled: false,
      recipient: request.recipient,
      amount_sats: request.amount_sats,
      fee_sats: null,
      fee_rate: request.fee_rate ?? null,
      metadata: request.metadata ?? null,
      votes: { approve: 0, reject: 0, required: 4, cast: [] },
      signers: [],
      confirmations: 0,
      bitcoin_txid: null,
      created_at: CREATED_AT,
      confirmed_at: null,
      reason: null,
    };
    this.payments.unshift(payment);
    return payment;
  }

  #answer<T extends object>(value: T): T {
    if (this.failure !== undefined) throw this.failure;
    return { ...value, ...this.slip };
  }
}

/** The payment as it looks once it is that far. */
function inState(payment: Transaction, state: TransactionState, reason: string | null): Transaction {
  const sent = state === "broadcasting" || state === "confirmed";
  return {
    ...payment,
    state,
    fsm_state: fsmStateOf(state),
    settled: state === "confirmed",
    votes: {
      ...payment.votes,
      approve: sent ? 4 : 1,
      cast: [{ node_id: 1, node: "node-1", value: 1, received_at: CREATED_AT }],
    },
    signers: sent ? [1, 2, 3, 4] : [],
    fee_sats: sent ? 141 : null,
    bitcoin_txid: sent ? "c0".repeat(32) : null,
    confirmations: state === "confirmed" ? 6 : 0,
    confirmed_at: state === "confirmed" ? CREATED_AT : null,
    reason,
  };
}
