/**
 * Watches the wallet's own coins: whatever spends one has to be a payment that somebody asked this cluster for. Anything else
 * means that the key, or enough shares of it, are in other hands. A server cannot frighten a node with an invented spend: its
 * signatures are verified, or its place in a block is proven.
 */
import { equalBytes } from "@conclave/bytes";
import {
  outpointKey,
  parseTransaction,
  TransactionError,
  type Outpoint,
  type RawTransaction,
  type WalletScript,
} from "@conclave/bitcoin";
import type { Accounts } from "../accounts.ts";
import { ChainLied, ChainRefused, type BitcoinChain, type ChainTransaction } from "../chain-port.ts";
import type { Context } from "../context.ts";
import type { PaymentViews } from "../payment-views.ts";
import type { Cursor } from "../store/pages.ts";
import type { WalletView } from "../wallet.ts";
import type { Freezes } from "./freezes.ts";
import { isProven } from "./inclusion.ts";

/** Addresses of an account that are looked at each time, in turn: so many that hold coins, and so many of the others. */
const ADDRESSES_AT_ONCE = 20;
const PAGE = 500;

export interface GuardParts {
  readonly context: Context;
  readonly accounts: Accounts;
  readonly views: PaymentViews;
  readonly freezes: Freezes;
}

/** A spend of the wallet's coins. */
interface Spend {
  readonly view: WalletView;
  readonly transaction: ChainTransaction;
  readonly coin: Outpoint;
}

export class CoinGuard {
  readonly #parts: GuardParts;
  /** Since when spends are there that nothing explains, counted while enough peers are there to explain them. */
  readonly #unexplained = new Map<string, number>();
  /** Payments of the time before this process, by the network's id. */
  #paid: ReadonlySet<string> | null = null;
  #turn = 0;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** Look at some addresses of every account. Throws what the chain throws, once the other addresses were looked at. */
  async look(): Promise<void> {
    const { accounts, freezes } = this.#parts;
    for (const { txid } of freezes.list()) if (await this.#isExplained(txid)) await freezes.explained(txid);
    const turn = this.#turn;
    // Whatever comes of this one: the next look is at others.
    this.#turn += ADDRESSES_AT_ONCE;
    let refusal: Error | null = null;
    for (const view of accounts.all()) {
      const scripts = await view.watchedScripts();
      const [coins, others] = [true, false].map((is) => scripts.filter((script) => view.isUnsettled(script) === is));
      for (const script of [...nextOf(coins!, turn), ...nextOf(others!, turn)])
        refusal = (await this.#refusalOf(view, script)) ?? refusal;
    }
    if (refusal !== null) throw refusal;
  }

  /** What the server has against this address alone; null once it was looked at. Throws `ChainUnreachable`. */
  async #refusalOf(view: WalletView, script: WalletScript): Promise<Error | null> {
    try {
      await this.#lookAt(view, script);
      return null;
    } catch (error) {
      if (error instanceof ChainLied || error instanceof ChainRefused) return error;
      throw error;
    }
  }

  async #lookAt(view: WalletView, script: WalletScript): Promise<void> {
    const history = await this.#parts.context.chain.history(script.scriptPubKey);
    const { spends, unspent } = accountFor(view, script.scriptPubKey, history);
    let isSettled = unspent === 0;
    for (const spend of spends) if (!(await this.#consider(spend))) isSettled = false;
    view.settle(script, isSettled);
  }

  /** True if a request or an operator explains the spend. */
  async #consider({ view, transaction, coin }: Spend): Promise<boolean> {
    const { freezes } = this.#parts;
    const { txid } = transaction;
    if (freezes.isAcknowledged(txid)) return true;
    const isExplained = await this.#isExplained(txid);
    // A node that hears nobody cannot tell what the others were asked for.
    if (isExplained || !this.#hearsEnough()) this.#unexplained.delete(txid);
    else await this.#suspect({ view, transaction, coin });
    return isExplained;
  }

  async #suspect({ view, transaction, coin }: Spend): Promise<void> {
    const { context, freezes } = this.#parts;
    const { txid } = transaction;
    const sinceMs = this.#unexplained.get(txid) ?? context.clock.nowMs();
    this.#unexplained.set(txid, sinceMs);
    if (context.clock.nowMs() - sinceMs < context.timings.unexplainedMs) return;
    if (!(await this.#isGenuine(transaction))) return;
    await freezes.freeze(view, txid, coin);
    this.#unexplained.delete(txid);
  }

  /** As many as it takes to sign are there: one of those who signed what is on the chain is among them, and retells it. */
  #hearsEnough(): boolean {
    const { self, roster, isUp, threshold, quorum } = this.#parts.context;
    const there = roster.nodes.filter(({ id }) => id === self || isUp(id));
    return there.length >= Math.max(threshold, quorum);
  }

  async #isExplained(txid: string): Promise<boolean> {
    if (await this.#parts.views.pays(txid)) return true;
    this.#paid ??= await this.#paidBefore();
    return this.#paid.has(txid);
  }

  /** Once: every revision that the store has, of the days before this process. */
  async #paidBefore(): Promise<ReadonlySet<string>> {
    const { context, views } = this.#parts;
    const paid = new Set<string>();
    for (let after: Cursor | null | undefined; after !== null;) {
      const page = await context.store.transactions.list({ limit: PAGE, ...(after && { after }) });
      for (const { txid, bitcoinTxid } of page.rows) {
        if (bitcoinTxid !== null) paid.add(bitcoinTxid);
        else
          for (const { number } of await context.store.requests.revisions(txid)) {
            const view = await views.find(txid, number);
            if (view !== null) paid.add(view.txid);
          }
      }
      after = page.next;
    }
    return paid;
  }

  /** Its signatures verify, as other code than ours sees it; or the chain proves that miners took it in. */
  async #isGenuine({ txid, position }: ChainTransaction): Promise<boolean> {
    const { chain, network, secondOpinion } = this.#parts.context;
    const rawTx = await chain.rawTransaction(txid);
    if (rawTx === null) return false;
    const prevouts = await prevoutsOf(chain, rawTx);
    if (prevouts !== null && secondOpinion({ rawTx, prevouts }).length === 0) return true;
    return position.kind === "confirmed" && isProven(chain, network, { rawTx, txid, height: position.height }, 1);
  }
}

