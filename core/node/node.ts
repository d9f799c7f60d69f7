/**
 * LIVENESS. One node of the cluster: moves envelopes, asks custody for votes and sessions, follows payments to the chain.
 * It can delay a signature and never cause one: whatever it does wrong, custody refuses what was not approved.
 */
import { fromHex } from "@conclave/bytes";
import type { NetworkName, PaymentPolicy, SecondOpinion } from "@conclave/bitcoin";
import type { NodeId, Roster } from "@conclave/consensus";
import { requestCodec, viewKey, type CustodyPort, type KeygenRequestBody, type Request } from "@conclave/custody";
import { Accounts, schemeOf, type Account } from "./accounts.ts";
import { Bans } from "./bans.ts";
import type { BitcoinChain } from "./chain-port.ts";
import { Checkpointing } from "./checkpointing.ts";
import { viewCluster, viewNodes, type ClusterView, type NodeView } from "./cluster-view.ts";
import { auditRecord, type Context, type Notice } from "./context.ts";
import { Coordinator } from "./coordinator.ts";
import { CustodyNews } from "./custody-news.ts";
import { DeadEdges } from "./dead-edges.ts";
import { Delivery } from "./delivery.ts";
import { Expiry } from "./expiry.ts";
import { Inbox } from "./inbox.ts";
import { KeyRequests, type KeyListing, type KeyUnderWay, type KeyWish } from "./key-requests.ts";
import { Mailbox } from "./mailbox.ts";
import { ManualApprovals } from "./manual-approvals.ts";
import { Messages, type MessageWish } from "./messages.ts";
import { PaymentViews } from "./payment-views.ts";
import { Payments, WalletNotReady, type PaymentWish } from "./payments.ts";
import type { Clock, Coordination, Ledger, Messenger, Timer, Transport } from "./ports.ts";
import { recall, recentRequests } from "./recall.ts";
import { Reactions } from "./reactions.ts";
import { PaymentRecords } from "./records.ts";
import { CoinGuard } from "./settlement/coin-guard.ts";
import { Freezes, type Acknowledgement, type Freeze } from "./settlement/freezes.ts";
import { Settlement } from "./settlement.ts";
import type { RequestId } from "./store/ids.ts";
import type { StoredMessage } from "./store/messages.ts";
import type { Store } from "./store/port.ts";
import type { StoredTransaction } from "./store/transactions.ts";
import type { Timings } from "./timings.ts";
import { WalletView, walletOfKey, type WalletBalance, type WalletViewParts } from "./wallet.ts";

export interface NodeParts {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly network: NetworkName;
  readonly threshold: number;
  readonly quorum: number;
  /** As in this node's custody: whether it signs hashes whose preimage it does not see. */
  readonly rawDigests: boolean;
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
  /** How addresses are derived, where many nodes of one wallet live in one process. */
  readonly derive?: WalletViewParts["derive"];
}

