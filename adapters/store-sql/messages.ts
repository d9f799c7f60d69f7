import {
  checkLimit,
  MESSAGE_HASHES,
  MESSAGE_STATES,
  type Messages,
  type RequestId,
  type StoredMessage,
} from "@conclave/node";
import type { Kysely, Selectable } from "kysely";
import { pageOf } from "./pages.ts";
import { nameOf, plainBytes, plainBytesOrNull, wholeNumber, wholeNumberOrNull } from "./rows.ts";
import type { MessageTable, Schema } from "./schema.ts";

export const messagesOn = (db: Kysely<Schema>): Messages => ({
  async upsert(message) {
    const { id, ...columns } = toColumns(message);
    await db
      .insertInto("messages")
      .values({ id, ...columns })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(columns))
      .execute();
  },
  async get(id) {
    const row = await db.selectFrom("messages").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toMessage(row);
  },
  async list({ states, ...page }) {
    checkLimit(page.limit);
    if (states?.length === 0) return { rows: [], next: null };
    const all = db.selectFrom("messages").selectAll();
    return pageOf(page, {
      query: states === undefined ? all : all.where("state", "in", states),
      time: "created_at",
      id: "id",
      toRow: toMessage,
      place: (message) => message,
    });
  },
});

const toColumns = (message: StoredMessage) => ({
  id: message.id,
  key_id: message.key,
  hash: message.hash,
  message: message.message,
  state: message.state,
  signature: message.signature,
  public_key: message.publicKey,
  created_at: message.createdAtMs,
  signed_at: message.signedAtMs,
  reason: message.reason,
});

const toMessage = (row: Selectable<MessageTable>): StoredMessage => ({
  id: row.id as RequestId,
  key: row.key_id,
  hash: row.hash === null ? null : nameOf(MESSAGE_HASHES, row.hash),
  message: plainBytes(row.message),
  state: nameOf(MESSAGE_STATES, row.state),
  signature: plainBytesOrNull(row.signature),
  publicKey: plainBytesOrNull(row.public_key),
  createdAtMs: wholeNumber(row.created_at),
  signedAtMs: wholeNumberOrNull(row.signed_at),
  reason: row.reason,
});
