/** Votes: one for each node and round, contradictions kept as evidence. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestId } from "../../store/ids.ts";
import { StoreUnavailable } from "../../store/outcome.ts";
import type { Store } from "../../store/port.ts";
import type { WithStore } from "./place.ts";
import { id, NODE_A, NODE_B, sampleRequest } from "./samples.ts";

export function votesContract(withStore: WithStore): void {
  describe("votes", () => {
    const open = async (store: Store, { round = 1 } = {}) => {
      await store.requests.insert(sampleRequest(1));
      return store.votes.openRound({ request: id(1) as RequestId, revision: 1, round, openedAtMs: 50 });
    };
    it(
      "belong to a round, which is opened once and closed once",
      withStore(async (store) => {
        const round = await open(store);
        assert.deepEqual(
          await store.votes.openRound({ request: round.request, revision: 1, round: 1, openedAtMs: 99 }),
          round,
        );
        assert.deepEqual(
          { ...round, id: 0 },
          {
            id: 0,
            request: id(1) as RequestId,
            revision: 1,
            round: 1,
            openedAtMs: 50,
            closedAtMs: null,
            outcome: null,
          },
        );
        assert.equal(await store.votes.closeRound(round.id, { closedAtMs: 60, outcome: "approved" }), true);
        assert.equal(await store.votes.closeRound(round.id, { closedAtMs: 70, outcome: "rejected" }), false);
        assert.equal(await store.votes.closeRound(round.id + 1, { closedAtMs: 70, outcome: "rejected" }), false);
        assert.deepEqual(await store.votes.round(round.id), { ...round, closedAtMs: 60, outcome: "approved" });
        assert.equal(await store.votes.round(round.id + 1), undefined);
      }),
    );
    it(
      "have rounds in order of revision and round",
      withStore(async (store) => {
        await open(store, { round: 2 });
        await store.votes.openRound({ request: id(1) as RequestId, revision: 2, round: 1, openedAtMs: 0 });
        await open(store, { round: 1 });
        const rounds = await store.votes.rounds(id(1) as RequestId);
        assert.deepEqual(
          rounds.map(({ revision, round }) => [revision, round]),
          [
            [1, 1],
            [1, 2],
            [2, 1],
          ],
        );
      }),
    );
    it(
      "are one for each node; the first other one is kept as evidence, and no more",
      withStore(async (store) => {
        const { id: votingRound } = await open(store);
        const vote = { votingRound, node: NODE_A, approve: true, bytes: Uint8Array.of(1), receivedAtMs: 51 };
        const other = { ...vote, approve: false, bytes: Uint8Array.of(2), receivedAtMs: 52 };
        const honest = { ...vote, node: NODE_B, receivedAtMs: 53 };
        assert.equal(await store.votes.insert(vote), "saved");
        assert.equal(await store.votes.insert({ ...vote, receivedAtMs: 99 }), "known");
        assert.equal(await store.votes.insert(other), "conflict");
        assert.equal(await store.votes.insert(other), "conflict");
        assert.equal(await store.votes.insert({ ...other, bytes: Uint8Array.of(3) }), "conflict");
        assert.equal(await store.votes.insert(honest), "saved");
        assert.deepEqual(await store.votes.list(votingRound), [
          { ...vote, order: "first" },
          { ...other, order: "second" },
          { ...honest, order: "first" },
        ]);
      }),
    );
    it(
      "need a round, and rounds a request",
      withStore(async ({ votes }) => {
        const vote = { votingRound: 77, node: NODE_A, approve: true, bytes: Uint8Array.of(1), receivedAtMs: 51 };
        await assert.rejects(votes.insert(vote), StoreUnavailable);
        await assert.rejects(
          votes.openRound({ request: id(9) as RequestId, revision: 1, round: 1, openedAtMs: 0 }),
          StoreUnavailable,
        );
        assert.deepEqual(await votes.list(77), []);
      }),
    );
  });
}
