import { checkLimit, cursorAt, parseCursor, type CursorPlace, type Page, type PageRequest } from "@conclave/node";
import type { ReferenceExpression, SelectQueryBuilder } from "kysely";
import type { Schema } from "./schema.ts";

/** A list that is ordered newest first by (time, id). */
interface Listing<Table extends keyof Schema, Selected, Row> {
  readonly query: SelectQueryBuilder<Schema, Table, Selected>;
  readonly time: ReferenceExpression<Schema, Table>;
  readonly id: ReferenceExpression<Schema, Table>;
  readonly toRow: (selected: Selected) => Row;
  readonly place: (row: Row) => CursorPlace;
}

/** One page, and where the next one begins. One row more than asked for is read, to know whether there is a next one. */
export async function pageOf<Table extends keyof Schema, Selected, Row>(
  { limit, after }: PageRequest,
  { query, time, id, toRow, place }: Listing<Table, Selected, Row>,
): Promise<Page<Row>> {
  checkLimit(limit);
  const from = after === undefined ? undefined : parseCursor(after);
  const older =
    from === undefined
      ? query
      : query.where((where) =>
          where.or([
            where(time, "<", from.createdAtMs as never),
            where.and([where(time, "=", from.createdAtMs as never), where(id, "<", from.id as never)]),
          ]),
        );
  const selected = await older
    .orderBy(time, "desc")
    .orderBy(id, "desc")
    .limit(limit + 1)
    .execute();
  const rows = selected.slice(0, limit).map(toRow);
  const last = rows.at(-1);
  return { rows, next: last === undefined || selected.length <= limit ? null : cursorAt(place(last)) };
}
