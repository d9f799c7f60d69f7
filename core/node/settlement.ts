/** From a complete signature to a buried transaction: second opinion, broadcast, confirmations, release of locks. */
import type { PaymentView } from "@conclave/bitcoin";
import type { CustodyEvent } from "@conclave/custody";
import { ChainRefused, type BitcoinChain } from "./chain-port.ts";
import type { Context } from "./context.ts";
import type { Timer } from "./ports.ts";
import type { PaymentViews } from "./payment-views.ts";
import { requestBytes, requestHex, type PaymentRecords } from "./records.ts";
import type { RequestId } from "./store/ids.ts";
import type { StoredTransaction, TransactionState } from "./store/transactions.ts";

/** States in which the chain is asked about a payment. */
const WATCHED: readonly TransactionState[] = ["signed", "broadcasting", "confirmed"];
/** States without a known signature in which a payment may still turn out to be paid, and how many of the latest are sought. */
const UNSIGNED: readonly TransactionState[] = [
  "voting",
  "approved",
  "signing",
  "unresolved",
  "rejected",
  "aborted_timeout",
];
const MAX_SOUGHT = 50;
/** A payment this deep is not looked at any more. */
const FORGET_DEPTH = 100;

const APPROVED: ReadonlySet<TransactionState> = new Set(["approved", "signing"]);

/** A payment that may be on the chain. */
interface Sought {
  readonly id: RequestId;
  readonly state: TransactionState;
  readonly view: PaymentView;
}

interface Watched {
  readonly request: RequestId;
  readonly txid: string;
  readonly rawTx: Uint8Array;
  /** When this node last handed it to the chain; null: never. */
  broadcastMs: number | null;
  released: boolean;
}

export class Settlement {
  readonly #context: Context;
  readonly #records: PaymentRecords;
  readonly #views: PaymentViews;
  readonly #watched = new Map<RequestId, Watched>();
  #timer: Timer | null = null;
  #polling = false;
  #stopped = false;

  constructor(context: Context, records: PaymentRecords, views: PaymentViews) {
    this.#context = context;
    this.#records = records;
    this.#views = views;
  }

  /** After a restart: watch every payment whose signature is known. */
  async resume(): Promise<void> {
    const { rows } = await this.#context.store.transactions.list({ limit: 500, states: WATCHED });
    for (const row of rows) this.#watch(row);
    this.#schedule(0);
  }

