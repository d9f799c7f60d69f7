/**
 * What a node has promised: the fold of its journal. One `LockState` has one owner, who changes it through `apply` only,
 * after the record is durable. The same records in the same order always give the same state.
 */
import { assert, toHex, unreachable } from "@conclave/bytes";
import { outpointKey } from "@conclave/bitcoin";
import { lockRecordCodec, type LockRecord, type LockRecordOf } from "./records.ts";
import type { JournalRecord } from "../ports.ts";

/** One vote of this node. Hashes are hexadecimal. */
export interface Ballot {
  readonly digest: string;
  readonly value: boolean;
  readonly context: string;
  /** Journal position of its record: the generation that the vote itself names. */
  readonly position: number;
}

/** Content that this node approved at least once. */
export interface Content {
  readonly digest: string;
  /** Outpoint keys, `txid:vout`. */
  readonly outpoints: readonly string[];
  /** The transaction this node gave a partial signature for; null while it gave none. */
  signed: string | null;
}

/** What an operator decided about a payment. */
export interface HandDecision {
  readonly approved: boolean;
  /** Satoshis: an approval holds for revisions whose fee is no higher. */
  readonly maxFee: bigint;
  readonly atMs: number;
  readonly reason: string;
}

/** Everything this node promised about one payment. */
export interface Intent {
  readonly wallet: string;
  readonly id: string;
  /** By revision number: content this node ever voted yes on. */
  readonly contents: Map<number, Content>;
  /** By revision number, then round: yes and no. */
  readonly ballots: Map<number, Map<number, Ballot>>;
  /** `number:digest` of what this node promised never to sign. */
  readonly abandoned: Set<string>;
  /** `number:digest` of what can never pay any more, whoever signs. */
  readonly dead: Set<string>;
  /** The coin that every further revision has to spend. Set by the first signature, cleared when all it signed is dead. */
  anchor: string | null;
  /** The payment is buried in the chain: nothing is left to do. */
  ended: boolean;
  /** What it counts against this node's limit per day, and since when; null while this node never said yes. */
  promise: { readonly sats: bigint; readonly atMs: number } | null;
  /** The latest decision by hand. */
  decision: HandDecision | null;
}

/** How far a certificate of a key came. */
export interface Certificate {
  readonly epoch: number;
  readonly state: LockRecordOf<"certificate">["state"];
}

/** Keys are hexadecimal. */
export interface LockState {
  /** Position of the last record: this node's generation. */
  position: number;
  /** By wallet and request. */
  readonly intents: Map<string, Intent>;
  /** By wallet and outpoint: intents with content that spends it. */
  readonly claims: Map<string, Set<Intent>>;
  /** By request: slots in use. */
  readonly attempts: Map<string, Set<string>>;
  /** By purpose and id: what the one-use secret was used on. */
  readonly spent: Map<string, string>;
  /** By setup: edges, both ends in ascending order. */
  readonly deadEdges: Map<string, Set<string>>;
  /** By key, then transcript. */
  readonly certificates: Map<string, Map<string, Certificate>>;
  readonly bans: Uint8Array[];
}

/** The state of a node that promised nothing yet. */
export const emptyState = (): LockState => ({
  position: 0,
  intents: new Map(),
  claims: new Map(),
  attempts: new Map(),
  spent: new Map(),
  deadEdges: new Map(),
  certificates: new Map(),
  bans: [],
});

/** The state after a whole journal. Throws `CodecError` on a record this version does not know. */
export function replay(records: Iterable<JournalRecord>): LockState {
  const state = emptyState();
  for (const { position, record } of records) {
    apply(state, lockRecordCodec.decode(record));
    assert(position === state.position, "journal positions count from 1 without gaps");
  }
  return state;
}

/** Adds one durable record, in place. Judges nothing: the rules decided before the record was written. */
export function apply(state: LockState, record: LockRecord): void {
  state.position += 1;
  switch (record.kind) {
    case "vote":
      return applyVote(state, record);
    case "abandon":
      openIntent(state, record).abandoned.add(revisionKey(record));
      return;
    case "sign":
      return applySign(state, record);
    case "release":
      return applyRelease(state, record);
    case "attempt":
      at(state.attempts, toHex(record.request), () => new Set<string>()).add(attemptKey(record));
      return;
    case "spend":
      state.spent.set(secretKey(record), toHex(record.binding));
      return;
    case "deadEdge":
      at(state.deadEdges, toHex(record.setup), () => new Set<string>()).add(edgeKey(record));
      return;
    case "certificate":
      applyCertificate(state, record);
      return;
    case "promise":
      openIntent(state, record).promise = { sats: record.sats, atMs: record.atMs };
      return;
    case "decision": {
      const { approved, maxFee, atMs, reason } = record;
      openIntent(state, record).decision = { approved, maxFee, atMs, reason };
      return;
    }
    case "ban":
      state.bans.push(record.ban);
      return;
    case "note":
      return;
    default:
      return unreachable(record);
  }
}

