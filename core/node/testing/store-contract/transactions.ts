/** Transactions: overwritten by id, listed by state. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CodecError } from "@conclave/bytes";
import type { RequestId } from "../../store/ids.ts";
import { StoreUnavailable } from "../../store/outcome.ts";
import { type Cursor, MAX_PAGE } from "../../store/pages.ts";
import type { WithStore } from "./place.ts";
import { id, sampleRequest, sampleTransaction } from "./samples.ts";

export function transactionsContract(withStore: WithStore): void {
  describe("transactions", () => {
    it(
      "are overwritten by their id, with amounts up to 21 million bitcoin",
      withStore(async ({ requests, transactions }) => {
        await requests.insert(sampleRequest(1));
        const pending = sampleTransaction(1, { amountSats: 2_100_000_000_000_000n });
        await transactions.upsert(pending);
        assert.deepEqual(await transactions.get(pending.txid), pending);
        const confirmed = sampleTransaction(1, {
          state: "confirmed",
          unsignedTx: Uint8Array.of(1),
          signedTx: Uint8Array.of(2, 0),
          feeSats: 1_234n,
          metadata: "rent ü",
          confirmedAtMs: 3_000_000,
          bitcoinTxid: id(0xb17),
          confirmations: 6,
          reason: "none",
        });
        await transactions.upsert(confirmed);
        assert.deepEqual(await transactions.get(confirmed.txid), confirmed);
        assert.equal(await transactions.get(id(2) as RequestId), undefined);
        await assert.rejects(transactions.upsert(sampleTransaction(9)), StoreUnavailable);
      }),
    );
    it(
      "are found by the network's transaction, once it is known",
      withStore(async ({ requests, transactions }) => {
        for (const n of [1, 2, 3]) await requests.insert(sampleRequest(n));
        await transactions.upsert(sampleTransaction(3, { bitcoinTxid: id(0xb17) }));
        assert.deepEqual((await transactions.byBitcoinTxid(id(0xb17)))?.txid, id(3));
        // Two may have chosen alike, and then one transaction pays for the one that was approved.
        await transactions.upsert(sampleTransaction(2, { bitcoinTxid: id(0xb17) }));
        await transactions.upsert(sampleTransaction(1));
        assert.deepEqual(await transactions.byBitcoinTxid(id(0xb17)), sampleTransaction(2, { bitcoinTxid: id(0xb17) }));
        assert.equal(await transactions.byBitcoinTxid(id(0xb18)), undefined);
      }),
    );
    it(
      "are listed newest first by state, page by page",
      withStore(async ({ requests, transactions }) => {
        for (const n of [1, 2, 3, 4]) {
          await requests.insert(sampleRequest(n));
          await transactions.upsert(
            sampleTransaction(n, { createdAtMs: 7, state: n === 2 ? "signed" : n === 3 ? "failed" : "pending" }),
          );
        }
        const states = ["pending", "signed"] as const;
        const first = await transactions.list({ limit: 2, states });
        assert.deepEqual(
          first.rows.map(({ txid }) => txid),
          [id(4), id(2)],
        );
        assert(first.next !== null);
        const second = await transactions.list({ limit: 2, states, after: first.next });
        assert.deepEqual(
          second.rows.map(({ txid }) => txid),
          [id(1)],
        );
        assert.equal(second.next, null);
        assert.deepEqual((await transactions.list({ limit: 9, states: [] })).rows, []);
        assert.equal((await transactions.list({ limit: 9 })).rows.length, 4);
      }),
    );
    it(
      "refuse a cursor that is none, and a page without a limit",
      withStore(async ({ transactions }) => {
        for (const after of ["", "7", `7.${id(1)}.`, `07.${id(1)}`, `-1.${id(1)}`, "7.xyz", `1e3.${id(1)}`])
          await assert.rejects(transactions.list({ limit: 1, after: after as Cursor }), CodecError, after);
        for (const limit of [0, -1, 1.5, Number.NaN, MAX_PAGE + 1])
          await assert.rejects(transactions.list({ limit }), /a page has 1 to/);
      }),
    );
  });
}
