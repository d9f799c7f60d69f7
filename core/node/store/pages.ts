/** Long lists, read page by page: newest first by (time, id). */
import { assert, CodecError } from "@conclave/bytes";
import { parseRequestId, type RequestId } from "./ids.ts";

/** Most rows of one answer; longer lists are read page by page. */
export const MAX_PAGE = 500;

/** Throws `AssertionError` unless `limit` is a page size: 1 to `MAX_PAGE`. */
export const checkLimit = (limit: number): void =>
  assert(Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE, `a page has 1 to ${MAX_PAGE} rows, not ${limit}`);

/** Where a page ended: pass it on unread. */
export type Cursor = string & { readonly __brand: "Cursor" };

/** Which page to read: the first one without `after`. */
export interface PageRequest {
  /** 1 to `MAX_PAGE`. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: Cursor;
}

/** One page of a list. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Null on the last page. */
  readonly next: Cursor | null;
}

/** A place in a list that is ordered newest first by (time, id). */
export interface CursorPlace {
  readonly createdAtMs: number;
  readonly id: RequestId;
}

/** The cursor of a page that ended at this row. */
export const cursorAt = ({ createdAtMs, id }: CursorPlace): Cursor => `${createdAtMs}.${id}` as Cursor;

/** Text from a client as a cursor. Throws `CodecError` unless `cursorAt` could have made it. */
export function parseCursor(value: string): CursorPlace {
  const [time = "", id = "", ...rest] = value.split(".");
  const createdAtMs = Number(time);
  if (!/^(?:0|[1-9]\d{0,15})$/.test(time) || !Number.isSafeInteger(createdAtMs) || rest.length > 0)
    throw new CodecError("not a cursor of this list");
  return { createdAtMs, id: parseRequestId(id) };
}
