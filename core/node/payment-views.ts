/** Revisions as what they pay: read once, because reading one costs as much as verifying a signature. */
import { readPayment, type PaymentView } from "@conclave/bitcoin";
import { requestCodec, revisionCodec, type PaymentRequestBody, type Revision } from "@conclave/custody";
import type { Accounts } from "./accounts.ts";
import { requestHex } from "./records.ts";
import type { RequestId } from "./store/ids.ts";
import type { Requests } from "./store/requests.ts";

const MAX_VIEWS = 256;

export class PaymentViews {
  readonly #accounts: Accounts;
  readonly #requests: Requests;
  /** By request and number: neither custody nor the store takes other content under the same. */
  readonly #views = new Map<string, PaymentView>();
  /** What every revision that was ever read here would be on the chain: 64 digits for each payment of this process's life. */
  readonly #paying = new Set<string>();

  constructor(accounts: Accounts, requests: Requests) {
    this.#accounts = accounts;
    this.#requests = requests;
  }

  /** Null if this node has no key of the account. Throws `PaymentRefused` on a PSBT that is no payment of it. */
  read({ wallet }: PaymentRequestBody, revision: Revision): PaymentView | null {
    const account = this.#accounts.ofKey(wallet);
    if (account === undefined) return null;
    const key = viewKey(requestHex(revision.request), revision.number);
    const view = this.#views.get(key) ?? readPayment(revision.psbt, account.wallet);
    this.#views.set(key, view);
    this.#paying.add(view.txid);
    if (this.#views.size > MAX_VIEWS) this.#views.delete(this.#views.keys().next().value!);
    return view;
  }

  /** Whether a transaction of the network's is what some request asks for. */
  pays(txid: string): boolean {
    return this.#paying.has(txid);
  }

  /** The same as `read` for what the store keeps; null also if it does not. */
  async find(id: RequestId, number: number): Promise<PaymentView | null> {
    const known = this.#views.get(viewKey(id, number));
    if (known !== undefined) return known;
    const [stored, revision] = [await this.#requests.get(id), await this.#requests.revision(id, number)];
    if (stored === undefined || revision === undefined) return null;
    const request = requestCodec.decode(stored.body);
    return request.kind === "payment" ? this.read(request, revisionCodec.decode(revision.body)) : null;
  }
}

const viewKey = (id: RequestId, number: number): string => `${id}/${number}`;
