import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Coordination } from "@conclave/node";
import { bothCoordinations, etcdCoordination } from "./index.ts";
import { statement, USUAL } from "./testing/nodes.ts";
import { startFakeEtcd } from "./testing/fake-etcd.ts";
import { eventually } from "./testing/patience.ts";

/** A coordination that hands everything straight back to who listens. */
function echo(): Coordination & { readonly withdrawn: string[]; isClosed: boolean } {
  let hear: ((wire: Uint8Array) => Promise<boolean>) | null = null;
  return {
    withdrawn: [],
    isClosed: false,
    publish: ({ wire }) => void hear?.(wire),
    withdraw(topic) {
      this.withdrawn.push(topic);
    },
    start(read) {
      hear = read;
      return Promise.resolve();
    },
    close() {
      this.isClosed = true;
      return Promise.resolve();
    },
  };
}

describe("two coordinations as one", () => {
  test("a statement goes both ways, and so does its end", async () => {
    const [first, second] = [echo(), echo()];
    const both = bothCoordinations(first, second);
    const heard: Uint8Array[] = [];
    await both.start((wire) => Promise.resolve(heard.push(wire) > 0));
    both.publish(statement(1));
    both.withdraw("t");
    await both.close();
    assert.equal(heard.length, 2);
    assert.deepEqual([first.withdrawn, second.withdrawn], [["t"], ["t"]]);
    assert.ok(first.isClosed && second.isClosed);
  });

  test("with etcd away, statements pass the other way at once, and neither start nor close waits for it", async () => {
    const gone = await startFakeEtcd();
    const endpoints = [gone.url];
    await gone.close();
    const etcd = etcdCoordination({ ...USUAL, endpoints });
    const both = bothCoordinations(echo(), etcd);
    const heard: Uint8Array[] = [];
    await both.start((wire) => Promise.resolve(heard.push(wire) > 0));
    both.publish(statement(1));
    assert.equal(heard.length, 1);
    await eventually("etcd is away", () => etcd.status().state === "away");
    assert.equal(etcd.status().waiting, 1);
    await both.close();
    await assert.rejects(
      etcd.start(() => Promise.resolve(true)),
      /was started before, or is closed/,
    );
  });

  test("closing one that fails closes the other, and tells", async () => {
    const second = echo();
    const both = bothCoordinations({ ...echo(), close: () => Promise.reject(new Error("stuck")) }, second);
    await assert.rejects(both.close(), /stuck/);
    assert.ok(second.isClosed);
  });
});
