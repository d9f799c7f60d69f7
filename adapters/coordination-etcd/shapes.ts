/**
 * etcd's answers, from JSON to typed values, strictly. The gateway writes protobuf's JSON: 64-bit integers as decimal text,
 * bytes as Base64, and leaves out whatever is zero, false or empty. Unknown fields are later etcds' and are not read.
 */
import { EtcdLied } from "./errors.ts";

export interface Header {
  readonly cluster: string;
  readonly revision: bigint;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly modRevision: bigint;
}

export interface Listing {
  readonly header: Header;
  readonly keys: readonly KeyValue[];
  /** There are more keys than were asked for. */
  readonly more: boolean;
}

/** A create or a swap: it was done at the header's revision, or `found` is what stood there instead. */
export interface Swap {
  readonly header: Header;
  readonly done: boolean;
  readonly found: KeyValue | null;
}

export interface WatchEvent {
  readonly kind: "put" | "delete";
  readonly key: string;
  readonly value: Uint8Array;
  readonly modRevision: bigint;
}

export interface WatchMessage {
  readonly header: Header;
  readonly created: boolean;
  /** Why the watch is over; null while it is not. */
  readonly canceled: string | null;
  /** History before this revision is gone; 0 unless that is why the watch is over. */
  readonly compactRevision: bigint;
  /** More events of the same answer follow in the next message. */
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Throws `EtcdLied`, like everything here. */
export function parseJson(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text), "the answer");
  } catch (cause) {
    if (cause instanceof EtcdLied) throw cause;
    throw new EtcdLied("it is not JSON");
  }
}

export function parseHeader(answer: Fields): Header {
  const header = fieldsOf(answer["header"], "header");
  const revision = int64(header["revision"], "header.revision");
  return { cluster: int64(header["cluster_id"], "header.cluster_id").toString(), revision };
}

/** `within`: what every key has to begin with; an answer about other keys answers another question. */
export function parseListing(answer: Fields, within: string): Listing {
  return { header: parseHeader(answer), keys: keysOf(answer, within), more: flag(answer["more"], "more") };
}

/** Answer to a transaction that puts or deletes one key, or else reads it. */
export function parseSwap(answer: Fields, key: string): Swap {
  const header = parseHeader(answer);
  if (flag(answer["succeeded"], "succeeded")) return { header, done: true, found: null };
  const [response] = listOf(answer["responses"], "responses");
  const keys = keysOf(fieldsOf(fieldsOf(response, "responses[0]")["response_range"], "response_range"), key);
  const other = keys.find((found) => found.key !== key);
  if (keys.length > 1 || other !== undefined) throw new EtcdLied("it answers for a key that was not asked about");
  return { header, done: false, found: keys[0] ?? null };
}

/** A lease's id. */
export function parseGrant(answer: Fields): string {
  const id = answer["ID"];
  if (typeof id !== "string" || !/^[1-9]\d{0,18}$/.test(id)) throw new EtcdLied("a lease without an id");
  return id;
}

/** Seconds that a lease has left; 0 if it is gone. */
export const parseKeepAlive = (answer: Fields): number =>
  Number(int64(fieldsOf(answer["result"], "result")["TTL"], "result.TTL"));

export interface MemberStatus {
  readonly hasLeader: boolean;
  /** What etcd itself says is wrong with it, such as a full database. */
  readonly errors: readonly string[];
}

const MAX_STATUS_ERRORS = 32;

export function parseStatus(answer: Fields): MemberStatus {
  const errors = listOf(answer["errors"], "errors").slice(0, MAX_STATUS_ERRORS);
  return {
    hasLeader: int64(answer["leader"], "leader") !== 0n,
    errors: errors.map((error) => textOf(error, "errors[]")),
  };
}

/** A token, as it is sent back in a header. */
export function parseToken(answer: Fields): string {
  const token = textOf(answer["token"], "token");
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) throw new EtcdLied("a token that no header can hold");
  return token;
}

export interface GatewayError {
  readonly code: number;
  readonly text: string;
}

/** etcd's refusal: in an answer of its own, or where a stream ends. */
export function parseError(answer: Fields): GatewayError {
  const nested = answer["error"];
  const error = typeof nested === "object" && nested !== null ? (nested as Fields) : answer;
  const code = error["code"] ?? error["grpc_code"];
  const text = error["message"] ?? error["error"];
  if (typeof code !== "number" || !Number.isInteger(code)) throw new EtcdLied("a refusal without a code");
  return { code, text: textOf(text, "message") };
}

export function parseWatch(answer: Fields, within: string): WatchMessage {
  const result = fieldsOf(answer["result"], "result");
  const canceled = flag(result["canceled"], "canceled");
  return {
    header: parseHeader(result),
    created: flag(result["created"], "created"),
    canceled: canceled ? optionalText(result["cancel_reason"]) : null,
    compactRevision: int64(result["compact_revision"], "compact_revision"),
    fragment: flag(result["fragment"], "fragment"),
    events: listOf(result["events"], "events").map((event) => parseEvent(fieldsOf(event, "events[]"), within)),
  };
}

function parseEvent(event: Fields, within: string): WatchEvent {
  const type = event["type"];
  if (type !== undefined && type !== "PUT" && type !== "DELETE") throw new EtcdLied("an event of no known type");
  return { kind: type === "DELETE" ? "delete" : "put", ...keyValue(event["kv"], within) };
}

const keysOf = (answer: Fields, within: string): readonly KeyValue[] =>
  listOf(answer["kvs"], "kvs").map((item) => keyValue(item, within));

function keyValue(item: unknown, within: string): KeyValue {
  const { key, value, mod_revision } = fieldsOf(item, "kv");
  const name = Buffer.from(base64(key, "key")).toString("utf8");
  if (!name.startsWith(within)) throw new EtcdLied("a key that was not asked about");
  const modRevision = int64(mod_revision, "mod_revision");
  if (modRevision === 0n) throw new EtcdLied("a key without a revision");
  return { key: name, value: base64(value, "value"), modRevision };
}

function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new EtcdLied(`${path} is no object`);
  return value as Fields;
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new EtcdLied(`${path} is no list`);
  return value;
}

function flag(value: unknown, path: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== "boolean") throw new EtcdLied(`${path} is neither true nor false`);
  return value;
}

function textOf(value: unknown, path: string): string {
  if (typeof value !== "string") throw new EtcdLied(`${path} is no text`);
  return value;
}

const optionalText = (value: unknown): string => (typeof value === "string" ? value : "");

/** Ids use all 64 bits, so they may not pass through a number. */
function int64(value: unknown, path: string): bigint {
  if (value === undefined) return 0n;
  if (typeof value !== "string" || !/^\d{1,20}$/.test(value)) throw new EtcdLied(`${path} is no whole number`);
  return BigInt(value);
}

function base64(value: unknown, path: string): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  const encoded = textOf(value, path);
  const decoded = Buffer.from(encoded, "base64");
  if (decoded.toString("base64") !== encoded) throw new EtcdLied(`${path} is not Base64`);
  return new Uint8Array(decoded);
}
