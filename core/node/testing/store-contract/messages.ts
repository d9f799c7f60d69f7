/** Messages: overwritten by id, listed by state, nothing of them lost. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestId } from "../../store/ids.ts";
import { StoreUnavailable } from "../../store/outcome.ts";
import type { WithStore } from "./place.ts";
import { id, sampleMessage, sampleRequest } from "./samples.ts";

export function messagesContract(withStore: WithStore): void {
  describe("messages", () => {
    it(
      "are overwritten by their id, and are there after a restart",
      withStore(async (store, { reopen }) => {
        await store.requests.insert(sampleRequest(1));
        const voting = sampleMessage(1, { state: "voting" });
        await store.messages.upsert(voting);
        assert.deepEqual(await store.messages.get(voting.id), voting);
        const signed = sampleMessage(1, {
          state: "signed",
          signature: new Uint8Array(65).fill(7),
          publicKey: new Uint8Array(33).fill(2),
          signedAtMs: 3_000_000,
          reason: "none",
        });
        await store.messages.upsert(signed);
        const { messages } = reopen === undefined ? store : await reopen();
        assert.deepEqual(await messages.get(signed.id), signed);
        assert.equal(await messages.get(id(2) as RequestId), undefined);
      }),
    );
    it(
      "of 65536 bytes or none are kept whole, a bare hash without the name of one",
      withStore(async ({ requests, messages }) => {
        for (const [n, message] of [new Uint8Array(65_536).fill(0xfe), new Uint8Array(0)].entries()) {
          await requests.insert(sampleRequest(n + 1));
          await messages.upsert(sampleMessage(n + 1, { message, hash: n === 0 ? "keccak256" : null }));
          const kept = await messages.get(id(n + 1) as RequestId);
          assert.deepEqual([kept?.message, kept?.hash], [message, n === 0 ? "keccak256" : null]);
        }
      }),
    );
    it(
      "are listed newest first by state, page by page",
      withStore(async ({ requests, messages }) => {
        for (const n of [1, 2, 3]) {
          await requests.insert(sampleRequest(n));
          await messages.upsert(sampleMessage(n, { createdAtMs: 7, state: n === 2 ? "signed" : "voting" }));
        }
        const first = await messages.list({ limit: 1, states: ["voting", "approved"] });
        assert.deepEqual(
          first.rows.map((row) => row.id),
          [id(3)],
        );
        assert(first.next !== null);
        const second = await messages.list({ limit: 1, states: ["voting"], after: first.next });
        assert.deepEqual([second.rows.map((row) => row.id), second.next], [[id(1)], null]);
        assert.deepEqual((await messages.list({ limit: 9, states: [] })).rows, []);
        assert.equal((await messages.list({ limit: 9 })).rows.length, 3);
      }),
    );
    it(
      "need their request",
      withStore(async ({ messages }) => {
        await assert.rejects(messages.upsert(sampleMessage(9)), StoreUnavailable);
      }),
    );
  });
}
