/**
 * LIVENESS. One node of the cluster: moves envelopes, asks custody for votes and sessions, follows payments to the chain.
 * It can delay a signature and never cause one: whatever it does wrong, custody refuses what was not approved.
 */
import { fromHex } from "@conclave/bytes";
import type { NetworkName, PaymentPolicy, SecondOpinion } from "@conclave/bitcoin";
import type { NodeId, Roster } from "@conclave/consensus";
import { proposalCodec, viewKey, type CustodyPort, type KeygenRequestBody } from "@conclave/custody";
import type { BitcoinChain } from "./chain-port.ts";
import { viewCluster, viewNodes, type ClusterView, type NodeView } from "./cluster-view.ts";
import type { Context, Notice } from "./context.ts";
import { Coordinator } from "./coordinator.ts";
import { Delivery } from "./delivery.ts";
import { Mailbox } from "./mailbox.ts";
import { Payments, WalletNotReady, type PaymentWish } from "./payments.ts";
import type { Clock, Coordination, Ledger, Messenger, Timer, Transport } from "./ports.ts";
import { recall, recentRequests } from "./recall.ts";
import { Reactions } from "./reactions.ts";
import { PaymentRecords, requestBytes } from "./records.ts";
import { Settlement } from "./settlement.ts";
import type { RequestId } from "./store/ids.ts";
import type { Store } from "./store/port.ts";
import type { StoredTransaction } from "./store/transactions.ts";
import type { Timings } from "./timings.ts";
import { WalletView, walletOfKey, type WalletBalance } from "./wallet.ts";

/** Ledger steps within which a key generation has to succeed: a day. */
const KEYGEN_EXPIRY_STEPS = 86_400;

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

export class ConclaveNode {
  readonly #parts: NodeParts;
  readonly #context: Context;
  readonly #delivery: Delivery;
  readonly #coordination: Coordination;
  readonly #records: PaymentRecords;
  readonly #payments: Payments;
  readonly #coordinator: Coordinator;
  readonly #settlement: Settlement;
  readonly #reactions: Reactions;
  readonly #lastSeen = new Map<NodeId, number>();
  readonly #signers = new Map<RequestId, readonly NodeId[]>();
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
      act: (events) => this.#reactions.act(events),
      submit: (events) => mailbox.run(() => this.#reactions.act(events)),
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
    this.#reactions = new Reactions({
      context: this.#context,
      delivery: this.#delivery,
      coordination: this.#coordination,
      records: this.#records,
      payments: this.#payments,
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
    await recall({
      context: this.#context,
      records: this.#records,
      payments: this.#payments,
      signers: this.#signers,
    });
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

  /** Whether the cluster can sign, and if not, why. */
  cluster(): Promise<ClusterView> {
    return viewCluster(this.#parts, this.#lastSeen);
  }

  nodes(): Promise<readonly NodeView[]> {
    return viewNodes(this.#parts, this.#lastSeen);
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
      await this.#reactions.act(await this.#parts.custody.receive(this.#parts.clock.nowMs(), wire));
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
    for (const { id } of await recentRequests(this.#context)) await this.#reactions.retell(id, peer, { always: true });
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
        await this.#reactions.act(await custody.abandon(clock.nowMs(), requestBytes(txid), number));
      }
    }
  }

  #report(error: unknown): void {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.#parts.notify({ kind: "problem", message });
  }
}
