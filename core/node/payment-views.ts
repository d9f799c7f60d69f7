/** Revisions as what they pay: read once, because reading one costs as much as verifying a signature. */
import { readPayment, type PaymentView } from "@conclave/bitcoin";
import { requestCodec, revisionCodec, type PaymentRequestBody, type Revision } from "@conclave/custody";
import type { Accounts } from "./accounts.ts";
import { Latest } from "./latest.ts";
import { requestHex } from "./records.ts";
import type { RequestId } from "./store/ids.ts";
import type { StoreTables } from "./store/port.ts";

const MAX_VIEWS = 256;
/**
 * Revisions whose transaction is remembered: those of many days. An older one that was completed is in the store; one that was not,
 * and turns up after all, is a spend that an operator should look at.
 */
const MAX_PAYING = 16_384;

export class PaymentViews {
  readonly #accounts: Accounts;
  readonly #store: Pick<StoreTables, "requests" | "transactions">;
  /** By request and number: neither custody nor the store takes other content under the same. */
  readonly #views = new Latest<string, PaymentView>(MAX_VIEWS);
  /** What the revisions that were read here last would be on the chain, 64 digits each. */
  readonly #paying = new Latest<string, true>(MAX_PAYING);

  constructor(accounts: Accounts, store: Pick<StoreTables, "requests" | "transactions">) {
    this.#accounts = accounts;
    this.#store = store;
  }

  /** Null if this node has no key of the account. Throws `PaymentRefused` on a PSBT that is no payment of it. */
  read({ wallet }: PaymentRequestBody, revision: Revision): PaymentView | null {
    const account = this.#accounts.ofKey(wallet);
    if (account === undefined) return null;
    const key = viewKey(requestHex(revision.request), revision.number);
    const view = this.#views.get(key) ?? readPayment(revision.psbt, account.wallet);
    this.#views.set(key, view);
    this.#paying.set(view.txid, true);
    return view;
  }

  /** Whether a transaction of the network's is what some request asks for. */
  async pays(txid: string): Promise<boolean> {
    return this.#paying.has(txid) || (await this.#store.transactions.byBitcoinTxid(txid)) !== undefined;
  }

  /** The same as `read` for what the store keeps; null also if it does not. */
  async find(id: RequestId, number: number): Promise<PaymentView | null> {
    const known = this.#views.get(viewKey(id, number));
    if (known !== undefined) return known;
    const { requests } = this.#store;
    const [stored, revision] = [await requests.get(id), await requests.revision(id, number)];
    if (stored === undefined || revision === undefined) return null;
    const request = requestCodec.decode(stored.body);
    return request.kind === "payment" ? this.read(request, revisionCodec.decode(revision.body)) : null;
  }
}

const viewKey = (id: RequestId, number: number): string => `${id}/${number}`;
