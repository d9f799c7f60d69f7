/**
 * Messages to be signed by a key for messages: intake, votes, and what became of them. Every signer hashes the message itself
 * and custody refuses what is a transaction in disguise; what stands here only says so earlier and in more words.
 */
import { equalBytes, toHex } from "@conclave/bytes";
import { refuseTransactionPreimage } from "@conclave/bitcoin";
import {
  MAX_MESSAGE_BYTES,
  proposalCodec,
  requestCodec,
  requestId,
  viewKey,
  type CustodyEvent,
  type MessageRequestBody,
  type Revision,
} from "@conclave/custody";
import { keepRequest, OWN_PROMISES } from "./ballot-records.ts";
import { auditRecord, type Context } from "./context.ts";
import { IdempotencyConflict } from "./payments.ts";
import { requestHex } from "./records.ts";
import type { RequestId } from "./store/ids.ts";
import type { MessageState, StoredMessage } from "./store/messages.ts";
import type { StoredRequest } from "./store/requests.ts";

/** How many ledger steps a message may take to be approved and signed; a step is about a second. */
const EXPIRY_STEPS = 86_400;
/** Nothing on the chain concerns a message. */
const NO_CHAIN = { round: 1, coins: [], tipHeight: 0, changeIndex: { from: 0, to: 0 }, replaces: [] };
/** The only revision a message has. */
const REVISION = 1;

/** A message with the hash to apply to it, or a hash whose preimage is not shown. */
export type MessageContent =
  | { readonly message: Uint8Array; readonly hash: Extract<MessageRequestBody, { kind: "message" }>["hash"] }
  | { readonly digest: Uint8Array };

export interface MessageWish {
  /** Id of the key, 32 bytes. */
  readonly key: Uint8Array;
  readonly content: MessageContent;
  readonly idempotencyKey: string;
}

/** A message that this node does not take in. */
export class MessageRefused extends Error {
  override readonly name = "MessageRefused";
  readonly code: "unknown-key" | "not-a-message-key" | "too-long" | "digests-off" | "transaction";
  constructor(code: MessageRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

type Event<K extends CustodyEvent["kind"]> = Extract<CustodyEvent, { kind: K }>;

export class Messages {
  readonly #context: Context;
  /** Messages that wait for this node's vote because custody may not speak yet. */
  readonly #unvoted = new Map<RequestId, Uint8Array>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Take a wish in. Resolves once it is on this node's disk. Throws `MessageRefused` or `IdempotencyConflict`. */
  async create(wish: MessageWish): Promise<RequestId> {
    const { store, custody, clock, submit } = this.#context;
    const known = await store.requests.byIdempotencyKey(wish.idempotencyKey);
    if (known !== undefined) return sameMessage(known, wish);
    await this.#check(wish);
    const request = this.#request(wish);
    const revision: Revision = { request: requestId(request), number: REVISION, psbt: new Uint8Array(0) };
    await this.#save(request, revision, wish.idempotencyKey);
    await submit(await custody.propose(clock.nowMs(), proposalCodec.encode({ request, revision })));
    return requestHex(revision.request);
  }

  async #check({ key, content }: MessageWish): Promise<void> {
    const { keys } = await this.#context.custody.status();
    const held = keys.find((candidate) => equalBytes(candidate.key, key));
    const name = toHex(key).slice(0, 16);
    if (held === undefined) throw new MessageRefused("unknown-key", `this node holds no share of a key ${name}…`);
    const { purpose } = viewKey(held.record);
    if (purpose !== "messages") {
      const advice = "a wallet's key signs payments only, so make a key for messages";
      throw new MessageRefused("not-a-message-key", `key ${name}… is for ${purpose}: ${advice}`);
    }
    if ("digest" in content) {
      if (this.#context.rawDigests) return;
      const advice =
        "sign the message itself, or start every node with --allow-digests if you know what the hash is of";
      throw new MessageRefused("digests-off", `this node does not sign a hash whose message it cannot read: ${advice}`);
    }
    if (content.message.length > MAX_MESSAGE_BYTES) {
      const length = `the message has ${content.message.length} bytes where ${MAX_MESSAGE_BYTES} are allowed`;
      throw new MessageRefused("too-long", `${length}: sign a text that names its hash instead`);
    }
    const refusal = refuseTransactionPreimage(content.message, content.hash);
    if (refusal !== null) throw new MessageRefused("transaction", refusal.message);
  }

  #request({ key, content, idempotencyKey }: MessageWish): MessageRequestBody {
    const { ledger, roster, self } = this.#context;
    const height = ledger.height();
    const common = {
      cluster: roster.cluster,
      idempotencyKey,
      origin: self,
      height,
      expiresHeight: height + EXPIRY_STEPS,
      wallet: key,
    };
    return "digest" in content ? { kind: "digest", ...common, ...content } : { kind: "message", ...common, ...content };
  }

  #save(request: MessageRequestBody, revision: Revision | null, idempotencyKey: string | null): Promise<void> {
    return keepRequest(this.#context, { request, revision, idempotencyKey }, async (stored, { messages }) => {
      if ((await messages.get(stored.id)) === undefined) await messages.upsert(newRow(request, stored));
    });
  }

  /** A message is new here, whoever proposed it: keep it, and vote. */
  async proposed(request: MessageRequestBody, revision: Revision | null): Promise<void> {
    await this.#save(request, revision, request.origin === this.#context.self ? request.idempotencyKey : null);
    if (revision === null) return;
    const id = requestId(request);
    await this.#move(requestHex(id), "voting");
    this.#unvoted.set(requestHex(id), id);
    await this.#vote(id);
  }

  /** After a restart: vote as soon as custody may speak. */
  consider(id: Uint8Array): void {
    this.#unvoted.set(requestHex(id), id);
    this.#context.mailbox.post(() => this.#vote(id));
  }

  /** Look again at whatever still waits for this node's vote. */
  async reconsider(): Promise<void> {
    if (this.#unvoted.size === 0 || !(await this.#context.custody.status()).ready) return;
    for (const id of this.#unvoted.values()) await this.#vote(id);
  }

  async #vote(id: Uint8Array): Promise<void> {
    const { custody, clock, act, store } = this.#context;
    // As for payments: a promise never speaks of a request that a power cut may take.
    await store.durable();
    const events = await custody.vote(clock.nowMs(), id, REVISION, true, NO_CHAIN);
    if (events.some(({ kind }) => kind === "send" || kind === "objected")) this.#unvoted.delete(requestHex(id));
    await act(events);
  }

  /** Custody did not vote yes: say no, so that the proposer knows. Nothing that a message depends on will change. */
  async objected({ request, objections }: Event<"objected">): Promise<void> {
    const { custody, clock, act } = this.#context;
    if (objections.some(({ code }) => OWN_PROMISES.has(code))) return;
    const reason = objections.map(({ message }) => message).join("; ");
    await this.#change(requestHex(request), { reason });
    await act(await custody.vote(clock.nowMs(), request, REVISION, false, NO_CHAIN));
  }

  /** The votes are decided. */
  async verdict({ id }: StoredRequest, { request, verdict }: Event<"verdict">): Promise<void> {
    if (verdict === "approved") return this.#move(id, "approved", { reason: null });
    const { custody, clock, act, store } = this.#context;
    await act(await custody.abandon(clock.nowMs(), request, REVISION));
    const reason =
      (await store.messages.get(id))?.reason ?? "the other nodes rejected it: see their logs for the reason";
    await this.#move(id, "rejected", { reason });
  }

  signing(id: RequestId): Promise<void> {
    return this.#move(id, "signing");
  }

  /** A signature exists and verifies: that overrules whatever was thought before. */
  signed({ request, signature, publicKey }: Event<"messageSigned">): Promise<void> {
    const signedAtMs = this.#context.clock.nowMs();
    return this.#move(requestHex(request), "signed", { signature, publicKey, signedAtMs, reason: null });
  }

  failed(id: RequestId, reason: string): Promise<void> {
    return this.#move(id, "failed", { reason });
  }

  /** Give up what is past its time, once this node has promised not to sign it any more where it still can. */
  async expireOld(): Promise<void> {
    const { store, clock, custody, act } = this.#context;
    const { rows } = await store.messages.list({ limit: 100, states: OPEN_MESSAGES });
    for (const { id } of rows) {
      const stored = await store.requests.get(id);
      if (stored === undefined || stored.expiresAtMs > clock.nowMs()) continue;
      this.#unvoted.delete(id);
      await this.#move(id, "expired", { reason: "expired before it was signed" });
      await act(await custody.abandon(clock.nowMs(), requestId(requestCodec.decode(stored.body)), REVISION));
    }
  }

  async #move(id: RequestId, state: MessageState, fields: Partial<StoredMessage> = {}): Promise<void> {
    const row = await this.#context.store.messages.get(id);
    if (row === undefined || !FOLLOWERS[row.state].includes(state)) return;
    const reason = fields.reason ?? null;
    await this.#context.store.transaction(async ({ messages, audit }) => {
      await messages.upsert({ ...row, ...fields, state });
      await audit.append(auditRecord(this.#context, `message.${state}`, id, { reason }));
    });
    this.#context.notify({ kind: "message", request: id, state, reason });
  }

  async #change(id: RequestId, fields: Partial<StoredMessage>): Promise<void> {
    const row = await this.#context.store.messages.get(id);
    if (row !== undefined) await this.#context.store.messages.upsert({ ...row, ...fields });
  }
}

