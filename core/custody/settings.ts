import { transcript } from "@conclave/bytes";
import { networks, type NetworkName, type PaymentPolicy } from "@conclave/bitcoin";
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
  /** Blocks on a spend before coins are released from a lock; 1 is the spend's own block. */
  readonly burialDepth: number;
}

/** Throws `RangeError` on numbers under which a payment could be made twice. */
export function checkSettings({ roster, threshold, quorum, network, burialDepth }: CustodySettings): void {
  checkQuorums({ n: roster.nodes.length, t: threshold, q: quorum });
  if (!Object.hasOwn(networks, network)) throw new RangeError(`unknown network ${network}`);
  if (!Number.isInteger(burialDepth) || burialDepth < 1) throw new RangeError("the burial depth is at least 1 block");
}

/** So many peers, beside this node, have to say that this journal is not behind before it promises anything. */
export const witnessesNeeded = ({ roster, threshold }: CustodySettings): number =>
  Math.min(roster.nodes.length - 1, roster.nodes.length - threshold + 1 + toleratedFaults(roster.nodes.length));

/** Stands in every vote, so that a vote given under one policy does not count under another. */
export const policyHash = ({
  policy: { fees, maxInputs, minConfirmations, maxLocktimeAhead },
  rawDigests,
}: CustodySettings): Uint8Array =>
  transcript("custody/policy", {
    fees: Object.entries(fees)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, String(value)]),
    maxInputs,
    minConfirmations,
    maxLocktimeAhead,
    rawDigests: Number(rawDigests),
  });
