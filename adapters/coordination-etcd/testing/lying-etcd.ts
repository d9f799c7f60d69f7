/**
 * Lies that an etcd may tell, each on top of an honest one in memory, so that what it held is told once it stops. Every lie is
 * a pure function of a seed where it draws lots.
 */
import type { ServerResponse } from "node:http";
import { digestOf, layoutOf } from "../layout.ts";
import type { FakeEtcd, Json, Mouth } from "./fake-etcd.ts";

type Rng = () => number;

/** A number from 0 up to 1, from a seed (mulberry32). */
export const seeded = (seed: number): Rng => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const MEGABYTE = "x".repeat(1 << 20);
/** More than a reader may keep. */
const ENDLESS_MEGABYTES = 64;
const FUTURE = 1_000_000_000_000;

/** Writes until nobody takes it any more. */
function pour(response: ServerResponse, chunk: string, times = ENDLESS_MEGABYTES): void {
  if (times === 0 || response.destroyed) return;
  if (response.write(chunk)) setImmediate(() => pour(response, chunk, times - 1));
  else response.once("drain", () => pour(response, chunk, times - 1));
}

/** The same tree with each part of it passed through `change`. */
const mapped = (value: unknown, change: (value: unknown, name: string) => unknown, name = ""): unknown => {
  if (Array.isArray(value))
    return change(
      value.map((item) => mapped(item, change, name)),
      name,
    );
  if (typeof value !== "object" || value === null) return change(value, name);
  return change(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapped(item, change, key)])), name);
};

const text = (response: ServerResponse, body: string): void => void response.end(body);
const line = (response: ServerResponse, body: string): void => void response.write(`${body}\n`);

/** The same lie in answers and in the messages of a watch. */
const everywhere = (change: (answer: Json) => unknown): Mouth => ({
  answer: (_, __, answer, response) => text(response, JSON.stringify(change(answer))),
  events: (answer, response) => line(response, JSON.stringify(change(answer))),
});

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64");

const WRONG_VALUES: readonly unknown[] = [
  null,
  -1,
  1e300,
  "",
  "nonsense",
  [],
  {},
  true,
  "99999999999999999999999",
  [[]],
];

const layout = layoutOf("test");

interface Placed {
  readonly key: string;
  readonly value: string;
}

const isPlaced = (value: unknown): value is Placed => {
  const { key, value: bytes } = (value ?? {}) as Partial<Placed>;
  return typeof key === "string" && typeof bytes === "string" && layout.digestAt(plain(key)) !== null;
};

const plain = (encoded: string): string => Buffer.from(encoded, "base64").toString("utf8");

/** A statement with one bit flipped, under the name that its bytes would have. */
function placedAnew(placed: Placed, rng: Rng): Placed {
  const bytes = Buffer.from(placed.value, "base64");
  const at = Math.floor(rng() * bytes.length);
  bytes[at] = bytes[at]! ^ (1 << Math.floor(rng() * 8));
  const shelf = plain(placed.key).slice(0, -digestOf(bytes).length);
  return { ...placed, key: base64(`${shelf}${digestOf(bytes)}`), value: base64(bytes) };
}

export type Lie = (etcd: FakeEtcd, rng: Rng) => Mouth;

