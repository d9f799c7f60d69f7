/** Requests and revisions: saved once, never changed, listed newest first. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestId } from "../../store/ids.ts";
import { StoreUnavailable } from "../../store/outcome.ts";
import type { Cursor } from "../../store/pages.ts";
import type { WithStore } from "./place.ts";
import { id, sampleRequest } from "./samples.ts";

export function requestsContract(withStore: WithStore): void {
  describe("requests", () => {
    it(
      "are saved once and known afterwards, with their first values",
      withStore(async ({ requests }) => {
        const request = sampleRequest(1, { idempotencyKey: "order-7" });
        assert.deepEqual(await requests.insert(request), { result: "saved", stored: request });
        assert.deepEqual(await requests.insert({ ...request, createdAtMs: 9 }), { result: "known", stored: request });
        assert.deepEqual(await requests.get(request.id), request);
        assert.deepEqual(await requests.byIdempotencyKey("order-7"), request);
        assert.equal(await requests.get(id(2) as RequestId), undefined);
        assert.equal(await requests.byIdempotencyKey("order-8"), undefined);
      }),
    );
    it(
      "conflict when an idempotency key or an id comes with another body",
      withStore(async ({ requests }) => {
        const first = sampleRequest(1, { idempotencyKey: "order-7" });
        await requests.insert(first);
        const sameKey = sampleRequest(2, { idempotencyKey: "order-7" });
        assert.deepEqual(await requests.insert(sameKey), { result: "conflict", stored: first });
        const sameId = sampleRequest(1, { body: Uint8Array.of(9) });
        assert.deepEqual(await requests.insert(sameId), { result: "conflict", stored: first });
        assert.equal(await requests.get(sameKey.id), undefined);
      }),
    );
    it(
      "may lack an idempotency key, all of them",
      withStore(async ({ requests }) => {
        assert.equal((await requests.insert(sampleRequest(1))).result, "saved");
        assert.equal((await requests.insert(sampleRequest(2))).result, "saved");
      }),
    );
    it(
      "take times beyond 32 bits, a whole body, and any text",
      withStore(async ({ requests }) => {
        const body = Uint8Array.from({ length: 100_000 }, (_, i) => i & 255);
        const request = sampleRequest(1, {
          body,
          createdAtMs: Number.MAX_SAFE_INTEGER,
          kind: "o'; DROP TABLE requests; -- ü",
        });
        await requests.insert(request);
        assert.deepEqual(await requests.get(request.id), request);
      }),
    );
    it(
      "are listed newest first, page by page, each once",
      withStore(async ({ requests }) => {
        for (const n of [3, 1, 5, 2, 4]) await requests.insert(sampleRequest(n, { createdAtMs: n < 3 ? 7 : 8 }));
        const seen: number[] = [];
        let after: Cursor | undefined;
        do {
          const page = await requests.list({ limit: 2, ...(after === undefined ? {} : { after }) });
          seen.push(...page.rows.map((row) => Number.parseInt(row.id, 16)));
          after = page.next ?? undefined;
        } while (after !== undefined);
        assert.deepEqual(seen, [5, 4, 3, 2, 1]);
        assert.equal((await requests.list({ limit: 5 })).next, null);
      }),
    );
    it(
      "keep numbered revisions that never change",
      withStore(async ({ requests }) => {
        const request = sampleRequest(1);
        await requests.insert(request);
        const revision = { request: request.id, number: 1, digest: id(0xd1), body: Uint8Array.of(1) };
        assert.equal(await requests.insertRevision({ ...revision, number: 2, digest: id(0xd2) }), "saved");
        assert.equal(await requests.insertRevision(revision), "saved");
        assert.equal(await requests.insertRevision(revision), "known");
        assert.equal(await requests.insertRevision({ ...revision, body: Uint8Array.of(2) }), "conflict");
        assert.equal(await requests.insertRevision({ ...revision, digest: id(0xd3) }), "conflict");
        assert.deepEqual(await requests.revision(request.id, 1), revision);
        assert.equal(await requests.revision(request.id, 3), undefined);
        assert.deepEqual(
          (await requests.revisions(request.id)).map(({ number }) => number),
          [1, 2],
        );
        await assert.rejects(requests.insertRevision({ ...revision, request: id(9) as RequestId }), StoreUnavailable);
      }),
    );
  });
}
