/** A history that hangs or fails: what clients are told, and when. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ServiceError, type NodeService } from "@conclave/api";
import { StoreUnavailable, type NodeStatus, type Store } from "@conclave/node";
import { memoryStore } from "@conclave/node/testing";
import { StoreWatch } from "./store-watch.ts";
import { timelyService } from "./timely-service.ts";

const TXID = "5a".repeat(32);
const QUICK = { silenceMs: 40, graceMs: 10 };

/** A history whose questions about nodes wait for `answer` while it stands still. */
function place() {
  const memory = memoryStore();
  let hung: PromiseWithResolvers<void> | null = null;
  const nodes = {
    ...memory.nodes,
    get: async (...args: Parameters<Store["nodes"]["get"]>): Promise<NodeStatus | undefined> => {
      await hung?.promise;
      return memory.nodes.get(...args);
    },
  };
  const watch = new StoreWatch();
  const store = watch.watched({ ...memory, nodes });
  let begun = 0;
  const ask = (): Promise<unknown> => store.nodes.get(TXID as Parameters<Store["nodes"]["get"]>[0]);
  const service = timelyService(
    {
      health: () => Promise.resolve("lives"),
      clusterStatus: () => Promise.resolve("without history"),
      transaction: async () => {
        await ask();
        return "read";
      },
      createTransaction: async () => {
        begun += 1;
        await ask();
        return "made";
      },
    } as unknown as NodeService,
    { watch, probe: ask, ...QUICK },
  );
  return {
    watch,
    store,
    service,
    read: () => service.transaction({ txid: TXID }),
    make: () => service.createTransaction({} as Parameters<NodeService["createTransaction"]>[0]),
    begun: () => begun,
    hang: () => {
      hung = Promise.withResolvers();
    },
    answer: () => {
      hung?.resolve();
      hung = null;
    },
  };
}

const refused = async (work: Promise<unknown>, detail: RegExp): Promise<void> => {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof ServiceError);
    assert.deepEqual([error.problem, error.status, error.retryAfterSeconds], ["store-unavailable", 503, 5]);
    assert.match(error.message, detail);
    return true;
  });
};

describe("while history does not answer", () => {
  test("whoever reads is told to come again, and then is served", async () => {
    const { read, hang, answer } = place();
    assert.equal(await read(), "read");
    hang();
    await refused(read(), /GET \/ready says why: ask again/);
    answer();
    assert.equal(await read(), "read");
  });

  test("no change is begun, and the client is told so", async () => {
    const { make, begun, hang, answer } = place();
    hang();
    await refused(make(), /nothing was done\. Send the request again/);
    assert.equal(begun(), 0);
    answer();
    assert.equal(await make(), "made");
  });

  test("what needs no history is answered, though others wait for it", async () => {
    const { service, read, hang, watch } = place();
    hang();
    await refused(read(), /ask again/);
    assert.ok(watch.silentMs >= QUICK.silenceMs);
    assert.equal(await service.clusterStatus(), "without history");
    assert.equal(await service.health(), "lives");
  });
});

test("a change that was begun when history went away may have happened, and the client is told how to find out", async () => {
  const { store, watch, hang } = place();
  const ask = (): Promise<unknown> => store.nodes.get(TXID as Parameters<Store["nodes"]["get"]>[0]);
  const service = timelyService({ createTransaction: ask } as unknown as NodeService, {
    watch,
    // History answers this question, and goes away.
    probe: () => ask().then(hang),
    ...QUICK,
  });
  await refused(
    service.createTransaction({} as Parameters<NodeService["createTransaction"]>[0]),
    /is not known: send it again with the same Idempotency-Key/,
  );
});

test("a history that fails at once is told alike, and other errors pass", async () => {
  const lost = new StoreUnavailable("unavailable", "store postgres://somewhere: its disk is full");
  const failing = (cause: Error) =>
    timelyService({ transaction: () => Promise.reject(cause) } as unknown as NodeService, {
      watch: new StoreWatch(),
      probe: () => Promise.resolve(),
    });
  await refused(failing(lost).transaction({ txid: TXID }), /ask again/);
  await assert.rejects(failing(new RangeError("ours")).transaction({ txid: TXID }), RangeError);
});

describe("a watch over history", () => {
  const watchAt = () => {
    const time = { ms: 0 };
    return { time, watch: new StoreWatch(() => time.ms) };
  };

  test("is silent for as long as the oldest question waits, unless others are answered meanwhile", async () => {
    const { time, watch } = watchAt();
    const slow = Promise.withResolvers<undefined>();
    const store = watch.watched({
      ...memoryStore(),
      durable: () => Promise.resolve(),
      requests: { get: () => slow.promise },
    } as unknown as Store);
    assert.equal(watch.silentMs, 0);
    const waits = store.requests.get(TXID as Parameters<Store["requests"]["get"]>[0]);
    time.ms = 70;
    assert.equal(watch.silentMs, 70);
    await store.durable();
    time.ms = 90;
    assert.equal(watch.silentMs, 20, "a queue that moves is no silence");
    slow.resolve(undefined);
    assert.equal(await waits, undefined);
    assert.equal(watch.silentMs, 0);
  });

  test("takes an error of the database for an answer, and that it cannot be had for none", async () => {
    const { time, watch } = watchAt();
    const errors = [new StoreUnavailable("unavailable", "store x: it is away"), new Error("a row of that name exists")];
    const never = new Promise<undefined>(() => {});
    const store = watch.watched({
      ...memoryStore(),
      durable: () => Promise.reject(errors.shift()!),
      requests: { get: () => never },
    } as unknown as Store);
    void store.requests.get(TXID as Parameters<Store["requests"]["get"]>[0]);
    time.ms = 50;
    await assert.rejects(store.durable(), StoreUnavailable);
    assert.equal(watch.silentMs, 50);
    await assert.rejects(store.durable(), /exists/);
    assert.equal(watch.silentMs, 0);
  });
});
