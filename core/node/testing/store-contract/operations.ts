/** Violations, node status and address counters. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeId } from "@conclave/consensus";
import type { RequestId } from "../../store/ids.ts";
import { MAX_PAGE } from "../../store/pages.ts";
import { VIOLATION_TYPES } from "../../store/violations.ts";
import type { WithStore } from "./place.ts";
import { id, NODE_A, NODE_B } from "./samples.ts";

/** The tests of these tables. */
export function operationsContract(withStore: WithStore): void {
  describe("violations, nodes and addresses", () => {
    it(
      "lists violations latest first, by node",
      withStore(async ({ violations }) => {
        const timeout = {
          node: NODE_A,
          type: "Timeout",
          request: null,
          evidence: null,
          detectedAtMs: 5,
          actionTaken: "excluded from this round",
        } as const;
        const proven = {
          ...timeout,
          node: NODE_B,
          type: "DoubleVote",
          request: id(1) as RequestId,
          evidence: Uint8Array.of(1, 2),
        } as const;
        const first = await violations.insert(timeout);
        const second = await violations.insert(proven);
        const third = await violations.insert(timeout);
        assert.deepEqual(await violations.list({ limit: 9 }), [
          { ...timeout, id: third },
          { ...proven, id: second },
          { ...timeout, id: first },
        ]);
        assert.deepEqual(await violations.list({ limit: 9, node: NODE_B }), [{ ...proven, id: second }]);
        assert.deepEqual(await violations.list({ limit: 1, before: third, node: NODE_A }), [{ ...timeout, id: first }]);
      }),
    );
    it(
      "takes every kind of violation that the rules know",
      withStore(async ({ violations }) => {
        const row = { node: NODE_A, request: null, evidence: null, detectedAtMs: 5, actionTaken: "banned" };
        for (const type of VIOLATION_TYPES) await violations.insert({ ...row, type });
        const stored = await violations.list({ limit: MAX_PAGE });
        assert.deepEqual(
          stored.map(({ type }) => type),
          VIOLATION_TYPES.toReversed(),
        );
      }),
    );
    it(
      "knows one end of each presignature",
      withStore(async ({ presignatures }) => {
        const used = {
          presignature: id(7),
          key: id(0xce),
          request: id(1) as RequestId,
          revision: 1,
          attempt: 0,
          end: "used",
          nonces: 1,
          usedAtMs: 9,
        } as const;
        const untaken = { request: null, revision: null, attempt: null } as const;
        const burnt = { ...used, ...untaken, presignature: id(8), end: "burnt", nonces: 0 } as const;
        const refused = { ...used, presignature: id(0xd), attempt: 3, end: "burnt", nonces: 0 } as const;
        for (const end of [used, burnt, refused]) assert.equal(await presignatures.insert(end), "saved");
        assert.equal(await presignatures.insert({ ...used, usedAtMs: 10 }), "known");
        for (const change of [
          { request: id(2) as RequestId },
          { key: id(2) },
          { revision: 2 },
          { attempt: 1 },
          { nonces: 2 },
        ])
          assert.equal(await presignatures.insert({ ...used, ...change }), "conflict");
        assert.equal(await presignatures.insert({ ...burnt, end: "used" }), "conflict");
        assert.deepEqual(await presignatures.get(id(7)), used);
        assert.deepEqual(await presignatures.get(id(8)), burnt);
        assert.deepEqual(await presignatures.get(id(0xd)), refused);
        assert.equal(await presignatures.get(id(9)), undefined);
      }),
    );
    it(
      "keeps the last status of each node",
      withStore(async ({ nodes }) => {
        await nodes.set({ node: NODE_B, lastSeenMs: 1, status: "online", detail: null });
        await nodes.set({ node: NODE_A, lastSeenMs: 2, status: "online", detail: null });
        await nodes.set({ node: NODE_B, lastSeenMs: 3, status: "offline", detail: "no route" });
        const b = { node: NODE_B, lastSeenMs: 3, status: "offline", detail: "no route" } as const;
        assert.deepEqual(await nodes.get(NODE_B), b);
        assert.deepEqual(await nodes.list(), [{ node: NODE_A, lastSeenMs: 2, status: "online", detail: null }, b]);
        assert.equal(await nodes.get(id(1) as NodeId), undefined);
      }),
    );
    it(
      "never gives out an address index twice",
      withStore(async ({ addresses }) => {
        const wallet = id(0xca);
        assert.equal(await addresses.next(wallet, 0), 0);
        const taken = await Promise.all(Array.from({ length: 5 }, () => addresses.take(wallet, 0)));
        assert.deepEqual(
          taken.toSorted((a, b) => a - b),
          [0, 1, 2, 3, 4],
        );
        assert.equal(await addresses.take(wallet, 1), 0);
        await addresses.raise(wallet, 0, 20);
        await addresses.raise(wallet, 0, 7);
        assert.equal(await addresses.next(wallet, 0), 20);
        await addresses.raise(id(0xcb), 1, 3);
        assert.equal(await addresses.take(id(0xcb), 1), 3);
      }),
    );
  });
}
