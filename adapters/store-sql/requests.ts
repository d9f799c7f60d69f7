import { equalBytes } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { RequestId, Requests, Revision, StoredRequest } from "@conclave/node";
import type { Kysely, Selectable } from "kysely";
import { pageOf } from "./pages.ts";
import { atomically, inserted, plainBytes, wholeNumber } from "./rows.ts";
import type { RequestTable, RevisionTable, Schema } from "./schema.ts";

export const requestsOn = (db: Kysely<Schema>): Requests => ({
  insert: (request) => atomically(db, (trx) => insert(trx, request)),
  async get(id) {
    const row = await db.selectFrom("requests").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toRequest(row);
  },
  byIdempotencyKey: (key) => byKey(db, key),
  list: (page) =>
    pageOf(page, {
      query: db.selectFrom("requests").selectAll(),
      time: "created_at",
      id: "id",
      toRow: toRequest,
      place: ({ createdAtMs, id }) => ({ createdAtMs, id }),
    }),
  insertRevision: (revision) => atomically(db, (trx) => insertRevision(trx, revision)),
  async revision(request, number) {
    const row = await db
      .selectFrom("revisions")
      .selectAll()
      .where("request_id", "=", request)
      .where("number", "=", number)
      .executeTakeFirst();
    return row && toRevision(row);
  },
  async revisions(request) {
    const rows = await db
      .selectFrom("revisions")
      .selectAll()
      .where("request_id", "=", request)
      .orderBy("number")
      .execute();
    return rows.map(toRevision);
  },
});

async function byKey(db: Kysely<Schema>, key: string): Promise<StoredRequest | undefined> {
  const row = await db.selectFrom("requests").selectAll().where("idempotency_key", "=", key).executeTakeFirst();
  return row && toRequest(row);
}

async function insert(db: Kysely<Schema>, request: StoredRequest): ReturnType<Requests["insert"]> {
  const outcome = await db
    .insertInto("requests")
    .values({
      id: request.id,
      kind: request.kind,
      body: request.body,
      idempotency_key: request.idempotencyKey,
      origin: request.origin,
      created_at: request.createdAtMs,
      height: request.height,
      expires_at: request.expiresAtMs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (inserted(outcome)) return { result: "saved", stored: request };
  const sameId = await db.selectFrom("requests").selectAll().where("id", "=", request.id).executeTakeFirst();
  const stored = sameId === undefined ? await byKey(db, request.idempotencyKey ?? "") : toRequest(sameId);
  // The row that was in the way has gone since: only possible where others write to this schema too.
  if (stored === undefined) return insert(db, request);
  return { result: equalBytes(stored.body, request.body) ? "known" : "conflict", stored };
}

async function insertRevision(
  db: Kysely<Schema>,
  { request, number, digest, body }: Revision,
): ReturnType<Requests["insertRevision"]> {
  const outcome = await db
    .insertInto("revisions")
    .values({ request_id: request, number, digest, body })
    .onConflict((conflict) => conflict.columns(["request_id", "number"]).doNothing())
    .executeTakeFirstOrThrow();
  if (inserted(outcome)) return "saved";
  const stored = await db
    .selectFrom("revisions")
    .selectAll()
    .where("request_id", "=", request)
    .where("number", "=", number)
    .executeTakeFirstOrThrow();
  return stored.digest === digest && equalBytes(stored.body, body) ? "known" : "conflict";
}

const toRequest = (row: Selectable<RequestTable>): StoredRequest => ({
  id: row.id as RequestId,
  kind: row.kind,
  body: plainBytes(row.body),
  idempotencyKey: row.idempotency_key,
  origin: row.origin as NodeId,
  createdAtMs: wholeNumber(row.created_at),
  height: wholeNumber(row.height),
  expiresAtMs: wholeNumber(row.expires_at),
});

const toRevision = (row: Selectable<RevisionTable>): Revision => ({
  request: row.request_id as RequestId,
  number: wholeNumber(row.number),
  digest: row.digest,
  body: plainBytes(row.body),
});