  #watch({ txid, bitcoinTxid, signedTx, confirmations }: StoredTransaction): void {
    if (bitcoinTxid === null || signedTx === null || confirmations >= FORGET_DEPTH) return;
    this.#watched.set(txid, { request: txid, txid: bitcoinTxid, rawTx: signedTx, broadcastMs: null, released: false });
  }

  /** A complete transaction: check it by other code, keep it, and broadcast it at once or after a grace. */
  async signed(
    { request, revision, rawTx }: Extract<CustodyEvent, { kind: "signed" }>,
    { atOnce }: { readonly atOnce: boolean },
  ): Promise<void> {
    const id = requestHex(request);
    const view = await this.#views.find(id, revision);
    if (view === null || !(await this.#complete(id, view, rawTx))) return;
    if (atOnce) this.#context.slowLane.post(() => this.#broadcast(this.#watched.get(id)!));
    this.#schedule(atOnce ? this.#context.timings.chainPollMs : this.#context.timings.broadcastGraceMs);
  }

  /** From here on the payment is followed to its end. False if it is already, or if the other code objects. */
  async #complete(id: RequestId, view: PaymentView, rawTx: Uint8Array): Promise<boolean> {
    if (this.#watched.has(id)) return false;
    const { txid } = view;
    const prevouts = view.inputs.map(({ own, value }) => ({ script: own.scriptPubKey, value }));
    const objections = this.#context.secondOpinion({ rawTx, prevouts });
    if (objections.length > 0) {
      const message = `the second opinion refuses transaction ${txid}: ${objections.join("; ")}`;
      await this.#context.audit("transaction.refused-by-second-opinion", id, { objections: objections.join("; ") });
      this.#context.notify({ kind: "problem", message });
      return false;
    }
    await this.#records.apply(id, { kind: "signatureComplete" }, { signedTx: rawTx, bitcoinTxid: txid, reason: null });
    this.#watched.set(id, { request: id, txid, rawTx, broadcastMs: null, released: false });
    return true;
  }

  /** Payments that this node holds no signature of may be on the chain nevertheless: others completed them and are gone. */
  async #seek(): Promise<void> {
    const { store, chain, mailbox } = this.#context;
    const { rows } = await store.transactions.list({ limit: MAX_SOUGHT, states: UNSIGNED });
    const sought: Sought[] = [];
    for (const { txid: id, state } of rows) {
      for (const { number } of await store.requests.revisions(id)) {
        const view = await this.#views.find(id, number);
        if (view !== null) sought.push({ id, state, view });
      }
    }
    for (const { id, view } of sought.filter((candidate) => this.#mayBe(candidate, sought))) {
      if ((await chain.status(view.txid)) === null) continue;
      const rawTx = await chain.rawTransaction(view.txid);
      if (rawTx !== null) await mailbox.run(() => this.#complete(id, view, rawTx));
    }
  }

  /**
   * Two requests for the same thing may have chosen the same coins, and then they are the same transaction; at most one of
   * them was approved, and it alone is paid by it.
   */
  #mayBe({ id, state, view }: Sought, sought: readonly Sought[]): boolean {
    if ([...this.#watched.values()].some(({ request, txid }) => txid === view.txid && request !== id)) return false;
    const rivals = sought.filter((other) => other.id !== id && other.view.txid === view.txid);
    return rivals.length === 0 || (APPROVED.has(state) && !rivals.some((other) => APPROVED.has(other.state)));
  }

  async #broadcast(watched: Watched): Promise<void> {
    const { chain, clock, mailbox, notify } = this.#context;
    watched.broadcastMs = clock.nowMs();
    try {
      await chain.broadcast(watched.rawTx);
      await mailbox.run(() => this.#records.apply(watched.request, { kind: "broadcastAccepted" }));
    } catch (error) {
      if (!(error instanceof ChainRefused)) throw error;
      notify({ kind: "problem", message: `the chain refused ${watched.txid}: ${error.message}` });
      await mailbox.run(() => this.#records.apply(watched.request, { kind: "broadcastRefused" }));
    }
  }

  /** The chain moved, or may have: look at once instead of at the next poll. */
  lookNow(): void {
    this.#schedule(0);
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    const { clock, slowLane, timings } = this.#context;
    this.#timer = clock.schedule(delayMs, () => {
      slowLane.post(() => this.#poll());
      this.#schedule(timings.chainPollMs);
    });
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      await this.#seek();
      if (this.#watched.size === 0) return;
      const { height } = await this.#context.chain.tip();
      for (const watched of this.#watched.values()) await this.#look(watched, height);
    } finally {
      this.#polling = false;
    }
  }

  async #look(watched: Watched, tipHeight: number): Promise<void> {
    const { chain, clock, timings, burialDepth, requiredConfirmations, mailbox } = this.#context;
    const position = await chain.status(watched.txid);
    if (position === null) {
      await mailbox.run(() => this.#unconfirmed(watched));
      const sinceMs = clock.nowMs() - (watched.broadcastMs ?? 0);
      if (watched.broadcastMs === null || sinceMs >= timings.rebroadcastMs) await this.#broadcast(watched);
      return;
    }
    if (position.kind === "waiting") {
      await mailbox.run(async () => {
        await this.#unconfirmed(watched);
        await this.#records.apply(watched.request, { kind: "seenInMempool" });
      });
      return;
    }
    const confirmations = Math.max(1, tipHeight - position.height + 1);
    const confirmedAtMs = position.blockTime * 1_000;
    const event = { kind: "confirmed" as const, confirmations, requiredConfirmations };
    await mailbox.run(() => this.#records.apply(watched.request, event, { confirmations, confirmedAtMs }));
    if (confirmations >= burialDepth && !watched.released) await this.#release(watched, position.height, chain);
    if (confirmations >= FORGET_DEPTH) this.#watched.delete(watched.request);
  }

  /** Out of its block again: a reorganisation took it back. */
  async #unconfirmed({ request }: Watched): Promise<void> {
    const row = await this.#context.store.transactions.get(request);
    if (row === undefined || row.confirmations === 0) return;
    await this.#records.apply(request, { kind: "reorganised" }, { confirmations: 0, confirmedAtMs: null });
  }

  /** Show custody that the payment is buried, so that it lets go of the request. */
  async #release(watched: Watched, height: number, chain: BitcoinChain): Promise<void> {
    const [proof, headers] = await Promise.all([
      chain.merkleProof(watched.txid),
      chain.headers(height, this.#context.burialDepth),
    ]);
    if (proof === null) return;
    const claim = {
      rawTx: watched.rawTx,
      proof: { block_height: proof.height, merkle: [...proof.branch], pos: proof.position },
      headers: headers.map(({ raw }) => raw),
    };
    const { custody, clock, submit } = this.#context;
    const events = await custody.release(clock.nowMs(), requestBytes(watched.request), claim);
    watched.released = events.some(({ kind }) => kind === "released");
    await submit(events);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}