/** States in which a signature is still expected. */
export const OPEN_MESSAGES: readonly MessageState[] = ["pending", "voting", "approved", "signing"];

/** What can follow each state. A signature can turn up after any: whoever completed it may have been away. */
const FOLLOWERS: { readonly [S in MessageState]: readonly MessageState[] } = {
  pending: ["voting", "approved", "signing", "signed", "rejected", "failed", "expired"],
  voting: ["approved", "signing", "signed", "rejected", "failed", "expired"],
  // A ban can take an approval back.
  approved: ["signing", "signed", "rejected", "failed", "expired"],
  signing: ["signed", "failed", "expired"],
  signed: [],
  // A voter that turns out a liar can turn a rejection round.
  rejected: ["approved", "signing", "signed"],
  failed: ["signed"],
  expired: ["signed"],
};

const newRow = (request: MessageRequestBody, { id, createdAtMs }: StoredRequest): StoredMessage => ({
  id,
  key: toHex(request.wallet),
  hash: request.kind === "message" ? request.hash : null,
  message: request.kind === "message" ? request.message : request.digest,
  state: "pending",
  signature: null,
  publicKey: null,
  createdAtMs,
  signedAtMs: null,
  reason: null,
});

/** The request that this wish was taken in as before. */
function sameMessage({ body, id }: StoredRequest, { key, content }: MessageWish): RequestId {
  const request = requestCodec.decode(body);
  const isMotion = request.kind === "message" || request.kind === "digest";
  if (isMotion && equalBytes(request.wallet, key) && sameContent(request, content)) return id;
  throw new IdempotencyConflict("this idempotency key was used for another request: use a new one");
}

const sameContent = (request: MessageRequestBody, content: MessageContent): boolean =>
  "digest" in content
    ? request.kind === "digest" && equalBytes(request.digest, content.digest)
    : request.kind === "message" && request.hash === content.hash && equalBytes(request.message, content.message);
