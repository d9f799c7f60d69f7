/** Events: claimed by one, taken up again after a restart. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EventStatus, EventType } from "../../store/events.ts";
import type { RequestId } from "../../store/ids.ts";
import { StoreUnavailable } from "../../store/outcome.ts";
import type { StoreTest, WithStore } from "./place.ts";
import { id, sampleEvent, sampleRequest } from "./samples.ts";

export function eventsContract(withStore: WithStore): void {
  describe("events", () => {
    const withEvents = (test: StoreTest) =>
      withStore(async (store, place) => {
        await store.requests.insert(sampleRequest(1));
        await test(store, place);
      });
    it(
      "are inserted once",
      withEvents(async ({ events }) => {
        const event = sampleEvent(1, { reasons: ["a", "b"], result: Uint8Array.of(7), expiryHeight: 1010 });
        assert.equal(await events.insert(event), "saved");
        assert.equal(await events.insert({ ...event, status: "FAILED" }), "known");
        assert.equal(await events.insert({ ...event, height: 11 }), "conflict");
        assert.deepEqual(await events.get(event.id), event);
        assert.deepEqual(await events.ofRequest(event.request), [event]);
        assert.equal(await events.get(sampleEvent(2).id), undefined);
        await assert.rejects(events.insert(sampleEvent(3, { request: id(9) as RequestId })), StoreUnavailable);
      }),
    );
    it(
      "are listed by status, oldest first, due ones only if asked",
      withEvents(async ({ events }) => {
        await events.insert(sampleEvent(3, { height: 12 }));
        await events.insert(sampleEvent(2, { height: 11, notBeforeMs: 500 }));
        await events.insert(sampleEvent(4, { height: 11 }));
        await events.insert(sampleEvent(1, { height: 10, status: "SUCCESS" }));
        await events.insert(sampleEvent(5, { height: 13, status: "SUCCESS", type: "REKEY" }));
        const numbers = async (query: { status: EventStatus; limit: number; dueAtMs?: number; type?: EventType }) =>
          (await events.list(query)).map((event) => Number.parseInt(event.id, 16) - 0xe000);
        assert.deepEqual(await numbers({ status: "PENDING", limit: 9 }), [2, 4, 3]);
        assert.deepEqual(await numbers({ status: "PENDING", limit: 2 }), [2, 4]);
        assert.deepEqual(await numbers({ status: "PENDING", limit: 9, dueAtMs: 499 }), [4, 3]);
        assert.deepEqual(await numbers({ status: "PENDING", limit: 9, dueAtMs: 500 }), [2, 4, 3]);
        assert.deepEqual(await numbers({ status: "SUCCESS", limit: 9 }), [1, 5]);
        assert.deepEqual(await numbers({ status: "SUCCESS", limit: 9, type: "REKEY" }), [5]);
        assert.deepEqual(await numbers({ status: "PENDING", limit: 9, type: "REKEY" }), []);
      }),
    );
    it(
      "change only while their status is the expected one",
      withEvents(async ({ events }) => {
        const event = sampleEvent(1);
        await events.insert(event);
        assert.equal(await events.update(event.id, "IN_PROGRESS", { status: "SUCCESS" }), false);
        assert.equal(await events.update(event.id, "PENDING", { status: "IN_PROGRESS", attempt: 1 }), true);
        assert.equal(await events.update(event.id, "PENDING", { status: "IN_PROGRESS", attempt: 2 }), false);
        assert.equal(await events.update(event.id, "IN_PROGRESS", { reason: "node 3 was silent" }), true);
        assert.equal(
          await events.update(event.id, "IN_PROGRESS", { status: "FAILED", error: "gave up", reason: "again" }),
          true,
        );
        assert.equal(await events.update(sampleEvent(2).id, "PENDING", { status: "FAILED" }), false);
        assert.deepEqual(await events.get(event.id), {
          ...event,
          status: "FAILED",
          attempt: 1,
          error: "gave up",
          reasons: ["node 3 was silent", "again"],
        });
      }),
    );
    it(
      "take a result, and lose an error again",
      withEvents(async ({ events }) => {
        const event = sampleEvent(1, { status: "IN_PROGRESS", error: "old" });
        await events.insert(event);
        await events.update(event.id, "IN_PROGRESS", { status: "SUCCESS", error: null, result: Uint8Array.of(1, 2) });
        const after = await events.get(event.id);
        assert.deepEqual([after?.error, after?.result], [null, Uint8Array.of(1, 2)]);
      }),
    );
    it(
      "are claimed by exactly one of several that try at once",
      withEvents(async ({ events }) => {
        await events.insert(sampleEvent(1));
        const tries = Array.from({ length: 8 }, () =>
          events.update(sampleEvent(1).id, "PENDING", { status: "IN_PROGRESS" }),
        );
        assert.equal((await Promise.all(tries)).filter((won) => won).length, 1);
      }),
    );
    it(
      "that were in progress are pending again after a restart, later",
      withEvents(async (store, { reopen }) => {
        await store.events.insert(sampleEvent(1, { status: "IN_PROGRESS", attempt: 2, reasons: ["x"] }));
        await store.events.insert(sampleEvent(2, { status: "SUCCESS" }));
        const { events } = reopen === undefined ? store : await reopen();
        assert.equal(await events.resetInProgressEventsToPending(300, 1_000), 1);
        assert.deepEqual(
          await events.get(sampleEvent(1).id),
          sampleEvent(1, { notBeforeMs: 1_300, attempt: 2, reasons: ["x"] }),
        );
        assert.deepEqual(await events.get(sampleEvent(2).id), sampleEvent(2, { status: "SUCCESS" }));
        assert.equal(await events.resetInProgressEventsToPending(300, 2_000), 0);
      }),
    );
  });
}
