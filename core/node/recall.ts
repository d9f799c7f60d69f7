/** After a restart: hand custody what the store kept of the requests that matter. Custody verifies all of it again. */
import { proposalCodec, requestCodec, requestId, revisionCodec, type CustodyEvent } from "@conclave/custody";
import type { NodeId } from "@conclave/consensus";
import type { Context } from "./context.ts";
import { OPEN_MESSAGES, type Messages } from "./messages.ts";
import type { Payments } from "./payments.ts";
import type { PaymentRecords } from "./records.ts";
import type { RequestId } from "./store/ids.ts";
import type { Cursor, Page, PageRequest } from "./store/pages.ts";
import type { StoredRequest } from "./store/requests.ts";
import type { TransactionState } from "./store/transactions.ts";

/** Ended requests that peers may still ask about: the latest ones, whatever their state. */
const LATEST_REQUESTS = 20;
/** Most that a peer is told again, which was away for long: what is older, the chain tells it. */
const MOST_RETOLD = 500;
/** What a peer was about to hear when it went away counts as missed. */
const BEFORE_GONE_MS = 60_000;
const PAGE = 500;

/** States in which peers that come back may lack something of a payment, and custody has to know it. */
const OPEN_STATES: readonly TransactionState[] = [
  "pending",
  "voting",
  "approved",
  "rejected",
  "signing",
  "signed",
  "broadcasting",
  "unresolved",
];

/** States in which a vote may still be wanted: others may see other votes than this node, and a voter may turn out a liar. */
const OPEN_TO_VOTES: ReadonlySet<string> = new Set(["pending", "voting", "approved", "rejected", "signing"]);

export interface RecallParts {
  readonly context: Context;
  readonly records: PaymentRecords;
  readonly payments: Payments;
  readonly messages: Messages;
  readonly signers: Map<RequestId, readonly NodeId[]>;
  /** A result that this node has on disk, and custody verified. Whatever should have followed from it may not have happened. */
  readonly finished: (event: FinishedEvent) => Promise<void>;
}

type FinishedEvent = Extract<CustodyEvent, { kind: "signed" | "messageSigned" }>;

/** Requests that are open, recent, or came since a peer was last heard (null: not known), oldest first. */
export async function recentRequests(
  { store }: Context,
  sinceMs: number | null = null,
): Promise<readonly StoredRequest[]> {
  const latest = await store.requests.list({ limit: sinceMs === null ? LATEST_REQUESTS : MOST_RETOLD });
  const missed = latest.rows.filter(
    ({ createdAtMs }, i) => i < LATEST_REQUESTS || createdAtMs >= sinceMs! - BEFORE_GONE_MS,
  );
  const open = [
    ...(await everyId((page) => store.transactions.list({ ...page, states: OPEN_STATES }), "txid")),
    ...(await everyId((page) => store.messages.list({ ...page, states: OPEN_MESSAGES }), "id")),
  ];
  const known = new Map(missed.map((stored) => [stored.id, stored]));
  for (const id of open) {
    const stored = known.get(id) ?? (await store.requests.get(id));
    if (stored !== undefined) known.set(id, stored);
  }
  return [...known.values()].toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
}

/** Page by page: as many as are under way, whatever a page holds. */
async function everyId<Column extends string>(
  list: (page: PageRequest) => Promise<Page<{ readonly [C in Column]: RequestId }>>,
  column: Column,
): Promise<readonly RequestId[]> {
  const ids: RequestId[] = [];
  for (let after: Cursor | null | undefined; after !== null;) {
    const page: Page<{ readonly [C in Column]: RequestId }> = await list({ limit: PAGE, ...(after && { after }) });
    ids.push(...page.rows.map((row) => row[column]));
    after = page.next;
  }
  return ids;
}

export async function recall(parts: RecallParts): Promise<void> {
  for (const stored of await recentRequests(parts.context)) await recallRequest(parts, stored);
}

async function recallRequest(parts: RecallParts, stored: StoredRequest): Promise<void> {
  const { id, body } = stored;
  const { events, latest, voted } = await handBack(parts.context, stored);
  await parts.context.submit(events.filter(({ kind }) => kind === "verdict"));
  await recallResults(parts, id);
  if (latest === undefined) return;
  await resumeVote(parts, id, { request: requestId(requestCodec.decode(body)), latest, voted });
}

/** Hand custody a request with its revisions and votes. `voted`: whether this node's vote on the latest is among them. */
export async function handBack(
  { custody, store, clock, self }: Context,
  { id, body }: StoredRequest,
): Promise<{
  readonly events: readonly CustodyEvent[];
  readonly latest: number | undefined;
  readonly voted: boolean;
}> {
  const request = requestCodec.decode(body);
  const revisions = await store.requests.revisions(id);
  const proposals = [null, ...revisions].map((revision) =>
    proposalCodec.encode({ request, revision: revision && revisionCodec.decode(revision.body) }),
  );
  const latest = revisions.at(-1)?.number;
  const votes: Uint8Array[] = [];
  let voted = false;
  for (const round of await store.votes.rounds(id)) {
    const listed = await store.votes.list(round.id);
    votes.push(...listed.map(({ bytes }) => bytes));
    voted ||= round.revision === latest && listed.some(({ node }) => node === self);
  }
  const events = await custody.recall(clock.nowMs(), { proposals, votes, abandons: [] });
  return { events, latest, voted };
}

async function recallResults({ context, signers, finished }: RecallParts, id: RequestId): Promise<void> {
  const { custody, store, clock } = context;
  for (const { type, result } of await store.events.ofRequest(id)) {
    const events = type !== "SIGN" || result === null ? [] : await custody.recallResult(clock.nowMs(), result);
    for (const event of events) {
      if (event.kind !== "signed" && event.kind !== "messageSigned") continue;
      signers.set(id, event.signers);
      if (!(await isKnownSigned(context, id))) await finished(event);
    }
  }
}

const isKnownSigned = async ({ store }: Context, id: RequestId): Promise<boolean> =>
  ((await store.transactions.get(id))?.signedTx ?? (await store.messages.get(id))?.signature ?? null) !== null;

/** A request that was taken in but not voted on when the process died, or whose vote was lost with it. */
async function resumeVote(
  { records, payments, messages, context }: RecallParts,
  id: RequestId,
  { request, latest, voted }: { readonly request: Uint8Array; readonly latest: number; readonly voted: boolean },
): Promise<void> {
  const message = await context.store.messages.get(id);
  if (message !== undefined && !voted && OPEN_TO_VOTES.has(message.state)) messages.consider(request);
  const status = await records.status(id);
  if (status === undefined) return;
  if (status.state === "pending") await records.apply(id, { kind: "votingOpened" });
  if (!voted && OPEN_TO_VOTES.has(status.state)) payments.consider(request, latest);
}
