/**
 * LIVENESS. One node of the cluster: moves envelopes, asks custody for votes and sessions, follows payments to the chain.
 * It can delay a signature and never cause one: whatever it does wrong, custody refuses what was not approved.
 */
import { fromHex, toHex } from "@conclave/bytes";
import type { NetworkName, PaymentPolicy, SecondOpinion } from "@conclave/bitcoin";
import { bannedAt, toleratedFaults, type Ban, type NodeId, type Roster } from "@conclave/consensus";
import {
  proposalCodec,
  requestCodec,
  requestId,
  revisionCodec,
  viewKey,
  type CustodyEvent,
  type CustodyPort,
  type KeygenRequestBody,
} from "@conclave/custody";
import type { BitcoinChain } from "./chain-port.ts";
import type { Context, Notice } from "./context.ts";
import { Coordinator } from "./coordinator.ts";
import { Delivery } from "./delivery.ts";
import { Mailbox } from "./mailbox.ts";
import { Payments, WalletNotReady, type PaymentWish } from "./payments.ts";
import type { Clock, Coordination, Ledger, Messenger, Timer, Transport } from "./ports.ts";
import { PaymentRecords, requestBytes, requestHex } from "./records.ts";
import { Settlement } from "./settlement.ts";
import type { RequestId } from "./store/ids.ts";
import type { Store } from "./store/port.ts";
import type { StoredTransaction, TransactionState } from "./store/transactions.ts";
import type { Timings } from "./timings.ts";
import { WalletView, walletOfKey, type WalletBalance } from "./wallet.ts";

/** Ledger steps within which a key generation has to succeed: a day. */
const KEYGEN_EXPIRY_STEPS = 86_400;
/** So many of the latest requests are told again to a peer that comes back, whatever became of them. */
const LATEST_REQUESTS = 20;
/** States in which this node's own vote may still be wanted. */
const OPEN_TO_VOTES: ReadonlySet<string> = new Set(["pending", "voting", "approved", "signing"]);
/** States in which peers that come back may lack something of a payment. */
const OPEN_STATES: readonly TransactionState[] = [
  "pending",
  "voting",
  "approved",
  "rejected",
  "signing",
  "signed",
  "broadcasting",
  "unresolved",
];

export interface NodeParts {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly network: NetworkName;
  readonly threshold: number;
  readonly quorum: number;
  readonly policy: Omit<PaymentPolicy, "changeIndex">;
  readonly burialDepth: number;
  readonly requiredConfirmations: number;
  readonly custody: CustodyPort;
  readonly transport: Transport;
  /** Makes the coordination; gets messages to peers to build on. */
  readonly coordination: (messenger: Messenger) => Coordination;
  readonly store: Store;
  readonly chain: BitcoinChain;
  readonly secondOpinion: SecondOpinion;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly timings: Timings;
  readonly notify: (notice: Notice) => void;
}

/** Whether the cluster can sign, as this node sees it. */
export interface ClusterView {
  readonly status: "ok" | "degraded" | "halted";
  readonly reasons: readonly string[];
  readonly n: number;
  readonly t: number;
  readonly q: number;
  readonly f: number;
  readonly online: number;
  readonly height: number;
  readonly keyIds: readonly string[];
}

export interface NodeView {
  readonly index: number;
  readonly id: NodeId;
  readonly name: string;
  readonly self: boolean;
  readonly status: "online" | "offline" | "banned";
  readonly lastSeenMs: number | null;
  readonly ban: Ban | null;
}

