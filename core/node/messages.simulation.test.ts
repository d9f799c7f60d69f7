/** Messages that must not be signed: the node that is asked says no; if it does not, every custody does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { secp256k1Group } from "@conclave/crypto";
import { MAX_MESSAGE_BYTES, type CustodyPort } from "@conclave/custody";
import { keyRecordCodec } from "@conclave/keys";
import { MessageRefused, type MessageWish } from "./messages.ts";
import type { ConclaveNode } from "./node.ts";
import type { StoredMessage } from "./store/messages.ts";
import { calm } from "./testing/scenario.ts";
import { live, type LifeOptions } from "./testing/simulation.ts";

const SIZE = { n: 4, t: 3, q: 3 };

/** Something to do once on the first node that may vote. */
function once(ask: (node: ConclaveNode, key: Uint8Array) => Promise<void>): {
  readonly react: NonNullable<LifeOptions["react"]>;
  readonly asked: () => Promise<void>;
} {
  let asked: Promise<void> | null = null;
  return {
    react: ({ machines: [machine] }, node, { kind }) => {
      if (node !== 0 || kind !== "ready" || asked !== null) return;
      const [held] = machine!.custody!.status().keys;
      asked = ask(machine!.node!, held!.key);
    },
    asked: () => {
      assert.ok(asked !== null, "the node became ready");
      return asked;
    },
  };
}

/** A custody whose host believes that its wallet's key is for messages. */
const mistaken = (port: CustodyPort): CustodyPort => ({
  ...port,
  status: async () => {
    const status = await port.status();
    const records = keyRecordCodec(secp256k1Group);
    const relabelled = (record: Uint8Array): Uint8Array =>
      records.encode({ ...records.decode(record), purpose: "messages" });
    return { ...status, keys: status.keys.map(({ key, record }) => ({ key, record: relabelled(record) })) };
  },
});

const wishFor = (key: Uint8Array, content: MessageWish["content"], idempotencyKey = "deed"): MessageWish => ({
  key,
  content,
  idempotencyKey,
});

void test("the node that is asked refuses what it can see, and keeps nothing of it", async () => {
  const refusals: string[] = [];
  const { react, asked } = once(async (node, key) => {
    const message = { message: Uint8Array.of(1), hash: "sha256" as const };
    const cases = [wishFor(new Uint8Array(32), message), wishFor(key, message)];
    for (const wish of cases)
      await node.signMessage(wish).catch((error: unknown) => {
        assert.ok(error instanceof MessageRefused, String(error));
        refusals.push(error.code);
      });
  });
  let kept = 0;
  const inspect: LifeOptions["inspect"] = async ({ machines }) => {
    await asked();
    kept = (await machines[0]!.store.messages.list({ limit: 9 })).rows.length;
  };
  const lived = await live(calm("refused messages", { size: SIZE, wishes: [] }), { react, inspect });
  assert.deepEqual(lived.violations, []);
  assert.deepEqual([refusals, kept], [["unknown-key", "not-a-message-key"], 0]);
});

void test("a host that takes a wallet's key for one for messages gets no vote, not even its own", async () => {
  const refusals: string[] = [];
  let id = "";
  const { react, asked } = once(async (node, key) => {
    const text = Uint8Array.of(1, 2, 3);
    const long = new Uint8Array(MAX_MESSAGE_BYTES + 1);
    // What Bitcoin hashes a second time: as a message it would be a spend, whatever it is of.
    const inner = { message: new Uint8Array(32).fill(9), hash: "sha256" as const };
    for (const content of [{ message: long, hash: "sha256" as const }, { digest: new Uint8Array(32) }, inner])
      await node
        .signMessage(wishFor(key, content))
        .catch((error: unknown) => void refusals.push((error as MessageRefused).code));
    id = await node.signMessage(wishFor(key, { message: text, hash: "sha256d" }));
    assert.equal(await node.signMessage(wishFor(key, { message: text, hash: "sha256d" })), id, "the same again");
    await assert.rejects(node.signMessage(wishFor(key, { message: text, hash: "sha256" })), {
      name: "IdempotencyConflict",
    });
  });
  const rows: (StoredMessage | undefined)[] = [];
  const inspect: LifeOptions["inspect"] = async ({ machines }) => {
    await asked();
    for (const { store } of machines) rows.push(await store.messages.get(id as StoredMessage["id"]));
  };
  const custody: LifeOptions["custody"] = (node, port) => (node === 0 ? mistaken(port) : port);
  const lived = await live(calm("wrong key", { size: SIZE, wishes: [] }), { react, inspect, custody });
  assert.deepEqual(lived.violations, []);
  assert.deepEqual(refusals, ["too-long", "digests-off", "transaction"]);
  for (const row of rows) {
    assert.deepEqual([row?.state, row?.signature, row?.hash], ["rejected", null, "sha256d"]);
    assert.match(row?.reason ?? "", /the key is for wallet\/regtest/);
  }
  assert.equal(lived.notices.filter(({ notice }) => notice.kind === "begun").length, 0, "nobody began to sign");
});
