import assert from "node:assert/strict";
import { test } from "node:test";
import { Accounts } from "./accounts.ts";
import { PaymentViews } from "./payment-views.ts";
import { memoryStore } from "./testing/memory-store.ts";
import { id, sampleRequest, sampleTransaction } from "./testing/store-contract/samples.ts";

test("a payment that this process never read, or forgot, explains its transaction by its row", async () => {
  const store = memoryStore();
  await store.requests.insert(sampleRequest(1));
  await store.transactions.upsert(sampleTransaction(1, { bitcoinTxid: id(0xb17) }));
  const views = new PaymentViews(new Accounts(), store);
  assert.equal(await views.pays(id(0xb17)), true);
  assert.equal(await views.pays(id(0xb18)), false);
});