export class ConclaveNode {
  /** Payments that wait for operators, and what this node's own says to them. */
  readonly approvals: ManualApprovals;
  readonly #parts: NodeParts;
  readonly #context: Context;
  readonly #news: CustodyNews;
  readonly #inbox: Inbox;
  readonly #delivery: Delivery;
  readonly #coordination: Coordination;
  readonly #records: PaymentRecords;
  readonly #accounts = new Accounts();
  readonly #payments: Payments;
  readonly #messages: Messages;
  readonly #bans: Bans;
  readonly #checkpointing: Checkpointing;
  readonly #keys: KeyRequests;
  readonly #deadEdges: DeadEdges;
  readonly #coordinator: Coordinator;
  readonly #settlement: Settlement;
  readonly #expiry: Expiry;
  readonly #freezes: Freezes;
  readonly #reactions: Reactions;
  readonly #lastSeen = new Map<NodeId, number>();
  /** When a node that is away was last heard: what came since then, it lacks. */
  readonly #goneSince = new Map<NodeId, number>();
  readonly #signers = new Map<RequestId, readonly NodeId[]>();
  #sweeper: Timer | null = null;
  /** Of the frame that is being received. */
  #isMalformed = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    const { transport, clock } = parts;
    this.#news = new CustodyNews(parts);
    this.#deadEdges = new DeadEdges(parts.roster.nodes.map(({ id }) => id));
    const mailbox = new Mailbox((error) => this.#report(error));
    const slowLane = new Mailbox((error) => this.#report(error));
    this.#inbox = new Inbox({ mailbox, clock, read: (wire) => this.#read(wire) });
    this.#delivery = new Delivery({
      transport,
      clock,
      hasRoom: (from, length) => this.#inbox.hasRoom(from, length),
      malformed: () => {
        this.#isMalformed = true;
      },
    });
    this.#coordination = parts.coordination(this.#delivery);
    this.#context = {
      ...parts,
      news: this.#news,
      mailbox,
      slowLane,
      isUp: (node) => transport.isUp(node),
      frozen: (wallet) => this.#accounts.ofKey(wallet)?.frozen ?? null,
      act: (events) => this.#reactions.act(events),
      submit: (events) => mailbox.run(() => this.#reactions.act(events)),
      audit: async (action, subject, detail) => {
        await parts.store.audit.append(auditRecord(parts, action, subject, detail));
      },
    };
    this.#records = new PaymentRecords(this.#context);
    const [context, records, accounts] = [this.#context, this.#records, this.#accounts];
    const views = new PaymentViews(accounts, parts.store.requests);
    this.#payments = new Payments({ context, records, accounts, views });
    this.#messages = new Messages(context);
    const consider = (id: Uint8Array, revision: number): void => this.#payments.consider(id, revision);
    this.#bans = new Bans(context);
    this.#checkpointing = new Checkpointing(context);
    this.approvals = new ManualApprovals({ context, views, consider });
    this.#keys = new KeyRequests(context);
    this.#freezes = new Freezes(context, accounts);
    const guard = new CoinGuard({ context, accounts, views, freezes: this.#freezes });
    this.#settlement = new Settlement(context, records, views, () => guard.look());
    this.#expiry = new Expiry(context, records);
    this.#coordinator = new Coordinator(context, async (request, reason) => {
      await records.apply(request, { kind: "retriesExhausted" }, { reason });
      await this.#messages.failed(request, reason);
      await this.#rekeyFailed(request);
    });
    this.#reactions = new Reactions({
      context: this.#context,
      delivery: this.#delivery,
      coordination: this.#coordination,
      records: this.#records,
      payments: this.#payments,
      messages: this.#messages,
      approvals: this.approvals,
      bans: this.#bans,
      checkpointing: this.#checkpointing,
      deadEdges: this.#deadEdges,
      coordinator: this.#coordinator,
      settlement: this.#settlement,
      signers: this.#signers,
      adoptKeys: () => this.#adoptKeys(),
    });
  }

  /** Rebuild custody's view from the store, join the network, and go on with whatever was under way. */
  async start(): Promise<void> {
    const { custody, store, transport, clock } = this.#parts;
    await this.#adoptKeys();
    await this.#recallEdges();
    await this.#bans.recall();
    await this.#freezes.resume();
    await recall({
      context: this.#context,
      records: this.#records,
      payments: this.#payments,
      messages: this.#messages,
      signers: this.#signers,
      finished: (event) =>
        event.kind === "signed" ? this.#settlement.signed(event, { atOnce: false }) : this.#messages.signed(event),
    });
    await this.#coordination.start((wire) => this.#readInTurn(wire));
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
    return this.#takeIn(() => this.#payments.create(wish));
  }

  /** Throws what `Messages.create` throws. */
  signMessage(wish: MessageWish): Promise<RequestId> {
    return this.#takeIn(() => this.#messages.create(wish));
  }

  /** A message's row. Throws `RangeError` for one that this node does not know. */
  async message(id: string): Promise<StoredMessage> {
    const row = await this.#parts.store.messages.get(id as RequestId);
    if (row === undefined) throw new RangeError(`this node knows no message ${id}`);
    return row;
  }

  /** Ask the cluster to make a key of its wallet, unless a request to do so is known. */
  requestWalletKey(scheme: KeygenRequestBody["scheme"]): Promise<RequestId> {
    return this.requestKey({ purpose: "wallet", scheme });
  }

  /** The same for the key of one of its accounts. */
  requestAccount(account: Account): Promise<RequestId> {
    return this.requestWalletKey(schemeOf(account));
  }

  /** Ask the cluster for a key, unless one of this name is there or under way. */
  requestKey(wish: KeyWish): Promise<RequestId> {
    return this.#takeIn(() => this.#keys.ask(wish));
  }

  /** Active keys that this node holds a share of. */
  keys(): Promise<readonly KeyListing[]> {
    return this.#keys.list();
  }

  /** Keys that were asked for and are not there. */
  keysUnderWay(): Promise<readonly KeyUnderWay[]> {
    return this.#keys.underWay();
  }

  /** Have two nodes make their edge of a key anew. Throws `RekeyRefused`. */
  rekey(key: Uint8Array, a: NodeId, b: NodeId): Promise<RequestId> {
    return this.#takeIn(() => this.#keys.rekey(key, a, b));
  }

  /** Have signatures with a key for messages prepared, 1 to 20. Throws `PresignRefused`. */
  presign(key: Uint8Array, count: number): Promise<RequestId> {
    return this.#takeIn(() => this.#keys.presign(key, count));
  }

  /** The wallet's accounts that have a key. */
  get accounts(): readonly WalletView[] {
    return this.#accounts.all();
  }

  /** An account of the wallet; null while it has no key. */
  account(account: Account): WalletView | null {
    return this.#accounts.get(account) ?? null;
  }

  /** What each account holds. Throws `WalletNotReady` while there is none. */
  async balances(): Promise<readonly (WalletBalance & { readonly account: Account })[]> {
    const accounts = this.#accounts.all();
    if (accounts.length === 0) throw new WalletNotReady("the cluster has no wallet key yet");
    return Promise.all(
      accounts.map(async (view) => {
        const held = await this.#parts.custody.lockedCoins(view.keyId);
        return { account: view.account, ...(await view.balance(new Set(held.map(({ outpoint }) => outpoint)))) };
      }),
    );
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

  /** What this node convicted others of, as a file that anybody can judge offline. */
  exportEvidence(): Promise<{ readonly cases: number; readonly file: string }> {
    return this.#parts.custody.exportEvidence(this.#parts.clock.nowMs());
  }

  /** Nodes that signed a payment or a message, as far as this process saw it. */
  signersOf(request: RequestId): readonly NodeId[] {
    return this.#signers.get(request) ?? [];
  }

  /** Whether the cluster can sign, and if not, why. */
  cluster(): Promise<ClusterView> {
    return viewCluster(this.#context, this.#lastSeen, {
      deadEdges: this.#deadEdges.all(),
      accounts: this.#accounts.all(),
      payments: this.#settlement.troubles(),
    });
  }

  nodes(): Promise<readonly NodeView[]> {
    return viewNodes(this.#context, this.#lastSeen);
  }

  /** Accounts that do nothing because somebody spent their coins and nobody knows why. */
  freezes(): readonly Freeze[] {
    return this.#freezes.list();
  }

  /** An operator has looked at such a spend: the account goes on, and the audit log says who decided it. Throws `NotFrozen`. */
  async acknowledgeSpend(acknowledgement: Acknowledgement): Promise<void> {
    await this.#freezes.acknowledge(acknowledgement);
    await this.#context.mailbox.run(() => this.#coordinator.retryWaiting());
  }

  /** The chain may have moved: look at payments now. */
  chainMoved(): void {
    this.#settlement.lookNow();
  }

  /** What a client is told of survives a power cut. It is under way already when the disk confirms it. */
  async #takeIn(work: () => Promise<RequestId>): Promise<RequestId> {
    const id = await this.#context.slowLane.run(work);
    await this.#parts.store.durable();
    return id;
  }

  // What arrives.

  /** False for what no honest peer sends. */
  #arrived(from: NodeId, frame: Uint8Array): boolean {
    this.#lastSeen.set(from, this.#parts.clock.nowMs());
    this.#isMalformed = false;
    const wire = this.#delivery.receive(from, frame);
    if (wire !== null) this.#inbox.put(from, wire);
    return !this.#isMalformed;
  }

  /** Whether custody had any use for it. */
  async #read(wire: Uint8Array): Promise<boolean> {
    const events = await this.#parts.custody.receive(this.#parts.clock.nowMs(), wire);
    await this.#reactions.act(events);
    return events.every(({ kind }) => kind !== "dropped");
  }

  /** What a coordination hands over waits for its turn; whoever hands it over waits with it. */
  async #readInTurn(wire: Uint8Array): Promise<boolean> {
    try {
      return await this.#context.mailbox.run(() => this.#read(wire));
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  #link(peer: NodeId, up: boolean): void {
    this.#parts.notify({ kind: "link", node: peer, up });
    if (!up) return void this.#goneSince.set(peer, this.#lastSeen.get(peer) ?? this.#parts.clock.nowMs());
    this.#lastSeen.set(peer, this.#parts.clock.nowMs());
    this.#delivery.linkUp(peer);
    this.#context.mailbox.post(async () => {
      await this.#republish(peer);
      await this.#coordinator.retryWaiting();
    });
  }

  /** Give a peer that came back what it may have missed. */
  async #republish(peer: NodeId): Promise<void> {
    const sinceMs = this.#goneSince.get(peer) ?? null;
    this.#goneSince.delete(peer);
    for (const { id } of await recentRequests(this.#context, sinceMs))
      await this.#reactions.retell(id, peer, { always: true });
  }

  /** A new active key that holds coins of our network becomes an account of the wallet. */
  async #adoptKeys(): Promise<void> {
    const { chain, store, network, clock, derive } = this.#parts;
    for (const { key, record } of (await this.#news.ask()).keys) {
      const found = walletOfKey(viewKey(record), network);
      if (found === null || this.#accounts.get(found.account) !== undefined) continue;
      this.#accounts.add(
        new WalletView({ ...found, keyId: key, chain, addresses: store.addresses, clock, ...(derive && { derive }) }),
      );
    }
  }

  /** Edges that this node lost are dead after a restart too; what others said of theirs, they say again when it matters. */
  async #recallEdges(): Promise<void> {
    const { self, store } = this.#parts;
    for (const { key, peer } of (await this.#news.ask()).deadEdges)
      this.#deadEdges.died(key, [self, peer], "it died before this node was started");
    for (const status of ["PENDING", "IN_PROGRESS"] as const) {
      for (const { request } of await store.events.list({ status, type: "REKEY", limit: 500 })) {
        const content = await this.#contentOf(request);
        if (content?.kind === "rekey") this.#deadEdges.asked(content.wallet, content.a, content.b);
      }
    }
  }

  async #contentOf(request: RequestId): Promise<Request | undefined> {
    const stored = await this.#parts.store.requests.get(request);
    return stored && requestCodec.decode(stored.body);
  }

  /** Now and then: vote on what waits, expire what is over, look again at what stalls. */
  #sweep(): void {
    const { clock, timings } = this.#parts;
    this.#sweeper = clock.schedule(timings.sweepMs, () => {
      this.#context.mailbox.post(async () => {
        await this.#payments.reconsider();
        await this.#messages.reconsider();
        await this.#coordinator.retryWaiting();
        await this.#expiry.sweep();
        await this.#messages.expireOld();
        await this.#checkpointing.sweep();
      });
      this.#sweep();
    });
  }

  async #rekeyFailed(id: RequestId): Promise<void> {
    const request = await this.#contentOf(id);
    if (request?.kind === "rekey") this.#deadEdges.gaveUp(request.wallet, request.a, request.b);
  }

  #report(error: unknown): void {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.#parts.notify({ kind: "problem", message });
  }
}
