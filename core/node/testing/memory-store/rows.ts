/** What the tables have in common. */
import { StoreUnavailable } from "../../store/outcome.ts";
import { checkLimit, cursorAt, type CursorPlace, type Page, type PageRequest, parseCursor } from "../../store/pages.ts";

/** A deep copy of a row, so that neither side can change the other's bytes. */
export const copied = <Row>(row: Row): Row => structuredClone(row);

/** Throws `StoreUnavailable`, as a foreign key would. */
export const required = (condition: boolean, what: string): void => {
  if (!condition) throw new StoreUnavailable("unavailable", what);
};

/** Order of ids. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const newestFirst = (a: CursorPlace, b: CursorPlace): number => b.createdAtMs - a.createdAtMs || byText(b.id, a.id);

/** One page of rows, newest first. */
export function pageOf<Row>(
  rows: readonly Row[],
  placeOf: (row: Row) => CursorPlace,
  { limit, after }: PageRequest,
): Page<Row> {
  checkLimit(limit);
  const from = after === undefined ? undefined : parseCursor(after);
  const sorted = rows
    .filter((row) => from === undefined || newestFirst(from, placeOf(row)) < 0)
    .sort((a, b) => newestFirst(placeOf(a), placeOf(b)));
  const page = sorted.slice(0, limit);
  const last = page.at(-1);
  return { rows: copied(page), next: last === undefined || sorted.length <= limit ? null : cursorAt(placeOf(last)) };
}
