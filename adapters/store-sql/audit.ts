import {
  AUDIT_GENESIS,
  auditHash,
  checkLimit,
  MAX_PAGE,
  verifyAuditRows,
  type Audit,
  type AuditDetail,
  type AuditEntry,
  type AuditHead,
  type AuditRecord,
  type AuditRow,
} from "@conclave/node";
import type { Kysely, Selectable } from "kysely";
import { checkpointsOn } from "./checkpoints.ts";
import { damaged } from "./failures.ts";
import { atomically, wholeNumber } from "./rows.ts";
import type { AuditTable, Schema } from "./schema.ts";

export const auditOn = (db: Kysely<Schema>): Audit => ({
  append: (record) => atomically(db, (trx) => append(trx, record)),
  async list({ from, limit }) {
    checkLimit(limit);
    return (await rowsFrom(db, from, limit)).map(toEntry);
  },
  head: () => headOf(db),
  verify: (known) => verifyAuditRows(allRows(db), known),
  ...checkpointsOn(db),
});

async function headOf(db: Kysely<Schema>): Promise<AuditHead> {
  const last = await db
    .selectFrom("audit_log")
    .select(["position", "hash"])
    .orderBy("position", "desc")
    .limit(1)
    .executeTakeFirst();
  if (last === undefined) return { position: 0, hash: AUDIT_GENESIS };
  return { position: wholeNumber(last.position), hash: last.hash };
}

async function append(db: Kysely<Schema>, { atMs, actor, action, subject, detail }: AuditRecord): Promise<AuditEntry> {
  const head = await headOf(db);
  const unsigned = {
    position: head.position + 1,
    previous: head.hash,
    atMs,
    actor,
    action,
    subject,
    detail: JSON.stringify(detail),
  };
  const row: AuditRow = { ...unsigned, hash: auditHash(unsigned) };
  await db
    .insertInto("audit_log")
    .values({
      position: row.position,
      at: atMs,
      actor,
      action,
      subject,
      detail: row.detail,
      previous_hash: row.previous,
      hash: row.hash,
    })
    .execute();
  return toEntry(row);
}

async function rowsFrom(db: Kysely<Schema>, from: number, limit: number): Promise<readonly AuditRow[]> {
  const rows = await db
    .selectFrom("audit_log")
    .selectAll()
    .where("position", ">=", from)
    .orderBy("position")
    .limit(limit)
    .execute();
  return rows.map(toRow);
}

async function* allRows(db: Kysely<Schema>): AsyncGenerator<AuditRow> {
  for (let from = 1; ;) {
    const rows = await rowsFrom(db, from, MAX_PAGE);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    from = last.position + 1;
  }
}

const toRow = (row: Selectable<AuditTable>): AuditRow => ({
  position: wholeNumber(row.position),
  atMs: wholeNumber(row.at),
  actor: row.actor,
  action: row.action,
  subject: row.subject,
  detail: row.detail,
  previous: row.previous_hash,
  hash: row.hash,
});

function toEntry({ detail, ...row }: AuditRow): AuditEntry {
  try {
    return { ...row, detail: JSON.parse(detail) as AuditDetail };
  } catch (cause) {
    throw damaged(`the detail of audit entry ${row.position} is not JSON`, { cause });
  }
}
