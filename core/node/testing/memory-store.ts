/** The store's in-memory twin: deterministic, and strict about what the SQL tables are strict about. */
import { assert, equalBytes } from "@conclave/bytes";
import {
  AUDIT_GENESIS,
  auditHash,
  checkLimit,
  cursorAt,
  parseCursor,
  StoreUnavailable,
  verifyAuditRows,
  type Addresses,
  type Audit,
  type AuditDetail,
  type AuditEntry,
  type AuditRow,
  type CursorPlace,
  type EventId,
  type Events,
  type ListedVote,
  type Nodes,
  type NodeStatus,
  type Page,
  type PageRequest,
  type RequestId,
  type Requests,
  type Revision,
  type Saved,
  type Store,
  type StoredEvent,
  type StoredRequest,
  type StoredTransaction,
  type StoreTables,
  type Transactions,
  type Violation,
  type Violations,
  type Votes,
  type VotingRound,
} from "../store-port.ts";

/** Everything the store holds. Rows are replaced, never changed, so that a shallow copy is a snapshot. */
interface Contents {
  readonly requests: Map<RequestId, StoredRequest>;
  readonly revisions: Map<string, Revision>;
  readonly rounds: VotingRound[];
  readonly votes: ListedVote[];
  readonly events: Map<EventId, StoredEvent>;
  readonly transactions: Map<RequestId, StoredTransaction>;
  readonly violations: Violation[];
  readonly nodes: Map<string, NodeStatus>;
  readonly addresses: Map<string, number>;
  readonly audit: AuditRow[];
}

const copyOf = (contents: Contents): Contents => ({
  requests: new Map(contents.requests),
  revisions: new Map(contents.revisions),
  rounds: [...contents.rounds],
  votes: [...contents.votes],
  events: new Map(contents.events),
  transactions: new Map(contents.transactions),
  violations: [...contents.violations],
  nodes: new Map(contents.nodes),
  addresses: new Map(contents.addresses),
  audit: [...contents.audit],
});

/** A store that forgets everything with the process. `tamper` edits its rows behind its back, for tests of `verify`. */
export type MemoryStore = Store & { tamper(edit: (audit: AuditRow[]) => void): void };

