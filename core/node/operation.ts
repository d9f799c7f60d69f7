/** One event on its way through attempts: what a node knows of it, and the order in which keys are made. */
import { toHex, transcript } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { coordinatorIndex, type KeyView, type Request } from "@conclave/custody";
import { hasEdges } from "./key-requests.ts";
import type { Timer } from "./ports.ts";
import type { EventType, StoredEvent } from "./store/events.ts";
import type { EventId, RequestId } from "./store/ids.ts";

/** One event being carried out. */
export interface Operation {
  readonly id: EventId;
  readonly request: RequestId;
  readonly type: EventType;
  readonly revision: number;
  readonly round: number;
  readonly height: number;
  readonly expiryHeight: number;
  /** Members of the key's committee, by party number, and how many of them have to take part. */
  readonly members: readonly NodeId[];
  readonly needed: number;
  /** The key whose coins it spends; null if it spends none. */
  readonly spendsWith: Uint8Array | null;
  /** Null unless it makes a key. */
  readonly makes: Pick<KeyView, "scheme" | "purpose"> | null;
  /** What the ceremony gives is worked out for seconds at a time. */
  readonly isHeavy: boolean;
  attempt: number;
  failures: number;
  /** Nodes that stalled an attempt: asked last for the rest of this request. */
  readonly suspects: Set<NodeId>;
  stage: "waiting" | "halted" | "asking" | "joined" | "running" | "certifying" | "done";
  attemptId: string | null;
  /** Who coordinates the attempt under way, or the last one; null before there was any. */
  coordinator: NodeId | null;
  acked: number;
  /** The window for acks is over, and too few have come. */
  overdue: boolean;
  /** The key that came out, while it waits for its certificates; hexadecimal. */
  key: string | null;
  timer: Timer | null;
}

/** Kinds of requests that are carried out once they are approved; others at once. */
export const VOTED_ON: ReadonlySet<string> = new Set(["payment", "message", "digest"]);

/** Stages in which custody may be busy with an attempt. */
const UNDER_WAY: ReadonlySet<string> = new Set(["joined", "running", "certifying"]);

/** Asked for again, or made by a process that did not live to say so: there is no second one. */
export const isWalletKeyOf = ({ makes }: Operation, { scheme, purpose }: KeyView): boolean =>
  makes !== null && makes.purpose !== "messages" && makes.purpose === purpose && makes.scheme === scheme;

/** What follows from what is asked for: the key that it makes, and whether that takes long. */
const burdenOf = (content: Request): Pick<Operation, "makes" | "isHeavy" | "spendsWith"> =>
  content.kind === "keygen"
    ? { makes: content, isHeavy: hasEdges(content.scheme), spendsWith: null }
    : {
        makes: null,
        isHeavy: content.kind === "rekey" || content.kind === "presign",
        spendsWith: content.kind === "payment" ? content.wallet : null,
      };

/** An event that this node takes up: the revision and round that it carries out, and who takes part. */
export const operationOf = (
  event: StoredEvent,
  { content, revision, round }: { readonly content: Request; readonly revision: number; readonly round: number },
  committee: Pick<Operation, "members" | "needed">,
): Operation => ({
  id: event.id,
  request: event.request,
  type: event.type,
  revision,
  round,
  height: event.height,
  expiryHeight: event.expiryHeight ?? Number.MAX_SAFE_INTEGER,
  ...committee,
  ...burdenOf(content),
  attempt: event.attempt,
  failures: event.reasons.length,
  suspects: new Set(),
  stage: "waiting",
  attemptId: null,
  coordinator: null,
  acked: 0,
  overdue: false,
  key: event.type === "KEYGEN" && event.result !== null ? toHex(event.result) : null,
  timer: null,
});

/** Events whose result only those have who took part in it: the others hear nothing, which is as it should be. */
export const isForSignersOnly = ({ type }: Pick<Operation, "type">): boolean => type === "PRESIGN";

/** Whose turn it is: `eligible` are the members that are not banned, in the order of their numbers, as custody counts them. */
export const coordinatorOf = (
  eligible: readonly NodeId[],
  { height, attempt }: Pick<Operation, "height" | "attempt">,
): NodeId => eligible[coordinatorIndex(eligible.length, height, attempt)]!;

/** One event per approved content: the same on every node. */
export const eventId = (request: RequestId, type: EventType, revision: number, round: number): EventId =>
  toHex(transcript("node/event", { request, type, revision, round })) as EventId;

type Operations = Iterable<Operation>;

const byHeight = (a: Operation, b: Operation): number => a.height - b.height || (a.id < b.id ? -1 : 1);

/** Key generations under way, in an order that every node knows. */
export const keyGenerations = (operations: Operations): readonly Operation[] =>
  [...operations].filter(({ type, stage }) => type === "KEYGEN" && stage !== "done").toSorted(byHeight);

/** One key after the other: each takes all of everybody's time. */
export const waitsForEarlierKey = (operation: Operation, operations: Operations): boolean =>
  operation.type === "KEYGEN" && keyGenerations(operations).some((other) => byHeight(other, operation) < 0);

/** Whether custody threads may be slow to answer because a key or an edge is being made. */
export const isKeyUnderWay = (operations: Operations): boolean =>
  [...operations].some(({ isHeavy, stage }) => isHeavy && UNDER_WAY.has(stage));

/** A key that became active. `request`: whose ceremony made it; null if custody learned that before this process began. */
export interface MadeKey {
  readonly key: string;
  readonly request: RequestId | null;
  readonly view: Pick<KeyView, "scheme" | "purpose">;
}

/**
 * Which key generations are over now that a key is active. A wallet has one key of each kind, however often it was asked
 * for; a key for messages is one request's. Where custody does not know whose, the request that had the key before the restart;
 * if none was told of it in time, the only one that can be, and never a guess among several.
 */
export function madeBy(making: readonly Operation[], { key, request, view }: MadeKey): readonly Operation[] {
  const alike = making.filter(({ makes }) => makes?.scheme === view.scheme && makes.purpose === view.purpose);
  if (view.purpose !== "messages") return alike;
  if (request !== null) return alike.filter((operation) => operation.request === request);
  const known = alike.filter((operation) => operation.key === key);
  const unknown = alike.filter((operation) => operation.key === null);
  return known.length > 0 || unknown.length !== 1 ? known : unknown;
}