export class ConclaveNode {
  readonly #parts: NodeParts;
  readonly #context: Context;
  readonly #delivery: Delivery;
  readonly #coordination: Coordination;
  readonly #records: PaymentRecords;
  readonly #payments: Payments;
  readonly #coordinator: Coordinator;
  readonly #settlement: Settlement;
  readonly #lastSeen = new Map<NodeId, number>();
  readonly #signers = new Map<RequestId, readonly NodeId[]>();
  readonly #attemptRequests = new Map<string, RequestId>();
  #wallet: WalletView | null = null;
  #sweeper: Timer | null = null;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    const { transport, clock } = parts;
    const mailbox = new Mailbox((error) => this.#report(error));
    const slowLane = new Mailbox((error) => this.#report(error));
    this.#delivery = new Delivery({ transport, clock });
    this.#coordination = parts.coordination(this.#delivery);
    this.#context = {
      ...parts,
      mailbox,
      slowLane,
      isUp: (node) => transport.isUp(node),
      act: (events) => this.#act(events),
      submit: (events) => mailbox.run(() => this.#act(events)),
      audit: async (action, subject, detail = {}) => {
        await parts.store.audit.append({ atMs: clock.nowMs(), actor: parts.self, action, subject, detail });
      },
    };
    this.#records = new PaymentRecords(this.#context);
    const wallet = (): WalletView | null => this.#wallet;
    this.#payments = new Payments(this.#context, this.#records, wallet);
    this.#settlement = new Settlement(this.#context, this.#records, wallet);
    this.#coordinator = new Coordinator(this.#context, async (request, reason) => {
      await this.#records.apply(request, { kind: "retriesExhausted" }, { reason });
    });
  }

  /** Rebuild custody's view from the store, join the network, and go on with whatever was under way. */
  async start(): Promise<void> {
    const { custody, store, transport, clock } = this.#parts;
    await this.#adoptKeys();
    await this.#recall();
    await this.#coordination.start((wire) => this.#heard(wire));
    await transport.start({
      frame: (from, frame) => this.#arrived(from, frame),
      link: (peer, up) => this.#link(peer, up),
    });
    const statements = await Promise.all(this.#parts.roster.nodes.map(({ id }) => store.nodes.get(id)));
    const wires = statements.flatMap((status) => (status?.detail ? [fromHex(status.detail)] : []));
    await this.#context.submit(await custody.start(clock.nowMs(), wires));
    await this.#context.mailbox.run(() => this.#coordinator.resume());
    await this.#context.mailbox.run(() => this.#settlement.resume());
    this.#sweep();
  }

  /** Take nothing more in, let what is under way end, close every port but the shared ones. */
  async stop(): Promise<void> {
    this.#sweeper?.cancel();
    this.#coordinator.stop();
    this.#settlement.stop();
    this.#delivery.stop();
    await this.#coordination.close();
    await this.#parts.transport.close();
    await this.#context.slowLane.close();
    await this.#context.mailbox.close();
    await this.#parts.custody.close();
    await this.#parts.store.close();
  }

  // What an API or an operator asks.

  /** Throws what `Payments.create` throws. */
  createPayment(wish: PaymentWish): Promise<RequestId> {
    return this.#context.slowLane.run(() => this.#payments.create(wish));
  }

  /** Ask the cluster to make its wallet key, unless a request to do so is known. */
  async requestWalletKey(): Promise<void> {
    const { roster, network, threshold, quorum, self, ledger } = this.#parts;
    const height = ledger.height();
    const request: KeygenRequestBody = {
      kind: "keygen",
      cluster: roster.cluster,
      idempotencyKey: `wallet/${network}/1`,
      origin: self,
      height,
      expiresHeight: height + KEYGEN_EXPIRY_STEPS,
      scheme: "frost-secp256k1-taproot",
      purpose: `wallet/${network}`,
      threshold,
      quorum,
    };
    const known = await this.#parts.store.requests.byIdempotencyKey(request.idempotencyKey);
    if (known !== undefined) return;
    const proposal = proposalCodec.encode({ request, revision: null });
    await this.#context.submit(await this.#parts.custody.propose(this.#parts.clock.nowMs(), proposal));
  }

  get wallet(): WalletView | null {
    return this.#wallet;
  }

  async balance(): Promise<WalletBalance> {
    if (this.#wallet === null) throw new WalletNotReady("the cluster has no wallet key yet");
    const held = await this.#parts.custody.lockedCoins(this.#wallet.keyId);
    return this.#wallet.balance(new Set(held.map(({ outpoint }) => outpoint)));
  }

  /** How many payments this node knows of, counted up to a page. */
  async payments(): Promise<number> {
    return (await this.#parts.store.transactions.list({ limit: 1 })).rows.length;
  }

  /** A payment's row. Throws `RangeError` for one that this node does not know. */
  async payment(id: string): Promise<StoredTransaction> {
    const row = await this.#parts.store.transactions.get(id as RequestId);
    if (row === undefined) throw new RangeError(`this node knows no payment ${id}`);
    return row;
  }

  /** Nodes that signed a payment, as far as this process saw it. */
  signersOf(request: RequestId): readonly NodeId[] {
    return this.#signers.get(request) ?? [];
  }

  async cluster(): Promise<ClusterView> {
    const { roster, threshold: t, quorum: q, ledger } = this.#parts;
    const { keys, sealed, ready } = await this.#parts.custody.status();
    const views = await this.nodes();
    const online = views.filter(({ status }) => status === "online");
    const missing = views.filter(({ status }) => status !== "online");
    const reasons = missing.map(({ name, status }) => `${name} is ${status}`);
    if (sealed !== null) reasons.push(`this node does not vote or sign: ${sealed}`);
    else if (!ready) reasons.push("this node waits for its peers to confirm its journal");
    const needed = Math.max(t, q);
    const halted = online.length < needed;
    if (halted)
      reasons.unshift(
        `${online.length} of ${roster.nodes.length} nodes can vote and sign, ${needed} are needed: payments wait until more are back`,
      );
    return {
      status: halted ? "halted" : reasons.length > 0 ? "degraded" : "ok",
      reasons,
      n: roster.nodes.length,
      t,
      q,
      f: toleratedFaults(roster.nodes.length),
      online: online.length,
      height: ledger.height(),
      keyIds: keys.map(({ key }) => toHex(key)),
    };
  }

  async nodes(): Promise<readonly NodeView[]> {
    const { roster, custody, clock, transport, self } = this.#parts;
    const { bans } = await custody.status();
    const banned = bannedAt(bans, clock.nowMs());
    return roster.nodes.map(({ id, name }, i) => {
      const up = id === self || transport.isUp(id);
      return {
        index: i + 1,
        id,
        name,
        self: id === self,
        status: banned.has(id) ? ("banned" as const) : up ? ("online" as const) : ("offline" as const),
        lastSeenMs: id === self ? clock.nowMs() : (this.#lastSeen.get(id) ?? null),
        ban: bans.find(({ node }) => node === id) ?? null,
      };
    });
  }

  /** The chain may have moved: look at payments now. */
  chainMoved(): void {
    this.#settlement.lookNow();
  }

  // What arrives.

  #arrived(from: NodeId, frame: Uint8Array): void {
    this.#lastSeen.set(from, this.#parts.clock.nowMs());
    const wire = this.#delivery.receive(from, frame);
    if (wire !== null) this.#heard(wire);
  }

  #heard(wire: Uint8Array): void {
    this.#context.mailbox.post(async () => {
      await this.#act(await this.#parts.custody.receive(this.#parts.clock.nowMs(), wire));
    });
  }

  #link(peer: NodeId, up: boolean): void {
    this.#parts.notify({ kind: "link", node: peer, up });
    if (!up) return;
    this.#lastSeen.set(peer, this.#parts.clock.nowMs());
    this.#delivery.linkUp(peer);
    this.#context.mailbox.post(async () => {
      await this.#republish(peer);
      await this.#coordinator.retryWaiting();
    });
  }

  /** Give a peer that came back what it may have missed. */
  async #republish(peer: NodeId): Promise<void> {
    const { store } = this.#parts;
    const open = await store.transactions.list({ limit: 100, states: OPEN_STATES });
    const latest = await store.requests.list({ limit: LATEST_REQUESTS });
    const ids = new Set([...latest.rows.map(({ id }) => id), ...open.rows.map(({ txid }) => txid)]);
    for (const id of ids) await this.#retell(id, peer, { always: true });
  }

  /** Tell a peer what this node knows of a request; unless `always`, only if that includes its result. */
  async #retell(id: RequestId, peer: NodeId, { always }: { readonly always: boolean }): Promise<void> {
    const { custody, store, clock } = this.#parts;
    const sealed = (await store.events.ofRequest(id)).find(({ result }) => result !== null)?.result ?? null;
    if (sealed === null && !always) return;
    await this.#act(await custody.republish(clock.nowMs(), requestBytes(id), peer, sealed));
  }

  // What custody says.

  async #act(events: readonly CustodyEvent[]): Promise<void> {
    for (const event of events) {
      await this.#handle(event);
      if (event.kind !== "send" && event.kind !== "close" && event.kind !== "witnessed") this.#parts.notify(event);
    }
  }

  async #handle(event: CustodyEvent): Promise<void> {
    switch (event.kind) {
      case "send":
        if (event.statement) return this.#coordination.publish(event);
        for (const to of event.to) this.#delivery.send(to, event.wire, event.topic);
        return;
      case "close":
        this.#coordination.withdraw(event.topic);
        return this.#delivery.close(event.topic);
      case "proposed":
        return this.#proposed(event);
      case "objected":
        return this.#payments.objected(event);
      case "voted":
        return this.#payments.voted(event);
      case "verdict":
        return this.#decided(event);
      case "abandoned":
        return this.#abandoned(event);
      case "joined":
        this.#attemptRequests.set(event.attemptId, requestHex(event.request));
        return this.#coordinator.joined(event);
      case "declined":
        return this.#retell(requestHex(event.request), event.node, { always: false });
      case "acked":
        return this.#coordinator.acked(event);
      case "begun":
        return this.#begun(event);
      case "progress":
        return this.#coordinator.progress(event);
      case "aborted":
        return this.#coordinator.aborted(event);
      case "signed":
        return this.#signed(event);
      case "keyPending":
        return this.#coordinator.keyPending();
      case "keyActive":
        await this.#adoptKeys();
        await this.#context.audit("key.active", toHex(event.key));
        return this.#coordinator.keyActive();
      case "released":
        return this.#context.audit("lock.released", requestHex(event.request), { reason: event.reason });
      case "violation":
        return this.#violated(event);
      case "witnessed":
        return this.#witnessed(event);
      case "ready":
        await this.#payments.reconsider();
        return this.#coordinator.retryWaiting();
      case "sealed":
        return this.#context.audit("custody.sealed", this.#parts.self, { reason: event.reason });
      case "dropped":
        return;
    }
  }

  async #proposed(event: Extract<CustodyEvent, { kind: "proposed" }>): Promise<void> {
    await this.#payments.proposed(event);
    const { request } = proposalCodec.decode(event.proposal);
    if (request.kind === "keygen") await this.#coordinator.add("KEYGEN", requestHex(event.request), 0, 0);
  }

  async #decided(event: Extract<CustodyEvent, { kind: "verdict" }>): Promise<void> {
    await this.#payments.verdict(event);
    if (event.verdict !== "approved") return;
    await this.#coordinator.add("SIGN", requestHex(event.request), event.revision, event.round);
  }

  async #abandoned({ request, revision, node, dead }: Extract<CustodyEvent, { kind: "abandoned" }>): Promise<void> {
    await this.#context.audit("revision.abandoned", requestHex(request), { revision, node, dead });
    const latest = (await this.#parts.store.requests.revisions(requestHex(request))).at(-1)?.number;
    const state = (await this.#records.status(requestHex(request)))?.state;
    // While the votes go on, or are being repeated with other coins, a dead revision decides nothing.
    if (state === undefined || state === "pending" || state === "voting") return;
    if (dead && revision === latest) await this.#records.apply(requestHex(request), { kind: "abandonedByQuorum" });
  }

  async #begun(event: Extract<CustodyEvent, { kind: "begun" }>): Promise<void> {
    this.#coordinator.begun(event);
    const request = this.#attemptRequests.get(event.attemptId);
    if (request === undefined) return;
    this.#signers.set(request, event.signers);
    const status = await this.#records.status(request);
    if (status !== undefined) await this.#records.apply(request, { kind: "signingStarted" });
  }

  async #signed(event: Extract<CustodyEvent, { kind: "signed" }>): Promise<void> {
    if (event.signers.length > 0) this.#signers.set(requestHex(event.request), event.signers);
    const atOnce = this.#coordinator.coordinates(requestHex(event.request));
    await this.#coordinator.signed(event);
    await this.#settlement.signed(event, { atOnce });
  }

  async #violated({ node, violation, evidence }: Extract<CustodyEvent, { kind: "violation" }>): Promise<void> {
    const { store, clock } = this.#parts;
    await store.violations.insert({
      node,
      type: violation,
      request: null,
      evidence,
      detectedAtMs: clock.nowMs(),
      actionTaken: "banned",
    });
    await this.#context.audit("node.banned", node, { violation });
    await this.#coordinator.retryWaiting();
  }

  async #witnessed({ node, wire }: Extract<CustodyEvent, { kind: "witnessed" }>): Promise<void> {
    await this.#parts.store.nodes.set({
      node,
      lastSeenMs: this.#parts.clock.nowMs(),
      status: "online",
      detail: toHex(wire),
    });
  }

  /** A new active key of our network becomes the wallet. */
  async #adoptKeys(): Promise<void> {
    const { custody, chain, store, network } = this.#parts;
    for (const { key, record } of (await custody.status()).keys) {
      const wallet = walletOfKey(viewKey(record), network);
      if (wallet === null || this.#wallet !== null) continue;
      this.#wallet = new WalletView({ wallet, keyId: key, chain, addresses: store.addresses });
    }
  }

  /** Hand custody what the store kept of every request that is not settled. Custody verifies all of it again. */
  async #recall(): Promise<void> {
    const { custody, store, clock } = this.#parts;
    const { rows } = await store.requests.list({ limit: 500 });
    for (const stored of rows.toReversed()) {
      const request = requestCodec.decode(stored.body);
      const revisions = await store.requests.revisions(stored.id);
      const proposals = [null, ...revisions].map((revision) =>
        proposalCodec.encode({ request, revision: revision && revisionCodec.decode(revision.body) }),
      );
      const votes: Uint8Array[] = [];
      for (const { id } of await store.votes.rounds(stored.id)) {
        votes.push(...(await store.votes.list(id)).map(({ bytes }) => bytes));
      }
      const events = await custody.recall(clock.nowMs(), { proposals, votes, abandons: [] });
      await this.#context.submit(events.filter(({ kind }) => kind === "verdict"));
      await this.#recallSigners(stored.id);
      await this.#resumeVote(stored.id, requestId(request), revisions.at(-1)?.number);
    }
  }

  async #recallSigners(id: RequestId): Promise<void> {
    const { custody, store, clock } = this.#parts;
    for (const { result } of await store.events.ofRequest(id)) {
      const events = result === null ? [] : await custody.recallResult(clock.nowMs(), result);
      for (const event of events) if (event.kind === "signed") this.#signers.set(id, event.signers);
    }
  }

  /** A request that was taken in but not voted on when the process died. */
  async #resumeVote(id: RequestId, bytes: Uint8Array, revision: number | undefined): Promise<void> {
    const status = await this.#records.status(id);
    if (revision === undefined || status === undefined) return;
    if (status.state === "pending") await this.#records.apply(id, { kind: "votingOpened" });
    // Also after an approval: should one of its voters turn out a liar, every further yes counts.
    if (OPEN_TO_VOTES.has(status.state)) this.#payments.consider(bytes, revision);
  }

  /** Now and then: vote on what waits, expire what is over, look again at what stalls. */
  #sweep(): void {
    const { clock, timings } = this.#parts;
    this.#sweeper = clock.schedule(timings.sweepMs, () => {
      this.#context.mailbox.post(async () => {
        await this.#payments.reconsider();
        await this.#coordinator.retryWaiting();
        await this.#expireOld();
      });
      this.#sweep();
    });
  }

  async #expireOld(): Promise<void> {
    const { store, clock, custody } = this.#parts;
    const { rows } = await store.transactions.list({
      limit: 100,
      states: ["pending", "voting", "approved", "signing"],
    });
    for (const { txid } of rows) {
      const stored = await store.requests.get(txid);
      if (stored === undefined || stored.expiresAtMs > clock.nowMs()) continue;
      await this.#records.apply(txid, { kind: "deadlinePassed" }, { reason: "expired before it was signed" });
      for (const { number } of await store.requests.revisions(txid)) {
        await this.#act(await custody.abandon(clock.nowMs(), requestBytes(txid), number));
      }
    }
  }

  #report(error: unknown): void {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.#parts.notify({ kind: "problem", message });
  }
}
