/**
 * Loaded into every thread of a node's process by tests, before its own code: wraps what makes things durable, so that a test can
 * learn the steps by name, end the process exactly before or after one of them, or let the disk fail there. The product knows
 * nothing of it.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { isMainThread } from "node:worker_threads";
import type { Codec } from "@conclave/bytes";
import type { LockRecord } from "../../../../../core/custody/locks/index.ts";
import { Orders, type Moment } from "./orders.ts";
import { changeOf, historyStep, journalStep, vaultRecord } from "./step-names.ts";

/** Told by the main thread, which knows its arguments, to the others. No setting of nodes: their names begin otherwise. */
const FOLDER_VARIABLE = "DURABLE_STEPS_OF";
const JOURNAL = "safety.sqlite";
const HISTORY = "history.sqlite";
/** SQLITE_IOERR. */
const IO_ERROR = 10;

const nodeDir = nodeFolder();
if (nodeDir !== null) {
  const orders = new Orders(nodeDir);
  // Only custody's thread writes the journal; the codec is loaded there in any case.
  const codec = isMainThread ? null : (await import("../../../../../core/custody/locks/index.ts")).lockRecordCodec;
  wrapDatabases(orders, codec);
  wrapFiles(orders, join(dataFolder(nodeDir), "vault"));
}

/** Where the node of this process lives; null for any other process, such as a relay's. */
function nodeFolder(): string | null {
  const place = process.argv.indexOf("--config");
  if (isMainThread && place > 0) process.env[FOLDER_VARIABLE] = dirname(process.argv[place + 1]!);
  return process.env[FOLDER_VARIABLE] ?? null;
}

function dataFolder(nodeDir: string): string {
  const config = JSON.parse(fs.readFileSync(join(nodeDir, "config.json"), "utf8")) as { readonly data?: string };
  return resolve(nodeDir, config.data ?? ".");
}

/** A step that is done when `work` returns. */
function through<T>(orders: Orders, step: string, { work, failure }: { work: () => T; failure: () => Error }): T {
  carryOut(orders, step, { moment: "before", failure });
  const outcome = work();
  orders.note(step);
  carryOut(orders, step, { moment: "after", failure });
  return outcome;
}

function carryOut(orders: Orders, step: string, at: { moment: Moment; failure: () => Error }): void {
  const what = orders.take(step, at.moment);
  if (what === "fail") throw at.failure();
  if (what === "kill") die();
}

/** The process ends here: this thread does nothing more, whatever the others still manage to do within microseconds. */
function die(): never {
  process.kill(process.pid, "SIGKILL");
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const diskFailed = (): Error =>
  Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO", errno: -5, syscall: "fsync" });
const databaseFailed = (): Error =>
  Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: IO_ERROR, errstr: "disk I/O error" });

/** Calls of a method go through `around`, which makes the original call itself. */
function wrap(
  target: object,
  method: string,
  around: (self: unknown, given: readonly unknown[], call: () => unknown) => unknown,
): void {
  const original = Reflect.get(target, method) as (...given: readonly unknown[]) => unknown;
  Reflect.set(target, method, function wrapped(this: unknown, ...given: readonly unknown[]): unknown {
    return around(this, given, () => Reflect.apply(original, this, given));
  });
}

/** What a database's open transaction has done so far. */
interface Open {
  records: LockRecord[];
  changes: string[] | null;
}

function wrapDatabases(orders: Orders, codec: Codec<LockRecord> | null): void {
  const statements = new WeakMap<object, { readonly db: DatabaseSync; readonly sql: string }>();
  const open = new WeakMap<DatabaseSync, Open>();
  const openOf = (db: DatabaseSync): Open => {
    const found = open.get(db) ?? { records: [], changes: null };
    open.set(db, found);
    return found;
  };
  const step = (name: string, call: () => unknown): unknown =>
    through(orders, name, { work: call, failure: databaseFailed });

  wrap(DatabaseSync.prototype, "exec", (self, [sql], call) => {
    const db = self as DatabaseSync;
    if (fileOf(db) !== JOURNAL) return call();
    if (String(sql).startsWith("PRAGMA wal_checkpoint")) return step("journal checkpoint", call);
    const { records } = openOf(db);
    if (sql !== "COMMIT" || records.length === 0) return call();
    open.delete(db);
    return step(journalStep(records), call);
  });
  wrap(DatabaseSync.prototype, "prepare", (db, [sql], call) => {
    const statement = call() as StatementSync;
    statements.set(statement, { db: db as DatabaseSync, sql: String(sql) });
    return statement;
  });
  for (const method of ["run", "all", "iterate"])
    wrap(StatementSync.prototype, method, (statement, given, call) => {
      const made = statements.get(statement as object);
      if (made === undefined) return call();
      const { db, sql } = made;
      if (fileOf(db) === JOURNAL) {
        if (codec !== null && changeOf(sql) !== null) openOf(db).records.push(codec.decode(given[1] as Uint8Array));
        return call();
      }
      if (fileOf(db) !== HISTORY) return call();
      return changed(openOf(db), sql, (changes) => step(historyStep(changes), call)) ?? call();
    });
}

/** Follows the transactions of a history; calls `commit` with what becomes durable now, if anything does. */
function changed(open: Open, sql: string, commit: (changes: readonly string[]) => unknown): unknown {
  const change = changeOf(sql);
  if (/^\s*begin/i.test(sql)) open.changes = [];
  else if (change !== null && open.changes === null) return commit([change]);
  else if (change !== null) open.changes!.push(change);
  else if (/^\s*(?:commit|rollback)/i.test(sql)) {
    const changes = open.changes ?? [];
    open.changes = null;
    if (/^\s*commit/i.test(sql) && changes.length > 0) return commit(changes);
  }
  return undefined;
}

const fileOf = (db: DatabaseSync): string => basename(db.location() ?? "");

function wrapFiles(orders: Orders, vault: string): void {
  const { fdatasync } = fs;
  /** What was renamed last: syncing the folder makes that durable. */
  let renamed = "folder";
  const step = (name: string, call: () => unknown): unknown =>
    through(orders, name, { work: call, failure: diskFailed });
  wrap(fs, "fsyncSync", (_, [descriptor], call) => {
    const path = fs.readlinkSync(`/proc/self/fd/${Number(descriptor)}`);
    if (path === vault) return step(`vault folder after ${renamed}`, call);
    return dirname(path) === vault ? step(`vault sync ${vaultRecord(basename(path))}`, call) : call();
  });
  wrap(fs, "renameSync", (_, [from, to], call) => {
    if (dirname(String(to)) !== vault) return call();
    const isRemoval = String(to).endsWith(".tmp");
    renamed = `${isRemoval ? "removing" : "writing"} ${vaultRecord(basename(String(from)))}`;
    return step(`vault rename, ${renamed}`, call);
  });
  wrap(fs, "fdatasync", (_, [descriptor, done], call) => {
    const path = fs.readlinkSync(`/proc/self/fd/${Number(descriptor)}`);
    if (basename(path) !== `${HISTORY}-wal`) return call();
    const what = orders.take("history sync", "before");
    if (what === "kill") die();
    const told = done as (error: Error | null) => void;
    if (what === "fail") return void setImmediate(() => told(diskFailed()));
    return fdatasync(Number(descriptor), (error) => {
      orders.note("history sync");
      if (orders.take("history sync", "after") === "kill") die();
      told(error);
    });
  });
  syncBuiltinESMExports();
}
