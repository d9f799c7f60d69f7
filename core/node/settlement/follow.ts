/**
 * One payment on the chain, as often as it is looked at: waiting, in a block, taken out of it again, gone from the mempool, or
 * overtaken by another transaction that spends its coins. What a server says is shown; what it proves is kept.
 */
import { spends, type PaymentView } from "@conclave/bitcoin";
import { ChainRefused, type Position, type Tip } from "../chain-port.ts";
import type { Context } from "../context.ts";
import { requestBytes, type PaymentRecords } from "../records.ts";
import type { PaymentViews } from "../payment-views.ts";
import type { RequestId } from "../store/ids.ts";
import { claimOf, isProven, proves, type Claim } from "./inclusion.ts";
import { depthOf, rivalOf, type Rival } from "./rivals.ts";
import { isBroadcastDue, lowFee, type Watched } from "./watched.ts";

/** Confirmations beyond the depth that matters are kept in steps: each is a row to write on every node, for every payment. */
const CONFIRMATION_STEP = 10;

export interface FollowParts {
  readonly context: Context;
  readonly records: PaymentRecords;
  readonly views: PaymentViews;
}

export class Follower {
  readonly #parts: FollowParts;

  constructor(parts: FollowParts) {
    this.#parts = parts;
  }

  /** The payment as the chain shows it now. */
  async look(watched: Watched, position: Position | null, tip: Tip): Promise<void> {
    if (position?.kind === "confirmed") return this.#inBlock(watched, position, tip);
    await this.#parts.context.mailbox.run(() => this.#unconfirmed(watched));
    if (position === null) return this.#missing(watched, tip);
    watched.waitingSinceMs ??= this.#nowMs;
    await this.#seen(watched);
    await this.#stuck(watched);
  }

  /** Hand it to the chain. What the answer is matters little: whether it is on its way shows when it is looked for. */
  async broadcast(watched: Watched): Promise<void> {
    const { chain, notify } = this.#parts.context;
    watched.broadcastMs = this.#nowMs;
    watched.broadcasts += 1;
    try {
      await chain.broadcast(watched.rawTx);
      await this.#apply(watched, { kind: "broadcastAccepted" });
    } catch (error) {
      if (!(error instanceof ChainRefused)) throw error;
      notify({ kind: "problem", message: `the chain refused ${watched.txid}: ${error.message}` });
      await this.#apply(watched, { kind: "broadcastRefused" });
    }
  }

  /**
   * Every revision of a request that may still be completed lost a coin to another transaction: `rivals`, one for each. Not deep
   * yet: say so, and wait, since a reorganisation may undo it. Deep: custody verifies that, and lets go of what it can; the
   * payment can never be completed. Returns what to tell the operator.
   */
  async overtaken(id: RequestId, rivals: readonly Rival[], tip: Tip): Promise<string> {
    const { context, records } = this.#parts;
    const { burialDepth, network, custody, clock, submit, mailbox } = context;
    const [{ coin, txid }] = rivals as readonly [Rival];
    const told = `coin ${coin} is spent by transaction ${txid}, which does not pay this request`;
    const claims: Claim[] = [];
    for (const rival of rivals) {
      const claim = await this.#burialOf(rival, tip);
      if (claim !== null && proves(claim, network, burialDepth)) claims.push(claim);
    }
    if (claims.length < rivals.length) {
      const waits = `${told}: it is over once that is ${burialDepth} blocks deep`;
      await mailbox.run(() => records.apply(id, null, { reason: waits }));
      return waits;
    }
    for (const claim of claims) await submit(await custody.release(clock.nowMs(), requestBytes(id), claim));
    await mailbox.run(() => records.apply(id, { kind: "conflictBuried" }, { reason: told, confirmations: 0 }));
    return told;
  }

