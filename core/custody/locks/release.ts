/** The three ways out of a lock (L2): the payment is buried, its anchor went elsewhere, or nobody can sign it any more. */
import { fromHex, unreachable } from "@conclave/bytes";
import { outpointKey, type Outpoint } from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import { grant, refuse, type Decision } from "./decision.ts";
import { knownIntent, type Intent, type LockState } from "./state.ts";

/** Evidence that custody verified, with the hash of it. */
export type ReleaseEvidence = {
  readonly wallet: Uint8Array;
  readonly intent: Uint8Array;
  readonly proof: Uint8Array;
} & (
  | { readonly reason: "buried-payment" }
  /** `outpoint` is spent, deep in the chain, by transaction `spender`. */
  | { readonly reason: "foreign-spend"; readonly outpoint: Outpoint; readonly spender: string }
  | {
      readonly reason: "abandoned-by-quorum";
      readonly committee: Committee;
      readonly abandons: readonly {
        readonly revision: number;
        readonly digest: Uint8Array;
        /** Members whose signed abandon of it custody verified. */
        readonly nodes: readonly NodeId[];
      }[];
    }
);

/** n members, t of them sign, f of them may lie. */
export interface Committee {
  readonly n: number;
  readonly t: number;
  readonly f: number;
}

/** So many abandons leave fewer than t possible signers, even if f of those who abandoned lied. */
export const abandonsNeeded = ({ n, t, f }: Committee): number => n - t + 1 + f;

/** Why a lock was not released. */
export type ReleaseRefusal = "no-anchor" | "not-the-anchor" | "own-payment" | "nothing-abandoned" | "too-few-abandons";

/** The three ways out of a lock. Repeating one is harmless. */
export function decideRelease(state: LockState, evidence: ReleaseEvidence): Decision<ReleaseRefusal> {
  const intent = knownIntent(state, evidence);
  if (intent.ended) return grant();
  switch (evidence.reason) {
    case "buried-payment":
      return release(evidence, []);
    case "foreign-spend":
      return releaseSpent(intent, evidence);
    case "abandoned-by-quorum":
      return releaseAbandoned(evidence);
    default:
      return unreachable(evidence);
  }
}

const release = (
  { wallet, intent, reason, proof }: ReleaseEvidence,
  dead: readonly { readonly revision: number; readonly digest: Uint8Array }[],
): Decision<ReleaseRefusal> => grant({ kind: "release", wallet, intent, reason, dead, proof });

type EvidenceOf<R> = Extract<ReleaseEvidence, { reason: R }>;

function releaseSpent(intent: Intent, evidence: EvidenceOf<"foreign-spend">): Decision<ReleaseRefusal> {
  const spent = outpointKey(evidence.outpoint);
  if (intent.anchor === null) return refuse("no-anchor", "this node holds no anchor for this request");
  if (intent.anchor !== spent)
    return refuse("not-the-anchor", `the anchor of this request is ${intent.anchor}, not ${spent}`);
  const contents = [...intent.contents];
  if (contents.some(([, { signed }]) => signed === evidence.spender))
    return refuse("own-payment", `transaction ${evidence.spender} is this request's own payment`);
  const dead = contents.filter(([, { outpoints }]) => outpoints.includes(spent));
  return release(
    evidence,
    dead.map(([revision, { digest }]) => ({ revision, digest: fromHex(digest) })),
  );
}

/** Frees the coins of these revisions. The anchor stays until every revision that this node signed is among the dead. */
function releaseAbandoned(evidence: EvidenceOf<"abandoned-by-quorum">): Decision<ReleaseRefusal> {
  const { abandons, committee } = evidence;
  const needed = abandonsNeeded(committee);
  if (abandons.length === 0) return refuse("nothing-abandoned", "no abandoned revision was named");
  const short = abandons.find(({ nodes }) => new Set(nodes).size < needed);
  if (short !== undefined)
    return refuse("too-few-abandons", `revision ${short.revision} needs ${needed} abandons to be dead for everybody`);
  return release(
    evidence,
    abandons.map(({ revision, digest }) => ({ revision, digest })),
  );
}
