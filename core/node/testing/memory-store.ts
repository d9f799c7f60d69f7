/** The store's in-memory twin: deterministic, and strict about what the SQL tables are strict about. */
import type { AuditRow } from "../store/audit.ts";
import { StoreUnavailable } from "../store/outcome.ts";
import type { Store, StoreTables } from "../store/port.ts";
import { auditOver } from "./memory-store/audit.ts";
import { copyOf, type Contents } from "./memory-store/contents.ts";
import { eventsOver } from "./memory-store/events.ts";
import { messagesOver } from "./memory-store/messages.ts";
import { addressesOver, nodesOver, presignaturesOver, violationsOver } from "./memory-store/operations.ts";
import { requestsOver } from "./memory-store/requests.ts";
import { transactionsOver } from "./memory-store/transactions.ts";
import { votesOver } from "./memory-store/votes.ts";

/** Calls that a power cut may undo: more than a process makes in the moments before its disk is asked to keep them. */
const MAX_UNDOABLE = 64;

/** A store that forgets everything with the process. */
export type MemoryStore = Store & {
  /** Edits its rows behind its back, for tests of `verify`. */
  tamper(edit: (audit: AuditRow[]) => void): void;
  /** The last `lost` calls never happened, as far as nobody waited for `durable` after them. */
  powerCut(lost: number): void;
  /** One of its tables is as it was `lost` calls ago, as far as nobody waited for `durable` since; the others stay. */
  tear(table: number, lost: number): void;
};

export function memoryStore(): MemoryStore {
  let contents: Contents = {
    requests: new Map(),
    revisions: new Map(),
    rounds: [],
    votes: [],
    events: new Map(),
    transactions: new Map(),
    messages: new Map(),
    presignatures: new Map(),
    violations: [],
    nodes: new Map(),
    addresses: new Map(),
    audit: [],
    checkpoints: [],
  };
  let closed = false;
  /** What it held before each of the last writes that a power cut may undo; the oldest first. */
  let undoable: Contents[] = [];
  let queue: Promise<unknown> = Promise.resolve();

  // One piece of work at a time, on a copy that becomes the contents if the work succeeds.
  function transaction<T>(work: (tables: StoreTables) => Promise<T>): Promise<T> {
    const run = queue.then(async () => {
      if (closed) throw new StoreUnavailable("unavailable", "the store is closed");
      const draft = copyOf(contents);
      const outcome = await work(tablesOver(draft));
      undoable = [...undoable, contents].slice(-MAX_UNDOABLE);
      contents = draft;
      return outcome;
    });
    queue = run.catch(() => undefined);
    return run;
  }

  // Every method outside of a transaction is a transaction of its own.
  type Method = (...values: unknown[]) => Promise<unknown>;
  const each = <Name extends keyof StoreTables>(name: Name): StoreTables[Name] => {
    const methodsOf = (tables: StoreTables) => tables[name] as unknown as Readonly<Record<string, Method>>;
    const queued = Object.keys(methodsOf(tablesOver(contents))).map((method): [string, Method] => [
      method,
      (...values) => transaction((tables) => methodsOf(tables)[method]!(...values)),
    ]);
    return Object.fromEntries(queued) as unknown as StoreTables[Name];
  };

  return {
    requests: each("requests"),
    votes: each("votes"),
    events: each("events"),
    transactions: each("transactions"),
    messages: each("messages"),
    presignatures: each("presignatures"),
    violations: each("violations"),
    nodes: each("nodes"),
    addresses: each("addresses"),
    audit: each("audit"),
    transaction,
    durable: () =>
      queue.then(() => {
        undoable = [];
      }),
    powerCut(lost) {
      const kept = undoable.at(-Math.min(lost, undoable.length));
      if (lost === 0 || kept === undefined) return;
      contents = kept;
      undoable = [];
    },
    tear(table, lost) {
      const kept = undoable.at(-Math.min(lost, undoable.length));
      if (lost === 0 || kept === undefined) return;
      const names = Object.keys(contents) as (keyof Contents)[];
      const name = names[table % names.length]!;
      contents = { ...contents, [name]: kept[name] };
      undoable = [];
    },
    async close() {
      await queue;
      closed = true;
    },
    tamper: (edit) => edit(contents.audit),
  };
}

const tablesOver = (contents: Contents): StoreTables => ({
  requests: requestsOver(contents),
  votes: votesOver(contents),
  events: eventsOver(contents),
  transactions: transactionsOver(contents),
  messages: messagesOver(contents),
  presignatures: presignaturesOver(contents),
  violations: violationsOver(contents),
  nodes: nodesOver(contents),
  addresses: addressesOver(contents),
  audit: auditOver(contents),
});
