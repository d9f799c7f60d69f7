/** Payments by the beginning of their ids: the one that was meant, or none. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { before, describe, test } from "node:test";
import type { NodeService } from "@conclave/api";
import { fromHex } from "@conclave/bytes";
import { parseNodeId } from "@conclave/consensus";
import { parseRequestId, type Store, type StoredTransaction } from "@conclave/node";
import { memoryStore } from "@conclave/node/testing";
import { namingPayments } from "./named-payments.ts";

/** More than two pages of the store. */
const PAYMENTS = 1_234;

const paymentAt = (txid: string, createdAtMs: number): StoredTransaction => ({
  txid: parseRequestId(txid),
  state: "confirmed",
  unsignedTx: null,
  signedTx: null,
  recipient: "bcrt1qexample",
  amountSats: 1n,
  feeSats: null,
  metadata: null,
  createdAtMs,
  confirmedAtMs: null,
  bitcoinTxid: null,
  confirmations: 0,
  reason: null,
});

async function keep({ requests, transactions }: Store, txid: string, createdAtMs: number): Promise<void> {
  const id = parseRequestId(txid);
  const origin = parseNodeId("5a".repeat(32));
  const times = { createdAtMs, height: 0, expiresAtMs: createdAtMs + 1 };
  await requests.insert({ id, kind: "payment", body: fromHex(txid), idempotencyKey: null, origin, ...times });
  await transactions.upsert(paymentAt(txid, createdAtMs));
}

const idOf = (i: number): string => createHash("sha256").update(`payment ${i}`).digest("hex");
/** Two whose ids begin with the same ten digits. */
const TWINS = [`0123456789${"a".repeat(54)}`, `0123456789${"b".repeat(54)}`] as const;

describe("a payment named by the beginning of its id", () => {
  let store: Store;
  const asked: string[] = [];
  const bare = Object.fromEntries(
    ["transaction"].map((name) => [name, async ({ txid }: { readonly txid: string }) => asked.push(`${name} ${txid}`)]),
  ) as unknown as NodeService;

  before(async () => {
    store = memoryStore();
    for (let i = 0; i < PAYMENTS; i++) await keep(store, idOf(i), i);
    for (const [i, id] of TWINS.entries()) await keep(store, id, PAYMENTS * i);
  });

  const service = (): NodeService => namingPayments(bare, store.transactions);

  test("is that payment, the oldest as the newest", async () => {
    asked.length = 0;
    for (const i of [0, 700, PAYMENTS - 1]) await service().transaction({ txid: idOf(i).slice(0, 8) });
    await service().transaction({ txid: TWINS[1].slice(0, 11) });
    assert.deepEqual(asked, [
      ...[0, 700, PAYMENTS - 1].map((i) => `transaction ${idOf(i)}`),
      `transaction ${TWINS[1]}`,
    ]);
  });

  test("is refused where several begin so, which are named, and where none does", async () => {
    asked.length = 0;
    await assert.rejects(service().transaction({ txid: TWINS[0].slice(0, 10) }), {
      problem: "txid-ambiguous",
      message: `The ids of 2 payments begin with 0123456789: give more digits of ${TWINS.join(", ")}.`,
    });
    await assert.rejects(service().transaction({ txid: "fedcba9876" }), {
      problem: "transaction-not-found",
      message: "This node knows no payment whose id begins with fedcba9876.",
    });
    assert.deepEqual(asked, []);
  });

  test("whole, is handed on as it is", async () => {
    asked.length = 0;
    await service().transaction({ txid: "ab".repeat(32) });
    assert.deepEqual(asked, [`transaction ${"ab".repeat(32)}`]);
  });
});
