import type { CursorPlace } from "../../store/pages.ts";
import type { StoredTransaction, Transactions } from "../../store/transactions.ts";
import type { Contents } from "./contents.ts";
import { copied, pageOf, required } from "./rows.ts";

const transactionPlace = ({ createdAtMs, txid }: StoredTransaction): CursorPlace => ({ createdAtMs, id: txid });

export function transactionsOver({ requests, transactions }: Contents): Transactions {
  return {
    async upsert(transaction) {
      required(requests.has(transaction.txid), "a transaction needs its request");
      transactions.set(transaction.txid, copied(transaction));
    },
    get: async (txid) => copied(transactions.get(txid)),
    byBitcoinTxid: async (wanted) => {
      const paid = [...transactions.values()].filter(({ bitcoinTxid }) => bitcoinTxid === wanted);
      return copied(paid.toSorted((a, b) => (a.txid < b.txid ? -1 : 1))[0]);
    },
    list: async ({ states, ...page }) =>
      pageOf(
        [...transactions.values()].filter(({ state }) => states === undefined || states.includes(state)),
        transactionPlace,
        page,
      ),
  };
}
