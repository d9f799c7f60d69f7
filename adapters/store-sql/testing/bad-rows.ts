import type { RequestId, Store } from "@conclave/node";
import { sampleEvent, sampleRequest, sampleTransaction } from "@conclave/node/testing";

/** What the tables of every database refuse, once request 1 is there. */
export const BAD_ROWS: readonly (readonly [what: string, write: (store: Store) => Promise<unknown>])[] = [
  [
    "a state that nobody knows",
    ({ transactions }) => transactions.upsert(sampleTransaction(1, { state: "paid" as "signed" })),
  ],
  ["a negative amount", ({ transactions }) => transactions.upsert(sampleTransaction(1, { amountSats: -1n }))],
  [
    "more than 21 million bitcoin",
    ({ transactions }) => transactions.upsert(sampleTransaction(1, { amountSats: 2_100_000_000_000_001n })),
  ],
  ["a negative fee", ({ transactions }) => transactions.upsert(sampleTransaction(1, { feeSats: -1n }))],
  ["a short id", ({ requests }) => requests.insert(sampleRequest(2, { id: "ab" as RequestId }))],
  ["an unknown event type", ({ events }) => events.insert(sampleEvent(1, { type: "MINE" as "SIGN" }))],
  ["an unknown event status", ({ events }) => events.insert(sampleEvent(1, { status: "LOST" as "FAILED" }))],
  [
    "revision 0",
    ({ requests }) =>
      requests.insertRevision({
        request: sampleRequest(1).id,
        number: 0,
        digest: "0".repeat(64),
        body: new Uint8Array(0),
      }),
  ],
  [
    "a node status that nobody knows",
    ({ nodes }) =>
      nodes.set({ node: sampleRequest(1).origin, lastSeenMs: 1, status: "asleep" as "online", detail: null }),
  ],
];