function applyVote(state: LockState, vote: LockRecordOf<"vote">): void {
  const intent = openIntent(state, vote);
  const ballot: Ballot = {
    digest: toHex(vote.digest),
    value: vote.value,
    context: toHex(vote.context),
    position: state.position,
  };
  at(intent.ballots, vote.revision, () => new Map<number, Ballot>()).set(vote.round, ballot);
  if (vote.value) openContent(state, intent, vote);
}

function applySign(state: LockState, record: LockRecordOf<"sign">): void {
  const intent = openIntent(state, record);
  openContent(state, intent, record).signed = record.txid;
  intent.anchor = record.anchor === null ? null : outpointKey(record.anchor);
}

function openContent(state: LockState, intent: Intent, record: LockRecordOf<"vote" | "sign">): Content {
  return at(intent.contents, record.revision, () => {
    const outpoints = record.outpoints.map(outpointKey);
    for (const key of outpoints) at(state.claims, claimKey(intent.wallet, key), () => new Set<Intent>()).add(intent);
    return { digest: toHex(record.digest), outpoints, signed: null };
  });
}

function applyRelease(state: LockState, release: LockRecordOf<"release">): void {
  const intent = openIntent(state, release);
  for (const revision of release.dead) intent.dead.add(revisionKey(revision));
  if (release.reason === "buried-payment") intent.ended = true;
  const binds = [...intent.contents].some(
    ([number, content]) => content.signed !== null && isHeld(intent, number, content),
  );
  if (!binds) intent.anchor = null;
}

function applyCertificate(state: LockState, record: LockRecordOf<"certificate">): void {
  const slots = at(state.certificates, toHex(record.key), () => new Map<string, Certificate>());
  slots.set(toHex(record.transcript), { epoch: record.epoch, state: record.state });
  if (record.state !== "active") return;
  // A later epoch's certificate ends the earlier ones: their shares are erased.
  for (const [transcript, { epoch }] of slots) if (epoch < record.epoch) slots.delete(transcript);
}

interface IntentName {
  readonly wallet: Uint8Array;
  readonly intent: Uint8Array;
}

/** What this node promised about an intent; undefined if nothing. */
export const intentOf = (state: LockState, { wallet, intent }: IntentName): Intent | undefined =>
  state.intents.get(`${toHex(wallet)}/${toHex(intent)}`);

/** The same; a blank intent if nothing was promised. */
export const knownIntent = (state: LockState, name: IntentName): Intent =>
  intentOf(state, name) ?? newIntent(toHex(name.wallet), toHex(name.intent));

/**
 * Its coins are given to no other intent: nothing that this node knows keeps others from signing it. An own abandon binds
 * this node alone and frees nothing.
 */
export const isHeld = ({ ended, dead }: Intent, number: number, { digest }: Content): boolean =>
  !ended && !dead.has(`${number}:${digest}`);

/** Neither abandoned by this node nor proven dead: this node signed it or might. */
export const isOpen = ({ abandoned, dead }: Intent, number: number, { digest }: Content): boolean =>
  !abandoned.has(`${number}:${digest}`) && !dead.has(`${number}:${digest}`);

function openIntent(state: LockState, name: IntentName): Intent {
  const wallet = toHex(name.wallet);
  const id = toHex(name.intent);
  return at(state.intents, `${wallet}/${id}`, () => newIntent(wallet, id));
}

/** An intent about which nothing was promised yet. */
export const newIntent = (wallet: string, id: string): Intent => ({
  wallet,
  id,
  contents: new Map(),
  ballots: new Map(),
  abandoned: new Set(),
  dead: new Set(),
  anchor: null,
  ended: false,
  promise: null,
  decision: null,
});

/** `number:digest`, as `Intent.abandoned` and `Intent.dead` hold it. */
export const revisionKey = ({ revision, digest }: { readonly revision: number; readonly digest: Uint8Array }): string =>
  `${revision}:${toHex(digest)}`;

/** Key of `LockState.claims`. */
export const claimKey = (wallet: string, outpoint: string): string => `${wallet}/${outpoint}`;

type Slot = Pick<LockRecordOf<"attempt">, "revision" | "round" | "input" | "attempt">;
/** A slot among those of its request. */
export const attemptKey = ({ revision, round, input, attempt }: Slot): string =>
  `${revision}.${round}.${input}.${attempt}`;

/** The attempt's number in such a key. */
export const attemptOf = (key: string): number => Number(key.slice(key.lastIndexOf(".") + 1));

/** Key of `LockState.spent`. */
export const secretKey = ({ purpose, id }: Pick<LockRecordOf<"spend">, "purpose" | "id">): string =>
  `${purpose}/${toHex(id)}`;

/** An edge among those of its setup; either direction gives the same. */
export const edgeKey = ({ a, b }: Pick<LockRecordOf<"deadEdge">, "a" | "b">): string =>
  a < b ? `${a}-${b}` : `${b}-${a}`;

function at<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}
