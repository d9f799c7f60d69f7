import { DEFAULT_TIMINGS, type Timings } from "@conclave/node";

/** On one machine everything answers within milliseconds, and the chain costs nothing to ask. */
export const LOCAL_TIMINGS: Timings = {
  ...DEFAULT_TIMINGS,
  chainPollMs: 1_000,
  broadcastGraceMs: 1_000,
  rebroadcastMs: 2_000,
  rebroadcastLongestMs: 60_000,
  stuckMs: 60_000,
  guardMs: 10_000,
  unexplainedMs: 5_000,
  votePatienceMs: 3_000,
  voteRetryMs: 100,
};
