/** Every wait of a party. Defaults suit people who start commands in three terminals, over relays anywhere on earth. */
export interface PartyTimings {
  /** How long a coordinator waits for acks of parties that are there. */
  readonly ackWindowMs: number;
  /** How long the others wait between their ack and the beginning. */
  readonly beginDeadlineMs: number;
  /** Longest time without progress in a round of signing. */
  readonly roundDeadlineMs: number;
  /** The same for key generation, where a party may compute for many seconds and say nothing meanwhile. */
  readonly keyRoundDeadlineMs: number;
  /** How long a party with a finished share waits for certificates before it takes part in another run. */
  readonly certifyDeadlineMs: number;
  /** Before another attempt; doubles up to the longest. */
  readonly retryFirstMs: number;
  readonly retryLongestMs: number;
  /** How long who refuses stays, so that the others hear why. */
  readonly refusalMs: number;
  /** How long who has a signature stays for parties that are there and have none. */
  readonly lingerMs: number;
  /** The same for a key that was made just now, whose certificate the others need; also for parties that are away. */
  readonly keyLingerMs: number;
  /** How long goodbyes are waited for. */
  readonly goodbyeMs: number;
}

export const DEFAULT_PARTY_TIMINGS: PartyTimings = {
  ackWindowMs: 3_000,
  beginDeadlineMs: 10_000,
  roundDeadlineMs: 15_000,
  keyRoundDeadlineMs: 120_000,
  certifyDeadlineMs: 15_000,
  retryFirstMs: 200,
  retryLongestMs: 10_000,
  refusalMs: 1_000,
  lingerMs: 10_000,
  keyLingerMs: 60_000,
  goodbyeMs: 1_000,
};
