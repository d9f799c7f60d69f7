/** Every wait of a node. Defaults suit a cluster on one continent; tests and slow links set their own. */
export interface Timings {
  /** How long a coordinator waits for acks of nodes whose link is up. Nodes known to be down are not waited for. */
  readonly ackWindowMs: number;
  /** How long the others wait for a coordinator's setup before the next attempt's coordinator takes over. */
  readonly setupDeadlineMs: number;
  /** Longest time without progress in a round before the attempt is given up. */
  readonly roundDeadlineMs: number;
  /**
   * The same while a key or an edge is made by pairwise setups: custody computes for seconds at a time and says nothing
   * meanwhile, to other attempts neither.
   */
  readonly keyRoundDeadlineMs: number;
  /** How long a member that does not sign waits for the signers' result. */
  readonly resultDeadlineMs: number;
  /** How long a finished key generation waits for everybody's certificate before it is run again. */
  readonly certifyDeadlineMs: number;
  /** Wait before the next attempt; doubles up to the longest. */
  readonly retryFirstMs: number;
  readonly retryLongestMs: number;
  /** How long a node waits for its own view of the chain to show what a payment spends, before it votes no. */
  readonly votePatienceMs: number;
  readonly voteRetryMs: number;
  /** How often the chain is asked about payments under way. */
  readonly chainPollMs: number;
  /** How long nodes that did not coordinate wait for a payment to appear before they broadcast it themselves. */
  readonly broadcastGraceMs: number;
  /** Wait before a payment that the chain does not show is broadcast again; doubles up to the longest. */
  readonly rebroadcastMs: number;
  readonly rebroadcastLongestMs: number;
  /** How long a payment may wait for a block before its operator hears of it. */
  readonly stuckMs: number;
  /** How often a node looks for spends of the wallet's coins that nobody asked for. */
  readonly guardMs: number;
  /**
   * How long a spend of the wallet's coins may go without a request that explains it, while enough peers are there to tell of
   * one, before the wallet is frozen.
   */
  readonly unexplainedMs: number;
  /** How often a node looks for expired requests and stalled operations. */
  readonly sweepMs: number;
}

export const DEFAULT_TIMINGS: Timings = {
  ackWindowMs: 2_000,
  setupDeadlineMs: 3_000,
  roundDeadlineMs: 5_000,
  keyRoundDeadlineMs: 60_000,
  resultDeadlineMs: 10_000,
  certifyDeadlineMs: 15_000,
  retryFirstMs: 100,
  retryLongestMs: 10_000,
  votePatienceMs: 5_000,
  voteRetryMs: 250,
  chainPollMs: 30_000,
  broadcastGraceMs: 2_000,
  rebroadcastMs: 60_000,
  rebroadcastLongestMs: 30 * 60_000,
  stuckMs: 60 * 60_000,
  guardMs: 30_000,
  unexplainedMs: 15_000,
  sweepMs: 1_000,
};

/** Attempts at one event before it is given up as FAILED. Custody's own limit is 64 slots per request. */
export const RETRY_BUDGET = 32;
