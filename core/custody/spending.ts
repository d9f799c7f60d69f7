/**
 * What this node's operator lets it approve: the limits of the policy, judged from the journal, and decisions by hand.
 *
 * A decision speaks of a request, whose id is the hash of recipient, amount, fee rate and note, and of the highest fee that the
 * operator saw. A later revision spends other coins of ours for the same purpose, and custody holds it against the request
 * itself; so the approval stands for it too, unless it costs more: then the operator is asked again. Bound to one revision's
 * digest, an approval would be void whenever two payments want one coin, and people would learn to approve without looking.
 */
import { toHex } from "@conclave/bytes";
import {
  checkSpending,
  DAY_MS,
  needsApproval,
  networks,
  sats,
  type PaymentRequest,
  type PaymentView,
  type SpendingObjection,
} from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import { topicOf, type KnownMotion, type KnownRevision } from "./docket.ts";
import type { Envelope, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import { intentOf, promisedSince, type Intent, type LockRecord } from "./locks/index.ts";
import type { SafetyLog } from "./safety-log.ts";
import type { CustodySettings } from "./settings.ts";

/** Why this node does not vote yes. */
export interface Objection {
  readonly code: string;
  readonly message: string;
}

/** What an operator decides about a payment. */
export interface ByHand {
  readonly approved: boolean;
  /** Satoshis: an approval holds for revisions that cost no more. Null: no more than the latest one that this node knows. */
  readonly maxFee: bigint | null;
  /** For the record; may be empty. */
  readonly reason: string;
  /** Why it is too late, as far as the host knows; null if it knows of nothing. A decision that was taken stays taken. */
  readonly over?: string | null;
}

export interface SpendingParts {
  readonly identity: Identity;
  readonly settings: CustodySettings;
  readonly log: SafetyLog;
  readonly emit: Emit;
  readonly nowMs: () => number;
  readonly motion: (id: Uint8Array) => KnownMotion | undefined;
  readonly peersOf: (entry: KnownMotion) => readonly NodeId[];
  readonly seal: (fields: HeaderFields, body: Uint8Array) => Envelope;
}

/** Is no request's id. */
const NO_REQUEST = "";

/** Says nothing but what its header names. */
const NOTHING = new Uint8Array(0);

export class Spending {
  readonly #parts: SpendingParts;
  /** Requests that were seen to wait for this node's operator, with the revision: told to the others, once. */
  readonly #waiting = new Map<string, number>();

  constructor(parts: SpendingParts) {
    this.#parts = parts;
  }

  /** What the policy, or a decision by hand, has against a payment. */
  objections(entry: KnownMotion, payment: PaymentRequest): readonly Objection[] {
    const { settings, log, nowMs } = this.#parts;
    const promised = promisedSince(log.state, nowMs() - DAY_MS, toHex(entry.id));
    const found: Objection[] = [
      ...checkSpending(settings.spending, payment, { network: networks[settings.network], promised }),
    ];
    const decision = this.#intent(entry)?.decision;
    if (decision?.approved === false)
      found.push({ code: "rejected-by-hand", message: `this node's operator rejected it${because(decision.reason)}` });
    return found;
  }

  /** What the policy would have against paying so much to somebody, were it asked for now. */
  beforehand(nowMs: number, payment: Pick<PaymentRequest, "amount" | "recipient">): readonly SpendingObjection[] {
    const { settings, log } = this.#parts;
    const promised = promisedSince(log.state, nowMs - DAY_MS, NO_REQUEST);
    return checkSpending(settings.spending, payment, { network: networks[settings.network], promised });
  }

  /** Whether nothing but its operator's approval is missing. Says so to the others, who only show it. */
  waits(entry: KnownMotion, payment: PaymentRequest, { fee }: PaymentView, revision: number): Objection | null {
    const decision = this.#intent(entry)?.decision ?? null;
    if (!needsApproval(this.#parts.settings.spending, payment.amount)) return null;
    if (decision?.approved === true && fee <= decision.maxFee) return null;
    this.#tellWaiting(entry, revision);
    const message =
      decision === null
        ? "waits for this node's operator to approve it"
        : `waits for this node's operator: the fee of ${fee} sat is above the ${decision.maxFee} sat that was approved`;
    return { code: WAITS, message };
  }

  #tellWaiting(entry: KnownMotion, revision: number): void {
    const { emit, peersOf, identity } = this.#parts;
    if (this.#waiting.has(toHex(entry.id))) return;
    this.#waiting.set(toHex(entry.id), revision);
    emit({ kind: "waits", request: entry.id, node: identity.id });
    emit({
      kind: "send",
      to: peersOf(entry),
      wire: this.#notice(entry, revision),
      topic: topicOf(entry.id),
      statement: true,
    });
  }

  #notice({ id }: KnownMotion, revision: number): Uint8Array {
    return this.#parts.seal({ kind: "waiting", request: id, round: String(revision) }, NOTHING).wire;
  }

  /** A member says that its operator is asked. For people only: nothing follows from it. */
  hear(node: NodeId, request: Uint8Array): void {
    const { motion, emit, peersOf } = this.#parts;
    const entry = motion(request);
    if (entry !== undefined && peersOf(entry).includes(node)) emit({ kind: "waits", request, node });
  }

  /** Tell a peer that this node's operator is still asked. */
  republish(entry: KnownMotion, to: NodeId): void {
    const revision = this.#waiting.get(toHex(entry.id));
    if (revision === undefined) return;
    this.#parts.emit({
      kind: "send",
      to: [to],
      wire: this.#notice(entry, revision),
      topic: topicOf(entry.id),
      statement: true,
    });
  }

  /** What to make durable together with a yes: it counts against the limit per day. */
  promises(entry: KnownMotion): readonly LockRecord[] {
    this.#waiting.delete(toHex(entry.id));
    if (entry.request.kind !== "payment") return [];
    const { wallet, payment } = entry.request;
    const atMs = this.#parts.nowMs();
    const known = this.#intent(entry)?.promise ?? null;
    // A yes on a later day can be what completes the payment, so that the payment counts on that day.
    if (known !== null && known.atMs > atMs - DAY_MS) return [];
    return [{ kind: "promise", wallet, intent: entry.id, sats: payment.amount, atMs }];
  }

  /** This node's operator decides. Durable when it returns; said again it changes nothing; too late it is refused. */
  decide(id: Uint8Array, { approved, maxFee, reason, over: hostsReason = null }: ByHand): void {
    const { emit, log, motion, nowMs } = this.#parts;
    const entry = motion(id);
    const latest =
      entry && [...entry.revisions.values()].toSorted((a, b) => a.revision.number - b.revision.number).at(-1);
    if (entry?.request.kind !== "payment" || latest?.content.kind !== "payment")
      return emit({ kind: "undecided", request: id, code: "unknown", message: "this node knows no such payment" });
    const bound = sats(maxFee ?? latest.content.view.fee);
    const intent = this.#intent(entry);
    const decision = intent?.decision ?? null;
    const isSame = decision?.approved === approved && (!approved || bound <= decision.maxFee);
    if (isSame) return emit({ kind: "decided", request: id, approved, maxFee: decision.maxFee, reason, isNew: false });
    const over = (intent && whyOver(intent, latest)) ?? hostsReason;
    if (typeof over === "string") return emit({ kind: "undecided", request: id, code: "over", message: over });
    const { wallet } = entry.request;
    log.commit([{ kind: "decision", wallet, intent: id, approved, maxFee: bound, atMs: nowMs(), reason }]);
    this.#waiting.delete(toHex(id));
    emit({ kind: "decided", request: id, approved, maxFee: bound, reason, isNew: true });
  }

  #intent(entry: KnownMotion): Intent | undefined {
    return intentOf(this.#parts.log.state, { wallet: entry.request.wallet, intent: entry.id });
  }
}

/** The objection of a payment that lacks nothing but its operator's approval. */
export const WAITS = "waits-for-approval";

const because = (reason: string): string => (reason === "" ? "" : `: ${reason}`);

/** Why there is nothing left to decide about a payment; null while there is. */
function whyOver({ ended, ballots, abandoned, dead }: Intent, { revision, digest }: KnownRevision): string | null {
  if (ended) return "the payment is made and buried in the chain";
  const name = `${revision.number}:${toHex(digest)}`;
  if (abandoned.has(name) || dead.has(name)) return "this node has given the payment up, for good";
  const votes = [...(ballots.get(revision.number)?.values() ?? [])];
  if (votes.length === 0) return null;
  return `this node has voted ${votes.at(-1)!.value ? "yes" : "no"}, and a vote is not taken back`;
}
