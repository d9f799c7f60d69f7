/** Schema 5: payments are found by the network's transaction. Never edited once released. */
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

export const paidBy = (): Migration => ({
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema.createIndex("transactions_by_bitcoin_txid").on("transactions").column("bitcoin_txid").execute();
  },
});
