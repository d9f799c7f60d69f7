/**
 * What a proposer does when the votes went against its payment because another payment wanted the same coins: choose others,
 * or wait a little and try again, until the coins are spent or free. A refusal for any other reason is final.
 */
import { toHex, transcript } from "@conclave/bytes";
import { InsufficientFunds, outpointKey, type PaymentView } from "@conclave/bitcoin";
import { proposalCodec, requestCodec, type PaymentRequestBody, type Revision } from "@conclave/custody";
import type { Accounts } from "./accounts.ts";
import { isOfTheChain } from "./chain-port.ts";
import type { Context } from "./context.ts";
import type { PaymentViews } from "./payment-views.ts";
import { requestHex } from "./records.ts";
import { isShortage } from "./shortage.ts";
import type { WalletView } from "./wallet.ts";

/** Revisions of one payment that keep losing races before it is given up. */
const MAX_REVISIONS = 8;
/** Waits for coins that somebody else holds, before the payment is given up. */
const MAX_WAITS = 6;
/** Length of one wait, and how much it varies from request to request, so that two losers do not meet again. */
const WAIT_MS = 400;
const WAIT_SPREAD_MS = 600;

export interface ReselectionParts {
  readonly context: Context;
  readonly accounts: Accounts;
  readonly views: PaymentViews;
  readonly revise: (
    request: PaymentRequestBody,
    id: Uint8Array,
    number: number,
    avoid: ReadonlySet<string>,
  ) => Promise<Revision>;
  /** Keep a new revision and tell the cluster. */
  readonly propose: (proposal: Uint8Array, revision: Revision) => Promise<void>;
  /** The payment is over on this node; `reason` is for its user. */
  readonly giveUp: (id: Uint8Array, reason: string) => Promise<void>;
}

export class Reselection {
  readonly #parts: ReselectionParts;

  constructor(parts: ReselectionParts) {
    this.#parts = parts;
  }

  /** On the slow lane: `rejected` is the revision that lost, `reason` why, as far as this node knows. */
  async after(id: Uint8Array, rejected: number, reason: string, waits = 0): Promise<void> {
    const { context, accounts, views, giveUp, propose, revise } = this.#parts;
    const stored = await context.store.requests.get(requestHex(id));
    const view = await views.find(requestHex(id), rejected);
    if (stored === undefined || view === null) return;
    const request = requestCodec.decode(stored.body);
    const account = request.kind === "payment" ? accounts.ofKey(request.wallet) : undefined;
    if (request.kind !== "payment" || account === undefined) return;
    try {
      const contested = await this.#contested(id, account, view);
      if (rejected >= MAX_REVISIONS || (contested.size === 0 && waits === 0)) return await giveUp(id, reason);
      // Two that lose to each other choose alike every time: from the second loss on they go one after the other.
      if (rejected > 1 && waits === 0) return this.#wait(id, rejected, reason, 1);
      // First without the contested coins; after a wait with whatever is free by then.
      const next = await revise(request, id, rejected + 1, waits === 0 ? contested : new Set());
      await propose(proposalCodec.encode({ request, revision: next }), next);
    } catch (error) {
      // What the chain's server keeps quiet or lies about says nothing about the coins: the same again, as often as it takes.
      if (isOfTheChain(error)) return this.#wait(id, rejected, reason, waits);
      if (!isShortage(error)) throw error;
      // Other coins would not be fewer.
      if (!(error instanceof InsufficientFunds)) return giveUp(id, `${reason}. ${error.message}`);
      if (waits >= MAX_WAITS)
        return giveUp(id, `another payment took the coins that this one had chosen. ${error.message}`);
      this.#wait(id, rejected, reason, waits + 1);
    }
  }

  #wait(id: Uint8Array, rejected: number, reason: string, waits: number): void {
    const { clock, slowLane } = this.#parts.context;
    const spread = transcript("node/reselection-wait", { id, rejected, waits })[0]! / 256;
    const delayMs = WAIT_MS + Math.floor(spread * WAIT_SPREAD_MS);
    clock.schedule(delayMs, () => slowLane.post(() => this.after(id, rejected, reason, waits)));
  }

  /** Coins of a revision that another payment holds, spent, or asks for. */
  async #contested(id: Uint8Array, account: WalletView, view: PaymentView): Promise<ReadonlySet<string>> {
    const { context } = this.#parts;
    const [held, known, wanted] = await Promise.all([
      context.custody.lockedCoins(account.keyId, toHex(id)),
      account.knownCoins(view),
      this.#wanted(id),
    ]);
    const locked = new Set(held.map(({ outpoint }) => outpoint));
    return new Set(
      view.inputs
        .map(({ outpoint }) => outpointKey(outpoint))
        .filter((key) => {
          const coin = known.find(({ outpoint }) => outpointKey(outpoint) === key);
          return locked.has(key) || wanted.has(key) || coin === undefined || coin.spentBy !== null;
        }),
    );
  }

  /** Coins that other recent payments ask for, in any of their revisions. */
  async #wanted(id: Uint8Array): Promise<ReadonlySet<string>> {
    const { context, views } = this.#parts;
    const wanted = new Set<string>();
    const { rows } = await context.store.transactions.list({ limit: 50 });
    for (const { txid } of rows) {
      if (txid === requestHex(id)) continue;
      for (const { number } of await context.store.requests.revisions(txid)) {
        for (const { outpoint } of (await views.find(txid, number))?.inputs ?? []) wanted.add(outpointKey(outpoint));
      }
    }
    return wanted;
  }
}
