/** What a node keeps of any request that is voted on: its content, its revisions, the votes and how they ended. */
import { toHex } from "@conclave/bytes";
import {
  requestCodec,
  requestId,
  revisionCodec,
  revisionDigest,
  type CustodyEvent,
  type Request,
  type Revision,
} from "@conclave/custody";
import type { Context } from "./context.ts";
import { requestHex } from "./records.ts";
import type { StoreTables } from "./store/port.ts";
import type { StoredRequest } from "./store/requests.ts";

type Event<K extends CustodyEvent["kind"]> = Extract<CustodyEvent, { kind: K }>;

export interface TakenIn {
  readonly request: Request;
  readonly revision: Revision | null;
  readonly idempotencyKey: string | null;
}

/** Request, revision and whatever `beside` adds in one write: after a crash there is all of it or nothing. */
export async function keepRequest(
  { store, clock }: Pick<Context, "store" | "clock">,
  { request, revision, idempotencyKey }: TakenIn,
  beside: (stored: StoredRequest, tables: StoreTables) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const nowMs = clock.nowMs();
  const stored: StoredRequest = {
    id: requestHex(requestId(request)),
    kind: request.kind,
    body: requestCodec.encode(request),
    idempotencyKey,
    origin: request.origin,
    createdAtMs: nowMs,
    height: request.height,
    expiresAtMs: nowMs + (request.expiresHeight - request.height) * 1_000,
  };
  await store.transaction(async (tables) => {
    await tables.requests.insert(stored);
    if (revision !== null) await keepRevision(tables, revision);
    await beside(stored, tables);
  });
}

/** The revision's request must be there. */
export async function keepRevision({ requests }: Pick<StoreTables, "requests">, revision: Revision): Promise<void> {
  await requests.insertRevision({
    request: requestHex(revision.request),
    number: revision.number,
    digest: toHex(revisionDigest(revision)),
    body: revisionCodec.encode(revision),
  });
}

/** Keep what was heard of peers' journals, and verified votes: all that came at once in one write. */
export async function keepHeard(
  { store, clock }: Pick<Context, "store" | "clock">,
  events: readonly CustodyEvent[],
): Promise<void> {
  const witnessed = events.filter((event) => event.kind === "witnessed");
  const voted = events.filter((event) => event.kind === "voted");
  if (witnessed.length + voted.length === 0) return;
  const nowMs = clock.nowMs();
  await store.transaction(async ({ nodes, votes }) => {
    for (const { node, wire } of witnessed)
      await nodes.set({ node, lastSeenMs: nowMs, status: "online", detail: toHex(wire) });
    for (const { request, revision, round, voter, value, vote } of voted) {
      const opened = await votes.openRound({ request: requestHex(request), revision, round, openedAtMs: nowMs });
      const kept = { votingRound: opened.id, node: voter, approve: value, bytes: vote, receivedAtMs: nowMs };
      await votes.insert(kept);
    }
  });
}

/** Keep how the votes on a revision ended. */
export async function closeVoting(
  { store, clock }: Pick<Context, "store" | "clock">,
  { request, revision, round, verdict }: Event<"verdict">,
): Promise<void> {
  const nowMs = clock.nowMs();
  await store.transaction(async ({ votes }) => {
    const opened = await votes.openRound({ request: requestHex(request), revision, round, openedAtMs: nowMs });
    await votes.closeRound(opened.id, { closedAtMs: nowMs, outcome: verdict });
  });
}

/** Objections that come from this node's own earlier promises: it has voted already, or may not any more. */
export const OWN_PROMISES: ReadonlySet<string> = new Set([
  "slot-taken",
  "old-round",
  "intent-ended",
  "already-signed",
  "not-newer",
]);
