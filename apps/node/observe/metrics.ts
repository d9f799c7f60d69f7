/**
 * What a node counts and measures, by document 004's names. Labels come from short lists (states, types, peers of the
 * roster, keys); ids of requests and addresses stay out, so that a busy or attacked node has no more series than an idle one.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { SYNC_BUCKETS_SECONDS } from "./sync-times.ts";

/** A signature takes tens of milliseconds between idle nodes and some seconds over attempts that fail. */
const SIGNATURE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180];
/** A key without pairwise setups takes a second, one with them minutes between many nodes. */
const DKG_BUCKETS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** Votes wait for the chain, at most some seconds, or for people, hours. */
const VOTE_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600];
/** Attempts: a request has at most 32. */
const ATTEMPT_BUCKETS = [1, 2, 3, 4, 6, 8, 16, 32];

export interface NodeMetrics {
  readonly registry: Registry;
  readonly transactions: Counter<"state">;
  readonly messages: Counter<"state">;
  readonly votes: Counter<"value" | "result">;
  readonly objections: Counter<"code">;
  readonly violations: Counter<"type">;
  readonly dissent: Counter<"party">;
  readonly reuseRefused: Counter<"purpose">;
  readonly alerts: Counter<"code">;
  readonly coordination: Counter<"kind">;
  readonly signatures: Counter<"suite" | "result">;
  readonly networkErrors: Counter<"peer">;
  readonly tlsFailures: Counter;
  readonly sessionsExpired: Counter;
  readonly participantFailures: Counter<"party">;
  readonly dropped: Counter;
  readonly problems: Counter;
  readonly chainErrors: Counter<"kind">;
  readonly httpRequests: Counter<"route" | "status">;
  readonly signatureSeconds: Histogram<"suite">;
  readonly dkgSeconds: Histogram<"suite">;
  readonly voteSeconds: Histogram;
  readonly consensusSeconds: Histogram;
  readonly attemptsPerSignature: Histogram;
  readonly custodySeconds: Histogram<"call">;
  readonly storeSyncSeconds: Histogram;
  /** A gauge that is read when somebody looks. Adds to the registry under `mpc_<name>`. */
  gauge<L extends string>(name: string, help: string, labels: readonly L[]): Gauge<L>;
}

/** A registry of its own: several nodes may live in one process. */
export function createMetrics(): NodeMetrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name: `mpc_${name}_total`, help, labelNames: [...labelNames], registers });
  // What alerts wait for stands at 0 before it happens: a series that begins with its first event has not increased by it.
  const expected = <L extends string>(counted: Counter<L>, label: L, values: readonly string[]): Counter<L> => {
    for (const value of values) counted.inc({ [label]: value } as Record<L, string>, 0);
    return counted;
  };
  const histogram = <L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> =>
    new Histogram({ name: `mpc_${name}`, help, buckets: [...buckets], labelNames: [...labelNames], registers });
  return {
    registry,
    transactions: counter("transactions", "Payments that entered a state, as this node knows them", ["state"]),
    messages: counter("messages", "Messages that entered a state, as this node knows them", ["state"]),
    votes: counter("votes", "Verified votes: cast by this node, counted of a peer's, or contradicting an earlier one", [
      "value",
      "result",
    ]),
    objections: counter("vote_objections", "Reasons for which this node did not approve", ["code"]),
    violations: expected(counter("byzantine_violations", "Violations proven against nodes", ["type"]), "type", [
      "DoubleVote",
      "MinorityVote",
      "ProtocolFault",
      "Equivocation",
    ]),
    dissent: counter("dissent", "Votes against what was decided: no fault by themselves", ["party"]),
    reuseRefused: expected(
      counter("secret_reuse_refused", "Second uses of one-use secrets that the journal refused", ["purpose"]),
      "purpose",
      ["nonce", "presignature"],
    ),
    alerts: counter("alerts", "Things that this node wanted an operator to look at", ["code"]),
    coordination: expected(
      counter("coordination_reports", "What the node said of its coordination service", ["kind"]),
      "kind",
      ["lied", "rewound", "twin", "differs"],
    ),
    signatures: counter("signatures", "Signatures made, and attempts at them that failed", ["suite", "result"]),
    networkErrors: counter("network_errors", "Links lost, dials that failed, greetings refused", ["peer"]),
    tlsFailures: counter("tls_handshake_failures", "Handshakes that failed at either end"),
    sessionsExpired: counter("session_expired", "Attempts given up because somebody was silent for too long"),
    participantFailures: counter("participant_failures", "Attempts that failed by a node's fault or silence", [
      "party",
    ]),
    dropped: counter("messages_dropped", "Messages of peers that custody had no use for"),
    problems: counter("problems", "Troubles that this node reported in its log"),
    chainErrors: expected(counter("esplora_errors", "Questions to the Bitcoin server that failed", ["kind"]), "kind", [
      "lied",
    ]),
    httpRequests: counter("http_requests", "Requests that the API answered", ["route", "status"]),
    signatureSeconds: histogram(
      "signature_seconds",
      "From a request's approval to its verified signature",
      SIGNATURE_BUCKETS,
      ["suite"],
    ),
    dkgSeconds: histogram("dkg_seconds", "From the request of a key to its use", DKG_BUCKETS, ["suite"]),
    voteSeconds: histogram("vote_processing_seconds", "From a proposal to this node's vote on it", VOTE_BUCKETS),
    consensusSeconds: histogram("consensus_round_seconds", "From a proposal to the verdict on it", VOTE_BUCKETS),
    attemptsPerSignature: histogram(
      "attempts_per_signature",
      "Attempts that this node joined until a signature was there",
      ATTEMPT_BUCKETS,
    ),
    custodySeconds: histogram(
      "custody_call_seconds",
      "From a call of custody to its answer, waiting for earlier calls included",
      SIGNATURE_BUCKETS,
      ["call"],
    ),
    storeSyncSeconds: histogram("store_sync_seconds", "Waits until history was on the disk", SYNC_BUCKETS_SECONDS),
    gauge: (name, help, labels) => new Gauge({ name: `mpc_${name}`, help, labelNames: [...labels], registers }),
  };
}
