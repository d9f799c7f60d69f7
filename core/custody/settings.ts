import { transcript } from "@conclave/bytes";
import {
  checkSpendingPolicy,
  networks,
  type NetworkName,
  type PaymentPolicy,
  type SpendingPolicy,
} from "@conclave/bitcoin";
import { checkQuorums, toleratedFaults, type Roster } from "@conclave/consensus";

/** What an operator decides for its node's custody. Nothing in it comes from a peer. */
export interface CustodySettings {
  readonly roster: Roster;
  readonly network: NetworkName;
  /** t and q of the cluster's keys: a ceremony with other numbers is refused. */
  readonly threshold: number;
  readonly quorum: number;
  /** Whether this node signs hashes whose preimage it does not see, with keys for messages. Off unless an operator says so. */
  readonly rawDigests: boolean;
  /** Whether this node takes part in presignatures that others ask for. They cost it time and memory, and promise nothing. */
  readonly presigning: boolean;
  /** What this node requires of every payment it votes for. */
  readonly policy: Omit<PaymentPolicy, "changeIndex">;
  /** What its operator lets it approve: limits, address book, approval by hand. */
  readonly spending: SpendingPolicy;
  /**
   * Whether a yes that a deterministic rule proves wrong bans its voter (`enforce`), or is only recorded. A minority vote that
   * nothing proves wrong is dissent in either case, and never bans.
   */
  readonly minorityVotes: "record" | "enforce";
  /** Blocks on a spend before coins are released from a lock; 1 is the spend's own block. */
  readonly burialDepth: number;
}

/** Throws `RangeError` on numbers under which a payment could be made twice, and on limits that contradict themselves. */
export function checkSettings(settings: CustodySettings): void {
  const { roster, threshold, quorum, network, burialDepth, spending } = settings;
  checkQuorums({ n: roster.nodes.length, t: threshold, q: quorum });
  if (!Object.hasOwn(networks, network)) throw new RangeError(`unknown network ${network}`);
  if (!Number.isInteger(burialDepth) || burialDepth < 1) throw new RangeError("the burial depth is at least 1 block");
  checkSpendingPolicy(spending, networks[network]);
}

/** So many peers, beside this node, have to say that this journal is not behind before it promises anything. */
export const witnessesNeeded = ({ roster, threshold }: CustodySettings): number =>
  Math.min(roster.nodes.length - 1, roster.nodes.length - threshold + 1 + toleratedFaults(roster.nodes.length));

/**
 * Stands in every vote, so that a vote given under one policy does not count under another. Names everything that decides how
 * this node votes; the address book in its own order, with its labels.
 */
export const policyHash = ({
  policy: { fees, maxInputs, minConfirmations, maxLocktimeAhead },
  spending: { maxPayment, maxDaily, recipients, approval, approveAbove },
  rawDigests,
  minorityVotes,
}: CustodySettings): Uint8Array =>
  transcript("custody/policy", {
    fees: Object.entries(fees)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, String(value)]),
    maxInputs,
    minConfirmations,
    maxLocktimeAhead,
    rawDigests: Number(rawDigests),
    maxPayment: limited(maxPayment),
    maxDaily: limited(maxDaily),
    recipients:
      recipients === null
        ? "any"
        : recipients.map(({ address, label }) => [address, label ?? "", Number(label !== null)]),
    approval,
    approveAbove: limited(approveAbove),
    minorityVotes,
  });

const limited = (limit: bigint | null): string => (limit === null ? "none" : String(limit));
