/**
 * Accounts whose coins were spent by something that no request explains. This node makes, votes on and opens nothing for such
 * an account until an operator has looked at the spend and said so. Both are entries of the audit log, which is where a later
 * process finds them; a node that lost its history freezes again, which is the safe way to be wrong.
 */
import { toHex } from "@conclave/bytes";
import { outpointKey, type Outpoint } from "@conclave/bitcoin";
import type { Accounts } from "../accounts.ts";
import type { Context } from "../context.ts";
import type { WalletView } from "../wallet.ts";

const FROZEN = "wallet.frozen";
const ACKNOWLEDGED = "wallet.spend-acknowledged";
const EXPLAINED = "wallet.spend-explained";
const PAGE = 500;
/** A reason fits into an entry of the audit log and on a screen. */
const MAX_REASON = 500;

/** A spend that nobody asked for. */
export interface Freeze {
  readonly account: WalletView["account"];
  /** Id of the account's key, hexadecimal. */
  readonly wallet: string;
  /** The transaction that spends, and the first of the account's coins that it takes, as `txid:vout`. */
  readonly txid: string;
  readonly coin: string;
  readonly sinceMs: number;
}

/** An operator's word on a spend. */
export interface Acknowledgement {
  readonly txid: string;
  /** Who says so, for the audit log. */
  readonly by: string;
  /** Why the account may go on: what was found out about the spend. */
  readonly reason: string;
}

/** Nothing is frozen for the transaction that was named, or the reason is missing. */
export class NotFrozen extends Error {
  override readonly name = "NotFrozen";
}

export class Freezes {
  readonly #context: Context;
  readonly #accounts: Accounts;
  readonly #freezes = new Map<string, Freeze>();
  readonly #acknowledged = new Set<string>();

  constructor(context: Context, accounts: Accounts) {
    this.#context = context;
    this.#accounts = accounts;
  }

  list(): readonly Freeze[] {
    return [...this.#freezes.values()];
  }

  /** Why an account does nothing; null while it may. `wallet`: id of its key. */
  why(wallet: Uint8Array): string | null {
    const freeze = this.list().find((candidate) => candidate.wallet === toHex(wallet));
    return freeze === undefined ? null : told(freeze);
  }

  /** Whether an operator has looked at this spend. */
  isAcknowledged(txid: string): boolean {
    return this.#acknowledged.has(txid);
  }

  /** After a restart: freezes and acknowledgements as the audit log has them. */
  async resume(): Promise<void> {
    const { audit } = this.#context.store;
    for (let from = 1; ;) {
      const entries = await audit.list({ from, limit: PAGE });
      for (const { action, subject, detail, atMs } of entries) {
        if (action === ACKNOWLEDGED || action === EXPLAINED) this.#freezes.delete(subject);
        if (action === ACKNOWLEDGED) this.#acknowledged.add(subject);
        const view = this.#accounts.all().find(({ keyId }) => toHex(keyId) === detail["wallet"]);
        if (action !== FROZEN || view === undefined) continue;
        const { account } = view;
        this.#keep({ account, wallet: toHex(view.keyId), txid: subject, coin: String(detail["coin"]), sinceMs: atMs });
      }
      if (entries.length < PAGE) break;
      from += PAGE;
    }
    this.#mark();
  }

  async freeze({ account, keyId }: WalletView, txid: string, coin: Outpoint): Promise<void> {
    if (this.#freezes.has(txid) || this.#acknowledged.has(txid)) return;
    const { clock, audit, notify, store } = this.#context;
    const wallet = toHex(keyId);
    const freeze = { account, wallet, txid, coin: outpointKey(coin), sinceMs: clock.nowMs() };
    this.#keep(freeze);
    this.#mark();
    await audit(FROZEN, txid, { wallet, coin: freeze.coin });
    // A process that dies now must not come back without it.
    await store.durable();
    notify({ kind: "wallet", account, frozen: true, txid, reason: told(freeze) });
  }

  /** A request turned up after all, which the spend pays. */
  async explained(txid: string): Promise<void> {
    await this.#thaw(txid, EXPLAINED, this.#context.self, "a request of the cluster's explains it");
  }

  /** An operator has looked at the spend: the account goes on. Throws `NotFrozen`. */
  async acknowledge({ txid, by, reason }: Acknowledgement): Promise<void> {
    if (!this.#freezes.has(txid))
      throw new NotFrozen(`no account of this node is frozen for transaction ${txid}: see the cluster's status`);
    if (reason.trim() === "" || reason.length > MAX_REASON)
      throw new NotFrozen(
        `say in at most ${MAX_REASON} characters why the account may go on: it is kept in the audit log`,
      );
    await this.#thaw(txid, ACKNOWLEDGED, by, reason);
    this.#acknowledged.add(txid);
    await this.#context.store.durable();
  }

  async #thaw(txid: string, action: string, by: string, reason: string): Promise<void> {
    const freeze = this.#freezes.get(txid);
    if (freeze === undefined) return;
    const { clock, store, notify } = this.#context;
    const { wallet, account } = freeze;
    await store.audit.append({ atMs: clock.nowMs(), actor: by, action, subject: txid, detail: { wallet, reason } });
    this.#freezes.delete(txid);
    this.#mark();
    notify({ kind: "wallet", account, frozen: this.list().some((other) => other.wallet === wallet), txid, reason });
  }

  #keep(freeze: Freeze): void {
    if (!this.#acknowledged.has(freeze.txid)) this.#freezes.set(freeze.txid, freeze);
  }

  #mark(): void {
    for (const view of this.#accounts.all()) view.frozen = this.why(view.keyId);
  }
}

const told = ({ account, txid, coin }: Freeze): string =>
  `${account} payments are frozen: transaction ${txid} spends coin ${coin} and no request of this cluster explains it. Find ` +
  `out who signed it before the account goes on`;