  /** The evidence that a rival is buried; null while it is not. */
  async #burialOf({ txid, position }: Rival, tip: Tip): Promise<Claim | null> {
    const { chain, burialDepth } = this.#parts.context;
    if (position.kind === "waiting" || depthOf(position, tip.height) < burialDepth) return null;
    const rawTx = await chain.rawTransaction(txid);
    return rawTx && claimOf(chain, { rawTx, txid, height: position.height }, burialDepth);
  }

  get #nowMs(): number {
    return this.#parts.context.clock.nowMs();
  }

  #apply({ request }: Watched, event: Parameters<PaymentRecords["apply"]>[1]): Promise<void> {
    const { context, records } = this.#parts;
    return context.mailbox.run(() => records.apply(request, event));
  }

  /** On its way: whatever was said against it before is over. */
  #seen({ request }: Watched): Promise<void> {
    const { context, records } = this.#parts;
    return context.mailbox.run(() => records.apply(request, { kind: "seenInMempool" }, { reason: null }));
  }

  async #inBlock(watched: Watched, position: Extract<Position, { kind: "confirmed" }>, tip: Tip): Promise<void> {
    const { requiredConfirmations, burialDepth, mailbox } = this.#parts.context;
    const { height, blockHash: hash, blockTime: time } = position;
    if (watched.block?.hash !== hash) Object.assign(watched, { provenDepth: 0, told: 0 });
    Object.assign(watched, { block: { height, hash, time }, broadcasts: 0, waitingSinceMs: null, trouble: null });
    const claimed = depthOf(position, tip.height);
    const confirmations = await this.#shown(watched, claimed);
    // A claim without proof is shown as what it may well be: on its way.
    if (confirmations === 0) return this.#seen(watched);
    if (isWorthTelling(watched.told, confirmations, Math.max(requiredConfirmations, burialDepth))) {
      watched.told = confirmations;
      const event = { kind: "confirmed" as const, confirmations, requiredConfirmations };
      const fields = { confirmations, confirmedAtMs: time * 1_000, reason: null };
      await mailbox.run(() => this.#parts.records.apply(watched.request, event, fields));
    }
    if (claimed >= burialDepth && !watched.released) await this.#release(watched, height);
  }

  /** Confirmations to show: as claimed, but no end before the server has proven it. */
  async #shown(watched: Watched, claimed: number): Promise<number> {
    const { chain, network, requiredConfirmations: required } = this.#parts.context;
    if (claimed < required || watched.provenDepth >= required) return claimed;
    const { rawTx, txid, block } = watched;
    if (!(await isProven(chain, network, { rawTx, txid, height: block!.height }, required))) {
      watched.trouble = `the chain's server says that ${txid} is ${claimed} blocks deep and does not prove it`;
      return required - 1;
    }
    watched.provenDepth = required;
    return claimed;
  }

  /** Out of its block again: a reorganisation took it back. */
  async #unconfirmed(watched: Watched): Promise<void> {
    const { context, records } = this.#parts;
    Object.assign(watched, { block: null, provenDepth: 0, told: 0 });
    const row = await context.store.transactions.get(watched.request);
    if (row === undefined || row.confirmations === 0) return;
    await records.apply(watched.request, { kind: "reorganised" }, { confirmations: 0, confirmedAtMs: null });
  }

  /** The chain does not show it: another took its coins, or it was dropped, or it never came there. */
  async #missing(watched: Watched, tip: Tip): Promise<void> {
    watched.waitingSinceMs = null;
    const { context } = this.#parts;
    const rival = await rivalOf(context.chain, watched.txid, spends(watched.rawTx).outpoints);
    if (rival !== null && (await this.#replaced(watched, rival.txid))) return;
    if (rival !== null) watched.trouble = await this.overtaken(watched.request, [rival], tip);
    else if (watched.broadcasts > 1)
      watched.trouble = `${watched.txid} was broadcast ${watched.broadcasts} times and the chain does not show it`;
    if (isBroadcastDue(watched, context.timings, this.#nowMs)) await this.broadcast(watched);
  }

  /** Another revision of the same request took its place: from here on that one is followed. False if it is none. */
  async #replaced(watched: Watched, txid: string): Promise<boolean> {
    const { context, records } = this.#parts;
    const view = await this.#revisionOf(watched.request, txid);
    const rawTx = view && (await context.chain.rawTransaction(txid));
    if (!view || !rawTx) return false;
    await context.audit("transaction.replaced", watched.request, { was: watched.txid, by: txid });
    Object.assign(watched, { txid, rawTx, broadcasts: 0, block: null, provenDepth: 0, told: 0, trouble: null });
    const fields = { signedTx: rawTx, bitcoinTxid: txid, feeSats: view.fee };
    await context.mailbox.run(() => records.apply(watched.request, { kind: "signatureComplete" }, fields));
    return true;
  }

  async #revisionOf(id: RequestId, txid: string): Promise<PaymentView | null> {
    const { context, views } = this.#parts;
    for (const { number } of await context.store.requests.revisions(id)) {
      const view = await views.find(id, number);
      if (view?.txid === txid) return view;
    }
    return null;
  }

  /** It waits longer than it should: hand it over again, which harms nothing, and tell the operator why. */
  async #stuck(watched: Watched): Promise<void> {
    const { chain, timings } = this.#parts.context;
    const waitedMs = this.#nowMs - (watched.waitingSinceMs ?? this.#nowMs);
    if (waitedMs < timings.stuckMs) {
      watched.trouble = null;
      return;
    }
    const view = await this.#revisionOf(watched.request, watched.txid);
    const why = view && lowFee(view, await chain.feeEstimates());
    const waits = `${watched.txid} has waited ${Math.floor(waitedMs / 60_000)} min for a block`;
    watched.trouble = why === null ? waits : `${waits}: ${why}`;
    if (isBroadcastDue(watched, timings, this.#nowMs)) await this.broadcast(watched);
  }

  /** Show custody that the payment is buried, so that it lets go of the request. */
  async #release(watched: Watched, height: number): Promise<void> {
    const { chain, burialDepth, network, custody, clock, submit } = this.#parts.context;
    const { rawTx, txid, request } = watched;
    const claim = await claimOf(chain, { rawTx, txid, height }, burialDepth);
    if (claim === null || !proves(claim, network, burialDepth)) return;
    const events = await custody.release(clock.nowMs(), requestBytes(request), claim);
    // No word of it: custody let go of it before.
    watched.released = events.every(({ kind }) => kind !== "dropped");
    await submit(events);
  }
}

const isWorthTelling = (told: number, confirmations: number, deep: number): boolean =>
  (told < deep && confirmations !== told) ||
  Math.floor(confirmations / CONFIRMATION_STEP) !== Math.floor(told / CONFIRMATION_STEP);
