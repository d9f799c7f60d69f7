/**
 * What the nodes of a network wrote down, read when their processes are over: journals hold every promise once and no one-use
 * secret twice, votes that peers have are in their voter's journal, audit chains are whole, and every request that any node knows is
 * in one final state on all of them.
 */
import { join } from "node:path";
import { toHex } from "@conclave/bytes";
import { signedVoteCodec, STATES, type NodeId, type SignedVote } from "@conclave/consensus";
import { openJournal } from "@conclave/journal-sqlite";
import type { RequestId, Store, StoredRequest, TransactionState } from "@conclave/node";
import { openStore } from "@conclave/store-sql";
import { apply, emptyState, lockRecordCodec } from "../../../../core/custody/locks/index.ts";
import type { LockRecord, LockState } from "../../../../core/custody/locks/index.ts";
import type { FaultyCluster } from "./cluster.ts";

const PAGE = 500;

/** How much was read: a check that found nothing to check would be none. */
export interface PapersRead {
  readonly promises: number;
  readonly secrets: number;
  readonly attempts: number;
  readonly votes: number;
  readonly requests: number;
  readonly auditEntries: number;
}

/** What one node promised. */
export interface ReadJournal {
  readonly node: NodeId;
  readonly name: string;
  readonly records: readonly LockRecord[];
  readonly state: LockState;
}

/** Of nodes that rest. Throws everything that is wrong, in one message. */
export async function readPapers(cluster: FaultyCluster): Promise<PapersRead> {
  const wrong: string[] = [];
  const journals = cluster.network.names.map((name, index) => readJournal(cluster, { name, index }));
  const read = { promises: 0, secrets: 0, attempts: 0, votes: 0, requests: 0, auditEntries: 0 };
  for (const { records } of journals) read.promises += records.length;
  read.secrets = checkSecrets(journals, wrong);
  read.attempts = checkAttempts(journals, wrong);
  const states = new Map<RequestId, Map<string, TransactionState>>();
  for (const [index, name] of cluster.network.names.entries()) {
    const store = await openStore(cluster.history(index));
    try {
      const verdict = await store.audit.verify();
      if (verdict.intact) read.auditEntries += verdict.entries;
      else wrong.push(`${name}: its audit chain breaks at ${verdict.position}: ${verdict.reason}`);
      for (const { id, kind } of await everyRequest(store)) {
        if (kind !== "payment") continue;
        for (const vote of await votesOn(store, id)) {
          read.votes++;
          const lost = lostVote(journals, vote);
          if (lost !== null) wrong.push(`${name} has a vote that its voter forgot: ${lost}`);
        }
        const row = await store.transactions.get(id);
        if (row !== undefined) states.set(id, (states.get(id) ?? new Map()).set(name, row.state));
      }
    } finally {
      await store.close();
    }
  }
  read.requests = states.size;
  wrong.push(...checkStates(cluster, states));
  if (wrong.length > 0) throw new Error(`what the nodes wrote down does not hold: ${wrong.join("; ")}`);
  return read;
}

/** Of a node that rests. */
export function readJournal(cluster: FaultyCluster, { name, index }: { name: string; index: number }): ReadJournal {
  const file = join(cluster.dataDir(index), "journal", "safety.sqlite");
  // Opening it follows the chain of hashes over every record.
  const journal = openJournal({ file, create: false });
  try {
    const records = [...journal.read()].map(({ record }) => lockRecordCodec.decode(record));
    const state = emptyState();
    for (const record of records) apply(state, record);
    return { node: cluster.idOf(index), name, records, state };
  } finally {
    journal.close();
  }
}

/** No one-use secret is spent twice by a node, and all who spent one spent it on the same. How many there are. */
export function checkSecrets(journals: readonly ReadJournal[], wrong: string[]): number {
  const bindings = new Map<string, string>();
  let secrets = 0;
  for (const { name, records } of journals) {
    const own = new Set<string>();
    for (const record of records) {
      if (record.kind !== "spend") continue;
      secrets++;
      const secret = `${record.purpose} ${toHex(record.id)}`;
      const binding = toHex(record.binding);
      if (own.has(secret)) wrong.push(`${name} spent ${secret} twice`);
      own.add(secret);
      if ((bindings.get(secret) ?? binding) !== binding) wrong.push(`${secret} was spent on two things`);
      bindings.set(secret, binding);
    }
  }
  return secrets;
}

/** No slot of an attempt is entered twice. How many there are. */
export function checkAttempts(journals: readonly ReadJournal[], wrong: string[]): number {
  let attempts = 0;
  for (const { name, records } of journals) {
    const slots = new Set<string>();
    for (const record of records) {
      if (record.kind !== "attempt") continue;
      attempts++;
      const { request, revision, round, input, attempt } = record;
      const slot = `${toHex(request)} ${revision}.${round}.${input}.${attempt}`;
      if (slots.has(slot)) wrong.push(`${name} entered attempt ${slot} twice`);
      slots.add(slot);
    }
  }
  return attempts;
}

/** What a vote that peers have says, if its voter's journal does not say the same; null if it does. */
export function lostVote(journals: readonly ReadJournal[], { vote }: SignedVote): string | null {
  const journal = journals.find(({ node }) => node === vote.voter);
  const intent = journal?.state.intents.get(`${toHex(vote.wallet)}/${toHex(vote.request)}`);
  const ballot = intent?.ballots.get(vote.revision)?.get(vote.round);
  if (ballot?.value === vote.value && ballot.digest === toHex(vote.digest)) return null;
  return `${journal?.name ?? vote.voter} on ${toHex(vote.request).slice(0, 8)}, revision ${vote.revision}, round ${vote.round}`;
}

/** Every node knows every payment, each in one final state everywhere. */
function checkStates(
  { network, accepted }: FaultyCluster,
  states: ReadonlyMap<RequestId, ReadonlyMap<string, TransactionState>>,
): readonly string[] {
  const missing = accepted
    .filter(({ request }) => !states.has(request as RequestId))
    .map(({ request }) => `payment ${request.slice(0, 8)} was accepted and forgotten`);
  const unlike = [...states].flatMap(([id, byNode]) => {
    const known = network.names.map((name) => byNode.get(name) ?? "unknown");
    const isFinal = known.every((state) => state === known[0] && state !== "unknown" && STATES[state].final);
    return isFinal ? [] : [`payment ${id.slice(0, 8)} is ${known.join(", ")}`];
  });
  return [...missing, ...unlike];
}

async function everyRequest(store: Store): Promise<readonly StoredRequest[]> {
  const requests: StoredRequest[] = [];
  let page = await store.requests.list({ limit: PAGE });
  for (;;) {
    requests.push(...page.rows);
    if (page.next === null) return requests;
    page = await store.requests.list({ limit: PAGE, after: page.next });
  }
}

async function votesOn(store: Store, request: RequestId): Promise<readonly SignedVote[]> {
  const votes: SignedVote[] = [];
  for (const { id } of await store.votes.rounds(request))
    for (const { bytes } of await store.votes.list(id)) votes.push(signedVoteCodec.decode(bytes));
  return votes;
}
