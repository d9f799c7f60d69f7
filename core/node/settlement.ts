/** From a complete signature to a buried transaction: second opinion, broadcast, confirmations, release of locks. */
import type { PaymentView } from "@conclave/bitcoin";
import type { CustodyEvent } from "@conclave/custody";
import { ChainUnreachable, isOfTheChain, type Position, type Tip } from "./chain-port.ts";
import type { Context } from "./context.ts";
import type { Timer } from "./ports.ts";
import type { PaymentViews } from "./payment-views.ts";
import { requestHex, type PaymentRecords } from "./records.ts";
import { Follower } from "./settlement/follow.ts";
import { rivalOf, type Rival } from "./settlement/rivals.ts";
import { newlyWatched, type Watched } from "./settlement/watched.ts";
import type { RequestId } from "./store/ids.ts";
import type { Cursor } from "./store/pages.ts";
import type { StoredTransaction, TransactionState } from "./store/transactions.ts";

/** States in which the chain is asked about a payment whatever its age. */
const WATCHED: readonly TransactionState[] = ["signed", "broadcasting"];
/** States without a known signature in which a payment may still turn out to be paid. */
const UNSIGNED: readonly TransactionState[] = [
  "voting",
  "approved",
  "signing",
  "unresolved",
  "rejected",
  "aborted_timeout",
];
/** As many of them as are sought at each look, in turn: a question to the chain each. */
const SOUGHT_AT_ONCE = 50;
const PAGE = 500;
/** A payment this deep is not looked at any more. */
const FORGET_DEPTH = 100;
const HOUR_MS = 3_600_000;
/** Blocks come every ten minutes or so: of sixty million gaps one is as long as this. */
const STALE_TIP_MS = 3 * HOUR_MS;
/** Looks after which every payment is asked about, whatever the tip says: servers have several backends that differ. */
const WHOLE_LOOK_EVERY = 20;

const APPROVED: ReadonlySet<TransactionState> = new Set(["approved", "signing"]);
/** States in which the nodes are about to have the signature themselves: the chain is not asked before they had their time. */
const UNDER_WAY: ReadonlySet<TransactionState> = new Set(["voting", "approved", "signing"]);

/** A payment that may be on the chain. */
interface Sought {
  readonly id: RequestId;
  readonly state: TransactionState;
  readonly view: PaymentView;
}

export class Settlement {
  readonly #context: Context;
  readonly #records: PaymentRecords;
  readonly #views: PaymentViews;
  readonly #follower: Follower;
  readonly #guard: (() => Promise<void>) | null;
  readonly #watched = new Map<RequestId, Watched>();
  /** Troubles of payments without a known signature. */
  readonly #troubles = new Map<RequestId, string>();
  #soughtAfter: Cursor | null = null;
  #tip: Tip | null = null;
  #looks = 0;
  /** When the wallet's coins were last looked at. */
  #guardedMs = -Infinity;
  #timer: Timer | null = null;
  /** A look waits for its turn on the slow lane. */
  #isLookWaiting = false;
  /** In the look under way the operator has heard already that the server does not answer. */
  #isSilenceTold = false;
  #stopped = false;

  /** `guard`: what else is looked at whenever the chain is. */
  constructor(
    context: Context,
    records: PaymentRecords,
    views: PaymentViews,
    guard: (() => Promise<void>) | null = null,
  ) {
    this.#context = context;
    this.#records = records;
    this.#views = views;
    this.#guard = guard;
    this.#follower = new Follower({ context, records, views });
  }