function nextOf(scripts: readonly WalletScript[], turn: number): readonly WalletScript[] {
  const count = Math.min(ADDRESSES_AT_ONCE, scripts.length);
  return Array.from({ length: count }, (_, i) => scripts[(turn + i) % scripts.length]!);
}

/**
 * Transactions of a script's history that spend what others of them paid to it, and how many of those coins are left. Ids commit
 * to both, so no server can invent a spend.
 */
function accountFor(
  view: WalletView,
  script: Uint8Array,
  history: readonly ChainTransaction[],
): { readonly spends: readonly Spend[]; readonly unspent: number } {
  const paid = new Set(
    history.flatMap(({ txid, outputs }) =>
      outputs.flatMap(({ scriptPubKey }, vout) =>
        equalBytes(scriptPubKey, script) ? [outpointKey({ txid, vout })] : [],
      ),
    ),
  );
  const left = new Set(paid);
  const spends = history.flatMap((transaction) => {
    const spent = transaction.inputs.filter(({ outpoint }) => paid.has(outpointKey(outpoint)));
    for (const { outpoint } of spent) left.delete(outpointKey(outpoint));
    return spent[0] === undefined ? [] : [{ view, transaction, coin: spent[0].outpoint }];
  });
  return { spends, unspent: left.size };
}

async function prevoutsOf(chain: BitcoinChain, rawTx: Uint8Array) {
  const prevouts: { readonly script: Uint8Array; readonly value: bigint }[] = [];
  for (const { outpoint } of parsed(rawTx)?.inputs ?? []) {
    const output = (await chain.transaction(outpoint.txid))?.outputs[outpoint.vout];
    if (output === undefined) return null;
    prevouts.push({ script: output.scriptPubKey, value: output.value });
  }
  return prevouts.length === 0 ? null : prevouts;
}

function parsed(rawTx: Uint8Array): RawTransaction | null {
  try {
    return parseTransaction(rawTx);
  } catch (error) {
    if (!(error instanceof TransactionError)) throw error;
    return null;
  }
}
