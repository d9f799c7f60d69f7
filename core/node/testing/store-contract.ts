/** What every store promises. Each adapter's test calls `storeContract`; the in-memory twin passes it first. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CodecError } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import {
  AUDIT_GENESIS,
  MAX_PAGE,
  StoreUnavailable,
  type AuditRecord,
  type Cursor,
  type EventId,
  type EventStatus,
  type RequestId,
  type Store,
  type StoredEvent,
  type StoredRequest,
  type StoredTransaction,
} from "../store-port.ts";

/** One empty place for a store. `reopen` closes the store and opens it again, where the store outlives its process. */
export interface StorePlace {
  readonly store: Store;
  readonly reopen?: () => Promise<Store>;
  readonly dispose: () => Promise<void>;
}

const id = (n: number): string => n.toString(16).padStart(64, "0");

/** Request number `n` of a test: id, body and times follow from the number. */
export const sampleRequest = (n: number, change: Partial<StoredRequest> = {}): StoredRequest => ({
  id: id(n) as RequestId,
  kind: "payment",
  body: Uint8Array.of(1, 2, n & 255),
  idempotencyKey: null,
  origin: id(0xa0) as NodeId,
  createdAtMs: 1_000_000 + n,
  height: 10,
  expiresAtMs: 2_000_000,
  ...change,
});

export const sampleEvent = (n: number, change: Partial<StoredEvent> = {}): StoredEvent => ({
  id: id(0xe000 + n) as EventId,
  request: id(1) as RequestId,
  type: "SIGN",
  status: "PENDING",
  attempt: 0,
  notBeforeMs: 0,
  height: 10,
  expiryHeight: null,
  error: null,
  result: null,
  reasons: [],
  ...change,
});

export const sampleTransaction = (n: number, change: Partial<StoredTransaction> = {}): StoredTransaction => ({
  txid: id(n) as RequestId,
  state: "pending",
  unsignedTx: null,
  signedTx: null,
  recipient: "bcrt1qexample",
  amountSats: 100_000n,
  feeSats: null,
  metadata: null,
  createdAtMs: 1_000_000 + n,
  confirmedAtMs: null,
  bitcoinTxid: null,
  confirmations: 0,
  reason: null,
  ...change,
});

const sampleAudit = (n: number): AuditRecord => ({
  atMs: 5_000 + n,
  actor: id(0xa0),
  action: "vote.cast",
  subject: id(n),
  detail: { round: n, approve: true, note: 'quoted " and ü', missing: null },
});

const NODE_A = id(0xa0) as NodeId;
const NODE_B = id(0xb0) as NodeId;