  /** What an operator should know of the chain and of payments that it does not take as it should, a sentence each. */
  troubles(): readonly string[] {
    const followed = [...this.#watched.values()].flatMap(({ trouble }) => trouble ?? []);
    return [...this.#staleness(), ...followed, ...this.#troubles.values()];
  }

  /** On a network whose blocks come by themselves, a server that shows none is behind, or hides them. */
  #staleness(): readonly string[] {
    const { clock, network } = this.#context;
    if (this.#tip === null || network === "regtest") return [];
    const ageMs = clock.nowMs() - this.#tip.time * 1_000;
    if (ageMs < STALE_TIP_MS) return [];
    const hours = Math.floor(ageMs / HOUR_MS);
    return [`the chain's server shows no block of the last ${hours} hours: see whether it is in step with the network`];
  }

  /** After a restart: watch every payment whose signature is known. */
  async resume(): Promise<void> {
    const { transactions } = this.#context.store;
    for (let after: Cursor | null | undefined; after !== null;) {
      const page = await transactions.list({ limit: PAGE, states: WATCHED, ...(after && { after }) });
      for (const row of page.rows) this.#watch(row);
      after = page.next;
    }
    // Newest first: beyond a page of which none is to be watched there is none.
    for (let after: Cursor | null | undefined; after !== null;) {
      const page = await transactions.list({ limit: PAGE, states: ["confirmed"], ...(after && { after }) });
      const recent = page.rows.filter((row) => this.#watch(row));
      after = recent.length === 0 ? null : page.next;
    }
    this.#schedule(0);
  }

  #watch({ txid, bitcoinTxid, signedTx, confirmations }: StoredTransaction): boolean {
    if (bitcoinTxid === null || signedTx === null || confirmations >= FORGET_DEPTH) return false;
    if (!this.#watched.has(txid)) this.#watched.set(txid, newlyWatched(txid, bitcoinTxid, signedTx));
    return true;
  }

  /** A complete transaction: check it by other code, keep it, and broadcast it at once or after a grace. */
  async signed(
    { request, revision, rawTx }: Extract<CustodyEvent, { kind: "signed" }>,
    { atOnce }: { readonly atOnce: boolean },
  ): Promise<void> {
    const id = requestHex(request);
    const view = await this.#views.find(id, revision);
    if (view === null || !(await this.#complete(id, view, rawTx))) return;
    if (atOnce) this.#context.slowLane.post(() => this.#follower.broadcast(this.#watched.get(id)!));
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
    this.#watched.set(id, newlyWatched(id, txid, rawTx));
    this.#troubles.delete(id);
    return true;
  }

  /**
   * Payments that this node holds no signature of may be on the chain nevertheless: others completed them and are gone. Or
   * their coins went elsewhere, and they never will be.
   */
  async #seek(tip: Tip): Promise<void> {
    const after = this.#soughtAfter;
    const { rows, next } = await this.#context.store.transactions.list({
      limit: SOUGHT_AT_ONCE,
      states: UNSIGNED,
      ...(after && { after }),
    });
    this.#soughtAfter = next;
    for (const id of this.#troubles.keys())
      if ((await this.#records.status(id))?.state !== "unresolved") this.#troubles.delete(id);
    for (const row of rows) {
      if (row.state === "unresolved") await this.#alone(() => this.#seekRivals(row.txid, tip));
      if (!this.#isDue(row)) continue;
      for (const sought of await this.#viewsOf([row])) await this.#alone(() => this.#seekOne(sought));
    }
  }

  async #seekOne(sought: Sought): Promise<void> {
    const { chain, mailbox } = this.#context;
    const { id, view } = sought;
    if ((await chain.status(view.txid)) === null || !(await this.#isIt(sought))) return;
    const rawTx = await chain.rawTransaction(view.txid);
    if (rawTx !== null) await mailbox.run(() => this.#complete(id, view, rawTx));
  }

  #isDue({ state, createdAtMs }: StoredTransaction): boolean {
    const { clock, timings } = this.#context;
    return !UNDER_WAY.has(state) || clock.nowMs() - createdAtMs >= timings.resultDeadlineMs;
  }

  /** A request is over only when none of its revisions can be completed: partial signatures may be out for any. */
  async #seekRivals(id: RequestId, tip: Tip): Promise<void> {
    const revisions = await this.#viewsOf([{ txid: id, state: "unresolved" }]);
    const rivals: Rival[] = [];
    for (const { view } of revisions) {
      const coins = view.inputs.map(({ outpoint }) => outpoint);
      const rival = await rivalOf(this.#context.chain, view.txid, coins);
      if (rival !== null && revisions.every((other) => other.view.txid !== rival.txid)) rivals.push(rival);
    }
    if (rivals.length < revisions.length || rivals.length === 0) this.#troubles.delete(id);
    else this.#troubles.set(id, await this.#follower.overtaken(id, rivals, tip));
  }

  async #viewsOf(rows: readonly Pick<StoredTransaction, "txid" | "state">[]): Promise<readonly Sought[]> {
    const sought: Sought[] = [];
    for (const { txid: id, state } of rows) {
      for (const { number } of await this.#context.store.requests.revisions(id)) {
        const view = await this.#views.find(id, number);
        if (view !== null) sought.push({ id, state, view });
      }
    }
    return sought;
  }

  /**
   * Two requests for the same thing may have chosen the same coins, and then they are the same transaction; at most one of
   * them was approved, and it alone is paid by it.
   */
  async #isIt({ id, state, view }: Sought): Promise<boolean> {
    if ([...this.#watched.values()].some(({ request, txid }) => txid === view.txid && request !== id)) return false;
    const rivals: Sought[] = [];
    for (let after: Cursor | null | undefined; after !== null;) {
      const page = await this.#context.store.transactions.list({
        limit: PAGE,
        states: UNSIGNED,
        ...(after && { after }),
      });
      const sought = await this.#viewsOf(page.rows);
      rivals.push(...sought.filter((other) => other.id !== id && other.view.txid === view.txid));
      after = page.next;
    }
    return rivals.length === 0 || (APPROVED.has(state) && !rivals.some((other) => APPROVED.has(other.state)));
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
      this.#schedule(timings.chainPollMs);
      // However long the lane is busy, or history away, one look waits for it.
      if (this.#isLookWaiting) return;
      this.#isLookWaiting = true;
      slowLane.post(() => this.#poll());
    });
  }

  async #poll(): Promise<void> {
    this.#isLookWaiting = false;
    this.#isSilenceTold = false;
    await this.#alone(() => this.#lookAtPayments());
    await this.#alone(() => this.#watchCoins());
  }

  async #lookAtPayments(): Promise<void> {
    const tip = await this.#context.chain.tip();
    await this.#seek(tip);
    let isExtended = false;
    await this.#alone(async () => {
      isExtended = await this.#extends(tip);
    });
    for (const watched of this.#watched.values()) await this.#alone(() => this.#look(watched, tip, isExtended));
    this.#tip = tip;
  }

  async #watchCoins(): Promise<void> {
    const { clock, timings } = this.#context;
    if (clock.nowMs() - this.#guardedMs < timings.guardMs) return;
    this.#guardedMs = clock.nowMs();
    await this.#guard?.();
  }

  /**
   * A server that lies about one payment, refuses to speak of it or says nothing does not keep this node from the others, nor from
   * its coins. One that is away is asked on all the same: whoever asks it knows when it rests.
   */
  async #alone(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!isOfTheChain(error)) throw error;
      if (error instanceof ChainUnreachable) {
        if (this.#isSilenceTold) return;
        this.#isSilenceTold = true;
      }
      this.#context.notify({ kind: "problem", message: `${error.name}: ${error.message}` });
    }
  }

  /** Whether every block that was there at the last look is there still: then whatever was in one still is. */
  async #extends(tip: Tip): Promise<boolean> {
    const before = this.#tip;
    this.#looks += 1;
    if (before === null || this.#looks % WHOLE_LOOK_EVERY === 0 || tip.height < before.height) return false;
    if (tip.hash === before.hash) return true;
    return (await this.#context.chain.header(before.height))?.hash === before.hash;
  }

  async #look(watched: Watched, tip: Tip, isExtended: boolean): Promise<void> {
    const { block } = watched;
    const known: Position | null =
      isExtended && block !== null && watched.provenDepth > 0 && block.height <= (this.#tip?.height ?? -1)
        ? { kind: "confirmed", height: block.height, blockHash: block.hash, blockTime: block.time }
        : null;
    const position = known ?? (await this.#context.chain.status(watched.txid));
    await this.#follower.look(watched, position, tip);
    if (watched.released && block !== null && tip.height - block.height + 1 >= FORGET_DEPTH)
      this.#watched.delete(watched.request);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}
