/** A node without a cluster, for testing what stands in front of one. Keeps payments in memory, by idempotency key. */
import { createHash } from "node:crypto";
import {
  type AcknowledgedSpend,
  type ApprovalPage,
  type Balance,
  type ClusterStatus,
  type DecidedTransaction,
  type EvidenceExport,
  fsmStateOf,
  type Health,
  type InputOf,
  type KeyPage,
  type KeyUnderWay,
  type Message,
  type MessageRequest,
  type MessageState,
  type NodePage,
  type NodeService,
  type Presigning,
  type Readiness,
  type Rekeying,
  type RequestedKey,
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
const PUBLIC_KEY = `02${"79".repeat(32)}`;
const MEMBERS = { threshold: 4, quorum: 4, epoch: 0, members: [1, 2, 3, 4, 5] };
const ADDRESSES = {
  taproot: "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6",
  segwit: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
} as const;

/** The amounts of an account; nothing of it is immature. */
const amounts = (confirmed: number, unconfirmed: number, locked: number) => ({
  confirmed_sats: confirmed,
  unconfirmed_sats: unconfirmed,
  locked_sats: locked,
  immature_sats: 0,
  spendable_sats: confirmed - locked,
});

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
  /** What operators decided by hand, in order. */
  readonly decisions: {
    readonly txid: string;
    readonly approved: boolean;
    readonly reason?: string | undefined;
    readonly max_fee_sats?: number | undefined;
  }[] = [];
  /** Messages that were asked to be signed, oldest first. */
  readonly messages: { readonly body: MessageRequest; readonly message: Message }[] = [];
  /** States that a message shows, one for each time it is asked for; the last one stays. */
  messageLife: MessageState[] = ["signed"];
  /** Names of the keys for messages. */
  /** Accounts of the wallet that a key was asked for. */
  readonly asked: string[] = [];
  readonly messageKeys: string[] = [];
  /** Of each key for messages. */
  presignatures = 0;
  underWay: KeyUnderWay[] = [];
  deadEdges: ClusterStatus["dead_edges"] = [];
  readonly acknowledged: { readonly txid: string; readonly reason: string }[] = [];
  readonly rekeyed: { readonly key: string; readonly between: readonly [number, number] }[] = [];
  readonly #byKey = new Map<string, { readonly content: string; readonly payment: Promise<Transaction> }>();

  async health(): Promise<Health> {
    return this.#answer({ status: "ok", node_id: 1, version: "0.1.0", uptime_seconds: 12 });
  }

  async ready(): Promise<Readiness> {
    return this.#answer({
      ready: true,
      status: "ok",
      checks: [{ name: "peers", ok: true, detail: "4 of 4 answer" }],
    });
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
    const [payment, another] = this.payments.filter((payment) => payment.txid.startsWith(txid));
    if (another !== undefined) throw new ServiceError("txid-ambiguous", "Give more digits.");
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

  async approvals(): Promise<ApprovalPage> {
    const items = this.payments
      .filter(({ txid }) => !this.decisions.some((decision) => decision.txid === txid))
      .map(({ txid, account, recipient, amount_sats, metadata, created_at }) => ({
        txid,
        account,
        recipient,
        amount_sats,
        metadata,
        created_at,
        label: "rent",
        fee_sats: 141,
        fee_rate: 1,
        bitcoin_txid: "c0".repeat(32),
        waits_for: ["node-1", "node-4"],
        here: true,
        expires_at: "2026-01-21T12:00:00.000Z",
      }));
    return this.#answer({ items, next_cursor: null });
  }

  async approveTransaction({ txid, body }: InputOf<"approveTransaction">): Promise<DecidedTransaction> {
    return this.#decide(txid, { txid, approved: true, ...body });
  }

  async rejectTransaction({ txid, body }: InputOf<"rejectTransaction">): Promise<DecidedTransaction> {
    return this.#decide(txid, { txid, approved: false, ...body });
  }

  async #decide(txid: string, decision: FakeNode["decisions"][number]): Promise<DecidedTransaction> {
    this.calls++;
    if (this.refusal) throw this.refusal;
    const payment = await this.transaction({ txid });
    this.decisions.push(decision);
    const { approved, max_fee_sats: bound = 141 } = decision;
    return { ...payment, decision: { node: "node-1", approved, max_fee_sats: approved ? bound : null } };
  }

  async balance(): Promise<Balance> {
    return this.#answer({
      network: "regtest",
      confirmed_sats: 150_000_000,
      unconfirmed_sats: 2_500,
      locked_sats: 50_000_000,
      immature_sats: 0,
      spendable_sats: 100_000_000,
      accounts: [
        { account: "taproot", kind: "p2tr", ...amounts(100_000_000, 2_500, 0) },
        { account: "segwit", kind: "p2wpkh", ...amounts(50_000_000, 0, 50_000_000) },
      ],
      height: 121,
    });
  }

  async address({ account = "taproot" }: InputOf<"address"> = {}): Promise<WalletAddress> {
    return this.#answer({
      address: ADDRESSES[account],
      network: "regtest",
      account,
      kind: account === "taproot" ? "p2tr" : "p2wpkh",
      path: "0/0",
      key_id: KEY_ID,
    });
  }

  async createMessage({ body, idempotencyKey }: InputOf<"createMessage">): Promise<Message> {
    this.calls++;
    if (this.refusal) throw this.refusal;
    const id = createHash("sha256").update(idempotencyKey).digest("hex");
    const bytes = Buffer.from(body.message_hex ?? "", "hex");
    const digest =
      body.digest ??
      createHash("sha256")
        .update(body.message ?? bytes)
        .digest("hex");
    const message: Message = {
      id,
      state: "voting",
      key_id: body.key_id,
      hash: body.digest === undefined ? (body.hash ?? "sha256") : null,
      message_bytes: body.digest === undefined ? Buffer.byteLength(body.message ?? bytes) : null,
      digest,
      signature: null,
      recovery_id: null,
      public_key: null,
      votes: { approve: 0, reject: 0, required: 4, cast: [] },
      signers: [],
      created_at: CREATED_AT,
      signed_at: null,
      reason: null,
    };
    this.messages.push({ body, message });
    return this.#answer(message);
  }

  async message({ id }: InputOf<"message">): Promise<Message> {
    const found = this.messages.find(({ message }) => message.id === id)?.message;
    if (found === undefined) throw new ServiceError("message-not-found", "This cluster has no such message.");
    const state = this.messageLife.length > 1 ? this.messageLife.shift()! : this.messageLife[0]!;
    const signed = { signature: "ab".repeat(64), recovery_id: 1, public_key: PUBLIC_KEY, signers: [1, 2, 3, 4] };
    return this.#answer({ ...found, state, reason: this.reason, ...(state === "signed" ? signed : {}) });
  }

  async keys(): Promise<KeyPage> {
    const wallet = {
      name: null,
      purpose: "wallet/regtest",
      public_key: PUBLIC_KEY,
      ...MEMBERS,
      edges: true,
      presignatures: 0,
    };
    const items: KeyPage["items"] = [
      { ...wallet, id: "5a".repeat(32), scheme: "frost-secp256k1-taproot", account: "taproot", edges: false },
      { ...wallet, id: "5b".repeat(32), scheme: "dkls23-secp256k1", account: "segwit" },
      ...this.messageKeys.map((name, i) => ({
        ...wallet,
        id: `${i}`.padStart(64, "c"),
        name,
        scheme: "dkls23-secp256k1",
        account: null,
        purpose: "messages",
        presignatures: this.presignatures,
      })),
    ];
    return this.#answer({ items, under_way: [...this.underWay], next_cursor: null });
  }

  async presign({ id, body: { count } }: InputOf<"presign">): Promise<Presigning> {
    this.calls++;
    if (this.refusal) throw this.refusal;
    this.presignatures += count;
    return this.#answer({ request: "f".repeat(64), key_id: id, count });
  }

  /** The key is there when it is looked for next. */
  async createKey({ body }: InputOf<"createKey">): Promise<RequestedKey> {
    const [name, account] = [body.name ?? null, body.account ?? null];
    this.calls++;
    if (this.refusal) throw this.refusal;
    if (name === null) this.asked.push(account!);
    else this.messageKeys.push(name);
    return this.#answer({ request: "d".repeat(64), name, account, state: "making", key_id: null });
  }

  async rekey({ body: { key, a, b } }: InputOf<"rekey">): Promise<Rekeying> {
    this.calls++;
    if (this.refusal) throw this.refusal;
    this.rekeyed.push({ key, between: [a, b] });
    return this.#answer({ request: "e".repeat(64), key_id: key, between: [a, b] });
  }

  async acknowledgeSpend({ txid, body: { reason } }: InputOf<"acknowledgeSpend">): Promise<AcknowledgedSpend> {
    this.calls++;
    if (this.refusal) throw this.refusal;
    this.acknowledged.push({ txid, reason });
    return this.#answer({ bitcoin_txid: txid, frozen: [] });
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
      dead_edges: [...this.deadEdges],
      version: "0.1.0",
    });
  }

  async clusterEvidence(): Promise<EvidenceExport> {
    return this.#answer({ cases: 1, file: '{"format":"conclave-evidence/1"}\n' });
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
      account: request.account ?? "taproot",
      state: "pending",
      fsm_state: "Initial",
      settled: false,
      recipient: request.recipient,
      amount_sats: request.amount_sats,
      fee_sats: null,
      fee_rate: request.fee_rate ?? null,
      metadata: request.metadata ?? null,
      votes: { approve: 0, reject: 0, required: 4, cast: [] },
      waits_for: [],
      signers: [],
      confirmations: 0,
      bitcoin_txid: null,
      created_at: CREATED_AT,
      confirmed_at: null,
      reason: null,
      failed_attempts: [],
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