export function storeContract(name: string, makePlace: () => Promise<StorePlace>): void {
  const withStore = (test: (store: Store, place: StorePlace) => Promise<void>) => async () => {
    const place = await makePlace();
    try {
      await test(place.store, place);
    } finally {
      await place.dispose();
    }
  };

  describe(`store contract: ${name}`, () => {
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

    describe("events", () => {
      const withEvents = (test: (store: Store, place: StorePlace) => Promise<void>) =>
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
          const numbers = async (query: { status: EventStatus; limit: number; dueAtMs?: number }) =>
            (await events.list(query)).map((event) => Number.parseInt(event.id, 16) - 0xe000);
          assert.deepEqual(await numbers({ status: "PENDING", limit: 9 }), [2, 4, 3]);
          assert.deepEqual(await numbers({ status: "PENDING", limit: 2 }), [2, 4]);
          assert.deepEqual(await numbers({ status: "PENDING", limit: 9, dueAtMs: 499 }), [4, 3]);
          assert.deepEqual(await numbers({ status: "PENDING", limit: 9, dueAtMs: 500 }), [2, 4, 3]);
          assert.deepEqual(await numbers({ status: "SUCCESS", limit: 9 }), [1]);
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

    describe("transactions", () => {
      it(
        "are overwritten by their id, with amounts up to 21 million bitcoin",
        withStore(async ({ requests, transactions }) => {
          await requests.insert(sampleRequest(1));
          const pending = sampleTransaction(1, { amountSats: 2_100_000_000_000_000n });
          await transactions.upsert(pending);
          assert.deepEqual(await transactions.get(pending.txid), pending);
          const confirmed = sampleTransaction(1, {
            state: "confirmed",
            unsignedTx: Uint8Array.of(1),
            signedTx: Uint8Array.of(2, 0),
            feeSats: 1_234n,
            metadata: "rent ü",
            confirmedAtMs: 3_000_000,
            bitcoinTxid: id(0xb17),
            confirmations: 6,
            reason: "none",
          });
          await transactions.upsert(confirmed);
          assert.deepEqual(await transactions.get(confirmed.txid), confirmed);
          assert.equal(await transactions.get(id(2) as RequestId), undefined);
          await assert.rejects(transactions.upsert(sampleTransaction(9)), StoreUnavailable);
        }),
      );
      it(
        "are listed newest first by state, page by page",
        withStore(async ({ requests, transactions }) => {
          for (const n of [1, 2, 3, 4]) {
            await requests.insert(sampleRequest(n));
            await transactions.upsert(
              sampleTransaction(n, { createdAtMs: 7, state: n === 2 ? "signed" : n === 3 ? "failed" : "pending" }),
            );
          }
          const states = ["pending", "signed"] as const;
          const first = await transactions.list({ limit: 2, states });
          assert.deepEqual(
            first.rows.map(({ txid }) => txid),
            [id(4), id(2)],
          );
          assert(first.next !== null);
          const second = await transactions.list({ limit: 2, states, after: first.next });
          assert.deepEqual(
            second.rows.map(({ txid }) => txid),
            [id(1)],
          );
          assert.equal(second.next, null);
          assert.deepEqual((await transactions.list({ limit: 9, states: [] })).rows, []);
          assert.equal((await transactions.list({ limit: 9 })).rows.length, 4);
        }),
      );
      it(
        "refuse a cursor that is none, and a page without a limit",
        withStore(async ({ transactions }) => {
          for (const after of ["", "7", `7.${id(1)}.`, `07.${id(1)}`, `-1.${id(1)}`, "7.xyz", `1e3.${id(1)}`])
            await assert.rejects(transactions.list({ limit: 1, after: after as Cursor }), CodecError, after);
          for (const limit of [0, -1, 1.5, Number.NaN, MAX_PAGE + 1])
            await assert.rejects(transactions.list({ limit }), /a page has 1 to/);
        }),
      );
    });

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
          assert.deepEqual(await violations.list({ limit: 1, before: third, node: NODE_A }), [
            { ...timeout, id: first },
          ]);
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

    describe("the audit log", () => {
      it(
        "chains every entry to the one before",
        withStore(async ({ audit }) => {
          assert.deepEqual(await audit.head(), { position: 0, hash: AUDIT_GENESIS });
          const first = await audit.append(sampleAudit(1));
          const second = await audit.append(sampleAudit(2));
          assert.deepEqual([first.position, first.previous], [1, AUDIT_GENESIS]);
          assert.deepEqual([second.position, second.previous], [2, first.hash]);
          assert.deepEqual(second.detail, sampleAudit(2).detail);
          assert.deepEqual(await audit.list({ from: 1, limit: 9 }), [first, second]);
          assert.deepEqual(await audit.list({ from: 2, limit: 9 }), [second]);
          assert.deepEqual(await audit.head(), { position: 2, hash: second.hash });
          assert.deepEqual(await audit.verify(), { intact: true, entries: 2 });
        }),
      );
      it(
        "loses no entry when many are written at once",
        withStore(async ({ audit }) => {
          await Promise.all(Array.from({ length: 12 }, (_, n) => audit.append(sampleAudit(n))));
          assert.deepEqual(await audit.verify(), { intact: true, entries: 12 });
        }),
      );
      it(
        "notices that entries after a known head are gone or others",
        withStore(async ({ audit }) => {
          const { position, hash } = await audit.append(sampleAudit(1));
          await audit.append(sampleAudit(2));
          assert.deepEqual(await audit.verify({ position, hash }), { intact: true, entries: 2 });
          assert.deepEqual(await audit.verify({ position: 3, hash }), {
            intact: false,
            position: 3,
            reason: "the log was cut",
          });
          assert.deepEqual(await audit.verify({ position: 2, hash }), {
            intact: false,
            position: 2,
            reason: "not the known head",
          });
        }),
      );
    });

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
  });
}
