import {
  checkLimit,
  EVENT_STATUSES,
  EVENT_TYPES,
  type EventChange,
  type EventId,
  type Events,
  type EventStatus,
  type RequestId,
  type Saved,
  type StoredEvent,
} from "@conclave/node";
import type { Kysely, Selectable, Updateable } from "kysely";
import { atomically, inserted, nameOf, plainBytesOrNull, wholeNumber, wholeNumberOrNull } from "./rows.ts";
import type { EventTable, Schema } from "./schema.ts";

export const eventsOn = (db: Kysely<Schema>): Events => ({
  insert: (event) => atomically(db, (trx) => insert(trx, event)),
  async get(id) {
    const rows = await db.selectFrom("events").selectAll().where("id", "=", id).execute();
    return (await withReasons(db, rows))[0];
  },
  async ofRequest(request) {
    const oldestFirst = db.selectFrom("events").selectAll().orderBy("height").orderBy("id");
    return withReasons(db, await oldestFirst.where("request_id", "=", request).execute());
  },
  async list({ status, limit, dueAtMs, type }) {
    checkLimit(limit);
    const oldestFirst = db.selectFrom("events").selectAll().orderBy("height").orderBy("id").limit(limit);
    const ofEveryType = oldestFirst.where("status", "=", status);
    const ofStatus = type === undefined ? ofEveryType : ofEveryType.where("type", "=", type);
    const due = dueAtMs === undefined ? ofStatus : ofStatus.where("not_before", "<=", dueAtMs);
    return withReasons(db, await due.execute());
  },
  update: (id, from, change) => atomically(db, (trx) => update(trx, id, from, change)),
  async resetInProgressEventsToPending(retryDelayMs, nowMs) {
    const { numUpdatedRows } = await db
      .updateTable("events")
      .set({ status: "PENDING", not_before: nowMs + retryDelayMs })
      .where("status", "=", "IN_PROGRESS")
      .executeTakeFirstOrThrow();
    return Number(numUpdatedRows);
  },
});

async function insert(db: Kysely<Schema>, event: StoredEvent): Promise<Saved> {
  const outcome = await db
    .insertInto("events")
    .values({
      id: event.id,
      request_id: event.request,
      type: event.type,
      status: event.status,
      attempt: event.attempt,
      not_before: event.notBeforeMs,
      height: event.height,
      expiry_height: event.expiryHeight,
      error: event.error,
      result: event.result,
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .executeTakeFirstOrThrow();
  if (!inserted(outcome)) {
    const stored = await db.selectFrom("events").selectAll().where("id", "=", event.id).executeTakeFirstOrThrow();
    const same =
      stored.request_id === event.request && stored.type === event.type && wholeNumber(stored.height) === event.height;
    return same ? "known" : "conflict";
  }
  for (const [i, reason] of event.reasons.entries())
    await db
      .insertInto("event_reasons")
      .values({ event_id: event.id, number: i + 1, reason })
      .execute();
  return "saved";
}

async function update(
  db: Kysely<Schema>,
  id: EventId,
  from: EventStatus,
  { status, attempt, notBeforeMs, error, result, reason }: EventChange,
): Promise<boolean> {
  const changes: Updateable<EventTable> = {
    status: status ?? from,
    ...(attempt === undefined ? {} : { attempt }),
    ...(notBeforeMs === undefined ? {} : { not_before: notBeforeMs }),
    ...(error === undefined ? {} : { error }),
    ...(result === undefined ? {} : { result }),
  };
  // The comparison and the change are one statement, so that of several who try one succeeds.
  const { numUpdatedRows } = await db
    .updateTable("events")
    .set(changes)
    .where("id", "=", id)
    .where("status", "=", from)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows !== 1n) return false;
  if (reason !== undefined) await addReason(db, id, reason);
  return true;
}

async function addReason(db: Kysely<Schema>, id: EventId, reason: string): Promise<void> {
  const { last } = await db
    .selectFrom("event_reasons")
    .select((select) => select.fn.max("number").as("last"))
    .where("event_id", "=", id)
    .executeTakeFirstOrThrow();
  const number = (wholeNumberOrNull(last) ?? 0) + 1;
  await db.insertInto("event_reasons").values({ event_id: id, number, reason }).execute();
}

async function withReasons(
  db: Kysely<Schema>,
  rows: readonly Selectable<EventTable>[],
): Promise<readonly StoredEvent[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const reasons = await db
    .selectFrom("event_reasons")
    .selectAll()
    .where("event_id", "in", ids)
    .orderBy("event_id")
    .orderBy("number")
    .execute();
  return rows.map((row) =>
    toEvent(
      row,
      reasons.filter(({ event_id }) => event_id === row.id).map(({ reason }) => reason),
    ),
  );
}

const toEvent = (row: Selectable<EventTable>, reasons: readonly string[]): StoredEvent => ({
  id: row.id as EventId,
  request: row.request_id as RequestId,
  type: nameOf(EVENT_TYPES, row.type),
  status: nameOf(EVENT_STATUSES, row.status),
  attempt: wholeNumber(row.attempt),
  notBeforeMs: wholeNumber(row.not_before),
  height: wholeNumber(row.height),
  expiryHeight: wholeNumberOrNull(row.expiry_height),
  error: row.error,
  result: plainBytesOrNull(row.result),
  reasons,
});
