/** Ids of rows: 32 bytes as lower-case hexadecimal. */
import { CodecError, isHex } from "@conclave/bytes";

/** Hash of an immutable request, 64 lower-case hexadecimal digits. Document 004 calls it `txid` for payments. */
export type RequestId = string & { readonly __brand: "RequestId" };

/** Id of an event, 64 lower-case hexadecimal digits. */
export type EventId = string & { readonly __brand: "EventId" };

const isId = (value: string): boolean => isHex(value, 32) && value === value.toLowerCase();

/** Text as a request id. Throws `CodecError` unless it is 64 lower-case hexadecimal digits. */
export function parseRequestId(value: string): RequestId {
  if (!isId(value)) throw new CodecError("a request id is 64 lower-case hexadecimal digits");
  return value as RequestId;
}

/** Text as an event id. Throws `CodecError` unless it is 64 lower-case hexadecimal digits. */
export function parseEventId(value: string): EventId {
  if (!isId(value)) throw new CodecError("an event id is 64 lower-case hexadecimal digits");
  return value as EventId;
}