export function memoryStore(): MemoryStore {
  let contents: Contents = {
    requests: new Map(),
    revisions: new Map(),
    rounds: [],
    votes: [],
    events: new Map(),
    transactions: new Map(),
    violations: [],
    nodes: new Map(),
    addresses: new Map(),
    audit: [],
  };
  let closed = false;
  let queue: Promise<unknown> = Promise.resolve();

  // One piece of work at a time, on a copy that becomes the contents if the work succeeds.
  function transaction<T>(work: (tables: StoreTables) => Promise<T>): Promise<T> {
    const run = queue.then(async () => {
      if (closed) throw new StoreUnavailable("unavailable", "the store is closed");
      const draft = copyOf(contents);
      const outcome = await work(tablesOver(draft));
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
    violations: each("violations"),
    nodes: each("nodes"),
    addresses: each("addresses"),
    audit: each("audit"),
    transaction,
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
  violations: violationsOver(contents),
  nodes: nodesOver(contents),
  addresses: addressesOver(contents),
  audit: auditOver(contents),
});

/** A deep copy of a row, so that neither side can change the other's bytes. */
const copied = <Row>(row: Row): Row => structuredClone(row);

const required = (condition: boolean, what: string): void => {
  if (!condition) throw new StoreUnavailable("unavailable", what);
};

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const newestFirst = (a: CursorPlace, b: CursorPlace): number => b.createdAtMs - a.createdAtMs || byText(b.id, a.id);

function pageOf<Row>(
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

function requestsOver({ requests, revisions }: Contents): Requests {
  const byKey = (key: string): StoredRequest | undefined =>
    [...requests.values()].find(({ idempotencyKey }) => idempotencyKey === key);
  return {
    async insert(request) {
      const { id, idempotencyKey, body } = request;
      const stored = requests.get(id) ?? (idempotencyKey === null ? undefined : byKey(idempotencyKey));
      if (stored === undefined) requests.set(id, copied(request));
      const result: Saved = stored === undefined ? "saved" : equalBytes(stored.body, body) ? "known" : "conflict";
      return { result, stored: copied(stored ?? request) };
    },
    get: async (id) => copied(requests.get(id)),
    byIdempotencyKey: async (key) => copied(byKey(key)),
    list: async (page) => pageOf([...requests.values()], (request) => request, page),
    async insertRevision(revision) {
      required(requests.has(revision.request), "a revision needs its request");
      const key = `${revision.request}/${revision.number}`;
      const stored = revisions.get(key);
      if (stored === undefined) revisions.set(key, copied(revision));
      if (stored === undefined) return "saved";
      return stored.digest === revision.digest && equalBytes(stored.body, revision.body) ? "known" : "conflict";
    },
    revision: async (request, number) => copied(revisions.get(`${request}/${number}`)),
    revisions: async (request) =>
      copied([...revisions.values()].filter((row) => row.request === request).sort((a, b) => a.number - b.number)),
  };
}

function votesOver({ requests, rounds, votes }: Contents): Votes {
  return {
    async openRound({ request, revision, round, openedAtMs }) {
      required(requests.has(request), "a voting round needs its request");
      const known = rounds.find((row) => row.request === request && row.revision === revision && row.round === round);
      if (known !== undefined) return known;
      const opened = { id: rounds.length + 1, request, revision, round, openedAtMs, closedAtMs: null, outcome: null };
      rounds.push(opened);
      return opened;
    },
    async closeRound(id, { closedAtMs, outcome }) {
      const round = rounds[id - 1];
      if (round === undefined || round.closedAtMs !== null) return false;
      rounds[id - 1] = { ...round, closedAtMs, outcome };
      return true;
    },
    round: async (id) => rounds[id - 1],
    rounds: async (request) =>
      rounds.filter((row) => row.request === request).sort((a, b) => a.revision - b.revision || a.round - b.round),
    async insert(vote) {
      required(rounds[vote.votingRound - 1] !== undefined, "a vote needs its voting round");
      const known = votes.filter(({ votingRound, node }) => votingRound === vote.votingRound && node === vote.node);
      const first = known.find(({ order }) => order === "first");
      if (first !== undefined && equalBytes(first.bytes, vote.bytes)) return "known";
      if (known.length < 2) votes.push(copied({ ...vote, order: first === undefined ? "first" : "second" }));
      return first === undefined ? "saved" : "conflict";
    },
    list: async (votingRound) => copied(votes.filter((vote) => vote.votingRound === votingRound)),
  };
}

function eventsOver({ requests, events }: Contents): Events {
  const oldestFirst = (filter: (event: StoredEvent) => boolean): StoredEvent[] =>
    copied([...events.values()].filter(filter).sort((a, b) => a.height - b.height || byText(a.id, b.id)));
  return {
    async insert(event) {
      required(requests.has(event.request), "an event needs its request");
      const known = events.get(event.id);
      if (known === undefined) events.set(event.id, copied(event));
      if (known === undefined) return "saved";
      const same = known.request === event.request && known.type === event.type && known.height === event.height;
      return same ? "known" : "conflict";
    },
    get: async (id) => copied(events.get(id)),
    ofRequest: async (request) => oldestFirst((event) => event.request === request),
    async list({ status, limit, dueAtMs = Number.MAX_SAFE_INTEGER }) {
      checkLimit(limit);
      return oldestFirst((event) => event.status === status && event.notBeforeMs <= dueAtMs).slice(0, limit);
    },
    async update(id, from, { reason, ...change }) {
      const event = events.get(id);
      if (event === undefined || event.status !== from) return false;
      const reasons = reason === undefined ? event.reasons : [...event.reasons, reason];
      events.set(id, copied({ ...event, ...change, reasons }));
      return true;
    },
    async resetInProgressEventsToPending(retryDelayMs, nowMs) {
      const interrupted = [...events.values()].filter(({ status }) => status === "IN_PROGRESS");
      const notBeforeMs = nowMs + retryDelayMs;
      for (const event of interrupted) events.set(event.id, { ...event, status: "PENDING", notBeforeMs });
      return interrupted.length;
    },
  };
}

const transactionPlace = ({ createdAtMs, txid }: StoredTransaction): CursorPlace => ({ createdAtMs, id: txid });

function transactionsOver({ requests, transactions }: Contents): Transactions {
  return {
    async upsert(transaction) {
      required(requests.has(transaction.txid), "a transaction needs its request");
      transactions.set(transaction.txid, copied(transaction));
    },
    get: async (txid) => copied(transactions.get(txid)),
    list: async ({ states, ...page }) =>
      pageOf(
        [...transactions.values()].filter(({ state }) => states === undefined || states.includes(state)),
        transactionPlace,
        page,
      ),
  };
}

function violationsOver({ violations }: Contents): Violations {
  return {
    async insert(violation) {
      const id = violations.length + 1;
      violations.push(copied({ ...violation, id }));
      return id;
    },
    async list({ limit, node, before = Number.MAX_SAFE_INTEGER }) {
      checkLimit(limit);
      const matching = violations.filter((row) => row.id < before && (node === undefined || row.node === node));
      return copied(matching.reverse().slice(0, limit));
    },
  };
}

function nodesOver({ nodes }: Contents): Nodes {
  return {
    async set(status) {
      nodes.set(status.node, status);
    },
    get: async (node) => nodes.get(node),
    list: async () => [...nodes.values()].sort((a, b) => byText(a.node, b.node)),
  };
}

function addressesOver({ addresses }: Contents): Addresses {
  const next = (wallet: string, branch: number): number => addresses.get(`${wallet}/${branch}`) ?? 0;
  return {
    next: async (wallet, branch) => next(wallet, branch),
    async take(wallet, branch) {
      const index = next(wallet, branch);
      addresses.set(`${wallet}/${branch}`, index + 1);
      return index;
    },
    async raise(wallet, branch, atLeast) {
      addresses.set(`${wallet}/${branch}`, Math.max(atLeast, next(wallet, branch)));
    },
  };
}

function auditOver({ audit }: Contents): Audit {
  const entryOf = (row: AuditRow): AuditEntry => ({ ...row, detail: JSON.parse(row.detail) as AuditDetail });
  const head = (): { position: number; hash: string } => {
    const { position, hash } = audit.at(-1) ?? { position: 0, hash: AUDIT_GENESIS };
    return { position, hash };
  };
  return {
    async append(record) {
      assert(Number.isSafeInteger(record.atMs) && record.atMs >= 0, "an audit time is a whole number of milliseconds");
      const { position, hash } = head();
      const unsigned = {
        ...record,
        position: position + 1,
        previous: hash,
        detail: JSON.stringify(record.detail),
      };
      const row = { ...unsigned, hash: auditHash(unsigned) };
      audit.push(row);
      return entryOf(row);
    },
    async list({ from, limit }) {
      checkLimit(limit);
      return audit
        .filter(({ position }) => position >= from)
        .slice(0, limit)
        .map(entryOf);
    },
    head: async () => head(),
    verify: (known) => verifyAuditRows(audit, known),
  };
}
