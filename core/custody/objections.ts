/** What this node has against a revision that it is asked to approve, as it reads request and content itself. */
import { assert } from "@conclave/bytes";
import {
  checkPayment,
  outpointKey,
  refuseTransactionPreimage,
  type KnownCoin,
  type PaymentPolicy,
  type PaymentRequest,
  type PaymentView,
} from "@conclave/bitcoin";
import type { KeyShare, Valid } from "@conclave/keys";
import type { KnownMotion, KnownRevision } from "./docket.ts";
import type { MessageRequestBody } from "./request.ts";
import type { CustodySettings } from "./settings.ts";
import type { Objection, Spending } from "./spending.ts";

/** What the host knows of the chain when it asks for a vote. Custody believes it in nothing that could move money. */
export interface VoteCircumstances {
  readonly round: number;
  readonly coins: readonly KnownCoin[];
  readonly tipHeight: number;
  readonly changeIndex: PaymentPolicy["changeIndex"];
  /** Ids of our own waiting transactions that this revision replaces. */
  readonly replaces: readonly string[];
}

export interface ObjectionParts {
  readonly settings: CustodySettings;
  readonly spending: Spending;
  readonly keyOf: (wallet: Uint8Array) => Valid<KeyShare> | undefined;
}

/** Everything that stands against a yes; none, and the locks alone decide. */
export function objectionsTo(
  parts: ObjectionParts,
  entry: KnownMotion,
  { content, revision }: KnownRevision,
  circumstances: VoteCircumstances,
): readonly Objection[] {
  const { request } = entry;
  if (request.kind !== "payment") return messageObjections(parts, request);
  assert(content.kind === "payment", "a payment's revision pays");
  const { view } = content;
  const all = [
    ...paymentObjections(parts, request.payment, view, circumstances),
    ...parts.spending.objections(entry, request.payment),
  ];
  if (all.length > 0) return all;
  // A person is asked only about what nothing else stands against.
  const waits = parts.spending.waits(entry, request.payment, view, revision.number);
  return waits === null ? [] : [waits];
}

const paymentObjections = (
  { settings }: ObjectionParts,
  request: PaymentRequest,
  view: PaymentView,
  { coins, tipHeight, changeIndex, replaces }: VoteCircumstances,
): readonly Objection[] =>
  checkPayment(view, {
    request,
    policy: { ...settings.policy, changeIndex },
    findCoin: (outpoint) => coins.find((coin) => outpointKey(coin.outpoint) === outpointKey(outpoint)),
    tipHeight,
    replaces: new Set(replaces),
  });

/** A message key signs no transaction, whatever it is offered as; and only what its operators can read, unless they say so. */
function messageObjections({ settings, keyOf }: ObjectionParts, request: MessageRequestBody): readonly Objection[] {
  const purpose = keyOf(request.wallet)?.record.purpose;
  if (purpose !== "messages") return [{ code: "not-a-message-key", message: `the key is for ${purpose}` }];
  if (request.kind === "digest") {
    if (settings.rawDigests) return [];
    const message = "this node signs messages that it can read; its operator may allow bare hashes";
    return [{ code: "raw-digest", message }];
  }
  const refusal = refuseTransactionPreimage(request.message, request.hash);
  return refusal === null ? [] : [{ code: refusal.code, message: refusal.message }];
}
