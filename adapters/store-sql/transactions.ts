import {
  checkLimit,
  TRANSACTION_STATES,
  type RequestId,
  type StoredTransaction,
  type Transactions,
} from "@conclave/node";
import type { Kysely, Selectable } from "kysely";
import { pageOf } from "./pages.ts";
import { nameOf, plainBytesOrNull, satsOrNull, wholeNumber, wholeNumberOrNull } from "./rows.ts";
import type { Schema, TransactionTable } from "./schema.ts";

export const transactionsOn = (db: Kysely<Schema>): Transactions => ({
  async upsert(transaction) {
    const { txid, ...columns } = toColumns(transaction);
    await db
      .insertInto("transactions")
      .values({ txid, ...columns })
      .onConflict((conflict) => conflict.column("txid").doUpdateSet(columns))
      .execute();
  },
  async get(txid) {
    const row = await db.selectFrom("transactions").selectAll().where("txid", "=", txid).executeTakeFirst();
    return row && toTransaction(row);
  },
  async byBitcoinTxid(bitcoinTxid) {
    const paid = db.selectFrom("transactions").selectAll().where("bitcoin_txid", "=", bitcoinTxid);
    const row = await paid.orderBy("txid").limit(1).executeTakeFirst();
    return row && toTransaction(row);
  },
  async list({ states, ...page }) {
    checkLimit(page.limit);
    if (states?.length === 0) return { rows: [], next: null };
    const all = db.selectFrom("transactions").selectAll();
    return pageOf(page, {
      query: states === undefined ? all : all.where("state", "in", states),
      time: "created_at",
      id: "txid",
      toRow: toTransaction,
      place: ({ createdAtMs, txid }) => ({ createdAtMs, id: txid }),
    });
  },
});

const toColumns = (transaction: StoredTransaction) => ({
  txid: transaction.txid,
  state: transaction.state,
  unsigned_tx: transaction.unsignedTx,
  signed_tx: transaction.signedTx,
  recipient: transaction.recipient,
  amount_sats: transaction.amountSats,
  fee_sats: transaction.feeSats,
  metadata: transaction.metadata,
  created_at: transaction.createdAtMs,
  confirmed_at: transaction.confirmedAtMs,
  bitcoin_txid: transaction.bitcoinTxid,
  confirmations: transaction.confirmations,
  reason: transaction.reason,
});

const toTransaction = (row: Selectable<TransactionTable>): StoredTransaction => ({
  txid: row.txid as RequestId,
  state: nameOf(TRANSACTION_STATES, row.state),
  unsignedTx: plainBytesOrNull(row.unsigned_tx),
  signedTx: plainBytesOrNull(row.signed_tx),
  recipient: row.recipient,
  amountSats: BigInt(row.amount_sats),
  feeSats: satsOrNull(row.fee_sats),
  metadata: row.metadata,
  createdAtMs: wholeNumber(row.created_at),
  confirmedAtMs: wholeNumberOrNull(row.confirmed_at),
  bitcoinTxid: row.bitcoin_txid,
  confirmations: wholeNumber(row.confirmations),
  reason: row.reason,
});
