/**
 * LIVENESS. One node of the cluster: moves envelopes, asks custody for votes and sessions, follows payments to the chain.
 * It can delay a signature and never cause one: whatever it does wrong, custody refuses what was not approved.
 *
 * Its life, and what an API or an operator asks of it; what it is made of stands in `assembly.ts`.
 */
import { fromHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { KeygenRequestBody } from "@conclave/custody";
import { schemeOf, type Account } from "./accounts.ts";
import { assemble, type NodeParts, type Organs } from "./assembly.ts";
import { viewCluster, viewNodes, type ClusterView, type NodeView } from "./cluster-view.ts";
import { recallEdges } from "./edge-recall.ts";
import type { KeyListing, KeyUnderWay, KeyWish } from "./key-requests.ts";
import type { ManualApprovals } from "./manual-approvals.ts";
import type { MessageWish } from "./messages.ts";
import { WalletNotReady, type PaymentWish } from "./payments.ts";
import type { Timer } from "./ports.ts";
import { recall } from "./recall.ts";
import type { Acknowledgement, Freeze } from "./settlement/freezes.ts";
import type { RequestId } from "./store/ids.ts";
import type { StoredMessage } from "./store/messages.ts";
import type { StoredTransaction } from "./store/transactions.ts";
import type { WalletBalance, WalletView } from "./wallet.ts";

export class ConclaveNode {
  /** Payments that wait for operators, and what this node's own says to them. */
  readonly approvals: ManualApprovals;
  readonly #parts: NodeParts;
  readonly #organs: Organs;
  #sweeper: Timer | null = null;
  #isSweeping = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.#organs = assemble(parts);
    this.approvals = this.#organs.approvals;
  }

  /** Rebuild custody's view from the store, join the network, and go on with whatever was under way. */
  async start(): Promise<void> {
    const { custody, transport, clock, roster } = this.#parts;
    const { context, arrivals, coordination, payments, messages, coordinator, settlement, ...organs } = this.#organs;
    await organs.adoptKeys();
    await recallEdges(context, organs.deadEdges);
    await organs.bans.recall();
    await organs.freezes.resume();
    await recall({
      context,
      records: organs.records,
      payments,
      messages,
      signers: organs.signers,
      finished: (event) =>
        event.kind === "signed" ? settlement.signed(event, { atOnce: false }) : messages.signed(event),
    });
    await coordination.start((wire) => arrivals.statement(wire));
    await transport.start({
      frame: (from, frame) => arrivals.frame(from, frame),
      link: (peer, up) => arrivals.link(peer, up),
    });
    const statements = await Promise.all(roster.nodes.map(({ id }) => context.store.nodes.get(id)));
    const wires = statements.flatMap((status) => (status?.detail ? [fromHex(status.detail)] : []));
    await context.submit(await custody.start(clock.nowMs(), wires));
    await context.mailbox.run(() => coordinator.resume());
    await context.mailbox.run(() => settlement.resume());
    this.#sweep();
  }

  /** Take nothing more in, let what is under way end, close every port but the shared ones. */
  async stop(): Promise<void> {
    const { context, history, arrivals, coordination, coordinator, settlement } = this.#organs;
    this.#sweeper?.cancel();
    history.stop();
    coordinator.stop();
    settlement.stop();
    arrivals.delivery.stop();
    await coordination.close();
    await this.#parts.transport.close();
    await context.slowLane.close();
    await context.mailbox.close();
    await this.#parts.custody.close();
    await this.#parts.store.close();
  }

  // What an API or an operator asks.

  /** Throws what `Payments.create` throws. */
  createPayment(wish: PaymentWish): Promise<RequestId> {
    return this.#takeIn(() => this.#organs.payments.create(wish));
  }

  /** Throws what `Messages.create` throws. */
  signMessage(wish: MessageWish): Promise<RequestId> {
    return this.#takeIn(() => this.#organs.messages.create(wish));
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
    return this.#takeIn(() => this.#organs.keys.ask(wish));
  }

  /** Active keys that this node holds a share of. */
  keys(): Promise<readonly KeyListing[]> {
    return this.#organs.keys.list();
  }

  /** Keys that were asked for and are not there. */
  keysUnderWay(): Promise<readonly KeyUnderWay[]> {
    return this.#organs.keys.underWay();
  }

  /** Have two nodes make their edge of a key anew. Throws `RekeyRefused`. */
  rekey(key: Uint8Array, a: NodeId, b: NodeId): Promise<RequestId> {
    return this.#takeIn(() => this.#organs.keys.rekey(key, a, b));
  }

  /** Have signatures with a key for messages prepared, 1 to 20. Throws `PresignRefused`. */
  presign(key: Uint8Array, count: number): Promise<RequestId> {
    return this.#takeIn(() => this.#organs.keys.presign(key, count));
  }

  /** The wallet's accounts that have a key. */
  get accounts(): readonly WalletView[] {
    return this.#organs.accounts.all();
  }

  /** An account of the wallet; null while it has no key. */
  account(account: Account): WalletView | null {
    return this.#organs.accounts.get(account) ?? null;
  }

  /** What each account holds. Throws `WalletNotReady` while there is none. */
  async balances(): Promise<readonly (WalletBalance & { readonly account: Account })[]> {
    const accounts = this.#organs.accounts.all();
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
    return this.#organs.signers.get(request) ?? [];
  }

  /** Whether the cluster can sign, and if not, why. */
  cluster(): Promise<ClusterView> {
    return viewCluster(this.#organs.context, this.#organs.arrivals.lastSeen, {
      deadEdges: this.#organs.deadEdges.all(),
      accounts: this.#organs.accounts.all(),
      payments: this.#organs.settlement.troubles(),
      history: { away: this.#organs.history.absence() !== null, troubles: this.#organs.history.troubles() },
      coordination: this.#parts.coordinationTrouble?.() ?? null,
    });
  }

  nodes(): Promise<readonly NodeView[]> {
    return viewNodes(this.#organs.context, this.#organs.arrivals.lastSeen);
  }

  /** Accounts that do nothing because somebody spent their coins and nobody knows why. */
  freezes(): readonly Freeze[] {
    return this.#organs.freezes.list();
  }

  /** An operator has looked at such a spend: the account goes on, and the audit log says who decided it. Throws `NotFrozen`. */
  async acknowledgeSpend(acknowledgement: Acknowledgement): Promise<void> {
    await this.#organs.history.orAway(() => this.#organs.freezes.acknowledge(acknowledgement));
    await this.#organs.context.mailbox.run(() => this.#organs.coordinator.retryWaiting());
  }

  /** The chain may have moved: look at payments now. */
  chainMoved(): void {
    this.#organs.settlement.lookNow();
  }

  /** What a client is told of survives a power cut. It is under way already when the disk confirms it. */
  #takeIn(work: () => Promise<RequestId>): Promise<RequestId> {
    const { context, history } = this.#organs;
    return history.orAway(async () => {
      const id = await context.slowLane.run(work);
      await context.store.durable();
      return id;
    });
  }

  /** Now and then: vote on what waits, expire what is over, look again at what stalls. */
  #sweep(): void {
    const { clock, timings } = this.#parts;
    const { context, payments, messages, coordinator, expiry, checkpointing } = this.#organs;
    this.#sweeper = clock.schedule(timings.sweepMs, () => {
      // While history is away, one of them waits for it, and not one for every second.
      this.#sweep();
      if (this.#isSweeping) return;
      this.#isSweeping = true;
      context.mailbox.post(async () => {
        try {
          await payments.reconsider();
          await messages.reconsider();
          await coordinator.retryWaiting();
          await expiry.sweep();
          await messages.expireOld();
          await checkpointing.sweep();
        } finally {
          this.#isSweeping = false;
        }
      });
    });
  }
}