/** Lies by what they do. */
export const LIES: Readonly<Record<string, Lie>> = {
  "answers that are not JSON": () => ({
    answer: (_, __, ___, response) => text(response, "<html>It works!</html>"),
    events: (_, response) => line(response, "]]"),
  }),
  "fields of other types": (_, rng) =>
    everywhere((answer) => mapped(answer, (value) => (rng() < 0.2 ? WRONG_VALUES[Math.floor(rng() * 10)] : value))),
  "fields left out": (_, rng) =>
    everywhere((answer) => mapped(answer, (value) => (rng() < 0.2 ? undefined : value)) ?? {}),
  "answers without end": () => ({
    answer: (_, __, ___, response) => pour(response, MEGABYTE),
    events: (_, response) => pour(response, MEGABYTE),
  }),
  "answers that are cut off": () => ({
    answer: (_, __, answer, response) => {
      const body = JSON.stringify(answer);
      response.setHeader("content-length", body.length);
      response.write(body.slice(0, body.length / 2));
      setImmediate(() => response.destroy());
    },
    events: (answer, response) => {
      response.write(JSON.stringify(answer).slice(0, 20));
      setImmediate(() => response.destroy());
    },
  }),
  "no answers at all": () => ({ answer: () => {}, events: () => {} }),
  "refusals of every kind": (_, rng) => ({
    answer: (_path, __, ___, response) => {
      response.statusCode = 400 + Math.floor(rng() * 200);
      const code = Math.floor(rng() * 20) - 1;
      text(response, JSON.stringify({ error: "no \u001b[2J", message: "no \u001b[2J", code }));
    },
    events: (_answer, response) => line(response, JSON.stringify({ error: { grpc_code: 13, message: "no" } })),
  }),
  "refusals without end": () => ({
    answer: (_path, __, ___, response) => void response.writeHead(500).write("no"),
    events: (_answer, response) => {
      if (!response.headersSent) response.writeHead(500);
      response.write("no");
    },
  }),
  "redirects elsewhere": (etcd) => ({
    answer: (path, __, ___, response) => {
      response.writeHead(307, { location: `${etcd.url}${path}` });
      response.end();
    },
    events: (_, response) => void response.destroy(),
  }),
  "keys that were not asked about": () =>
    everywhere((answer) =>
      mapped(answer, (value, name) => (name === "key" ? base64("/conclave/another/tx/a/b") : value)),
    ),
  "other values in the place of statements": () =>
    everywhere((answer) => mapped(answer, (value, name) => (name === "value" ? base64("forged") : value))),
  "revisions of the future": () =>
    everywhere((answer) =>
      mapped(answer, (value, name) => (/revision/.test(name) ? `${Number(value) + FUTURE}` : value)),
    ),
  "revisions of the past": () =>
    everywhere((answer) => mapped(answer, (value, name) => (/revision/.test(name) ? "1" : value))),
  "another cluster at every answer": (_, rng) =>
    everywhere((answer) =>
      mapped(answer, (value, name) => (name === "cluster_id" ? `${Math.floor(rng() * 1e15)}` : value)),
    ),
  "what was written is not there": () =>
    everywhere((answer) => mapped(answer, (value, name) => (name === "kvs" || name === "events" ? [] : value))),
  "events in another order and again": (etcd, rng) => ({
    answer: (_, __, answer, response) => text(response, JSON.stringify(answer)),
    events: (_, response) => {
      const events = [...etcd.history].sort(() => rng() - 0.5);
      line(response, JSON.stringify({ result: { header: etcd.header(), created: true } }));
      line(response, JSON.stringify({ result: { header: etcd.header(), events } }));
    },
  }),
  "history is always compacted": (etcd) => ({
    answer: (_, __, answer, response) => text(response, JSON.stringify(answer)),
    events: (_, response) =>
      line(response, JSON.stringify({ result: { header: etcd.header(), canceled: true, compact_revision: "5" } })),
  }),
  "writes that are confirmed and not done": (etcd) => ({
    answer: (path, _, answer, response) => {
      const lie = { header: etcd.header(), succeeded: true, responses: [{}] };
      text(response, JSON.stringify(path === "/v3/kv/txn" ? lie : answer));
      // What was done is undone: nobody will find it.
      if (path === "/v3/kv/txn") etcd.undoLast();
    },
    events: () => {},
  }),
  "leases that are always over": () => ({
    answer: (path, _, answer, response) =>
      text(response, JSON.stringify(path === "/v3/lease/keepalive" ? { result: {} } : answer)),
    events: (answer, response) => line(response, JSON.stringify(answer)),
  }),
  "statements changed in one bit, under fitting names": (_, rng) =>
    everywhere((answer) => mapped(answer, (value) => (isPlaced(value) ? placedAnew(value, rng) : value))),
  "a flood of statements that nobody made": (etcd, rng) => ({
    answer: (_, __, answer, response) => text(response, JSON.stringify(answer)),
    events: (answer, response) => {
      line(response, JSON.stringify(answer));
      const begin = Number(etcd.revision);
      const flood = (n: number): void => {
        if (response.destroyed || n > 200_000) return;
        const value = Buffer.from(`${rng()}`);
        const key = base64(`/conclave/test/other/x/${digestOf(value)}`);
        const kv = { key, value: base64(value), mod_revision: `${begin + n}`, create_revision: "1", version: "1" };
        const header = { ...etcd.header(), revision: `${begin + n}` };
        const more = response.write(`${JSON.stringify({ result: { header, events: [{ kv }] } })}\n`);
        if (more && n % 100 !== 0) flood(n + 1);
        else if (more) setImmediate(() => flood(n + 1));
        else response.once("drain", () => flood(n + 1));
      };
      flood(1);
    },
  }),
};
