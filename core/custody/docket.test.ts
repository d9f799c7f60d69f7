/** What a node keeps of requests: those that bind it, and of those that are over the latest. */
import { nodeEngine } from "@conclave/engine-node";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Docket, DocketRefused, type KnownRequest } from "./docket.ts";
import { requestId } from "./request.ts";
import { Cluster } from "./testing/cluster.ts";
import { paymentRequest } from "./testing/payments.ts";

const cluster = new Cluster();

function docketOf({ isBinding = false, isSettled = (_entry: KnownRequest): boolean => false }) {
  const docket = new Docket({ engine: nodeEngine, roster: cluster.roster });
  const learn = (number: number, origin = 1) => {
    const request = paymentRequest(cluster, { idempotencyKey: `invoice ${number}`, origin });
    docket.learn({ request, revision: null }, { walletOf: () => undefined, isBinding: () => isBinding, isSettled });
    return requestId(request);
  };
  return { docket, learn };
}

test("of an origin's requests that are over, the latest 32 are kept; another origin's do not crowd them out", () => {
  const { docket, learn } = docketOf({ isSettled: () => true });
  const ids = Array.from({ length: 40 }, (_, i) => learn(i));
  for (let i = 0; i < 40; i++) learn(i, 2);
  const kept = ids.filter((id) => docket.get(id) !== undefined);
  assert.deepEqual(kept, ids.slice(-33), "the last one was not over when it came");
});

test("a request that is not over stays, however many came after it are", () => {
  const over = new Set<KnownRequest>();
  const { docket, learn } = docketOf({ isSettled: (entry) => over.has(entry) });
  const first = learn(0);
  for (let i = 1; i < 60; i++) over.add(docket.get(learn(i))!);
  assert.ok(docket.get(first) !== undefined);
  assert.ok(docket.all().length < 40, `${docket.all().length} are kept`);
});

test("an origin whose requests all bind this node has to wait before it can ask for more", () => {
  const { learn } = docketOf({ isBinding: true });
  for (let i = 0; i < 512; i++) learn(i);
  assert.throws(() => learn(512), DocketRefused);
  learn(512, 2);
});
