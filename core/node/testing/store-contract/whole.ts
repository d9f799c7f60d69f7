/** What a store promises as a whole: all or nothing, copies in and out, and an end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AUDIT_GENESIS } from "../../store/audit.ts";
import type { RequestId } from "../../store/ids.ts";
import { StoreUnavailable } from "../../store/outcome.ts";
import type { WithStore } from "./place.ts";
import { id, sampleAudit, sampleEvent, sampleRequest } from "./samples.ts";

export function wholeStoreContract(withStore: WithStore): void {
  describe("transactions of the store", () => {
    it(
      "keep everything or nothing",
      withStore(async (store) => {
        const failure = Object.assign(new Error("stop"), { code: "EXAMPLE" });
        const work = store.transaction(async (tables) => {
          await tables.requests.insert(sampleRequest(1));
          await tables.events.insert(sampleEvent(1));
          await tables.audit.append(sampleAudit(1));
          assert.equal((await tables.requests.get(sampleRequest(1).id))?.kind, "payment");
          throw failure;
        });
        await assert.rejects(work, (error) => error === failure);
        assert.equal(await store.requests.get(sampleRequest(1).id), undefined);
        assert.deepEqual(await store.audit.head(), { position: 0, hash: AUDIT_GENESIS });
        const count = await store.transaction(async (tables) => {
          await tables.requests.insert(sampleRequest(1));
          await tables.events.insert(sampleEvent(1));
          return tables.events.resetInProgressEventsToPending(1, 1);
        });
        assert.equal(count, 0);
        assert.equal((await store.events.get(sampleEvent(1).id))?.status, "PENDING");
      }),
    );
    it(
      "are not seen half done by others",
      withStore(async (store) => {
        const order: string[] = [];
        const both = store.transaction(async ({ requests }) => {
          await requests.insert(sampleRequest(1));
          await Promise.resolve();
          order.push("written");
          await requests.insert(sampleRequest(2));
        });
        const rows = store.requests.list({ limit: 9 }).then(({ rows }) => rows.length);
        await both;
        assert.deepEqual(order, ["written"]);
        assert([0, 2].includes(await rows));
      }),
    );
    it(
      "go on after one that failed",
      withStore(async (store) => {
        const failing = store.transaction(({ events }) => events.insert(sampleEvent(1)));
        const next = store.requests.insert(sampleRequest(1));
        await assert.rejects(failing, StoreUnavailable);
        assert.equal((await next).result, "saved");
      }),
    );
  });

  it(
    "gives copies: changing a row outside changes nothing inside",
    withStore(async ({ requests }) => {
      const request = sampleRequest(1);
      await requests.insert(request);
      request.body.fill(0);
      (await requests.get(request.id))?.body.fill(0);
      assert.deepEqual((await requests.get(request.id))?.body, sampleRequest(1).body);
    }),
  );

  it(
    "refuses every call after close, and may be closed twice",
    withStore(async (store) => {
      await store.close();
      await store.close();
      await assert.rejects(store.requests.get(id(1) as RequestId), StoreUnavailable);
      await assert.rejects(store.audit.append(sampleAudit(1)), StoreUnavailable);
      await assert.rejects(
        store.transaction(async () => undefined),
        StoreUnavailable,
      );
    }),
  );
}
