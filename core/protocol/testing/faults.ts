/** How hostile a simulated network is. Probabilities are per delivery, in [0, 0.5]. */
export interface Schedule {
  /** A delivered message comes again later. */
  readonly repeat: number;
  /** A delivery is lost; the sender's host resends it later. At most `MAX_LOSSES` times for one message. */
  readonly lose: number;
  /** A delivery is put off although it was its turn. */
  readonly delay: number;
  /** How many parties crash, each at a random step among the first `crashWithin`. Their sessions vanish. */
  readonly crashes: number;
  /** Steps within which crashes fall. */
  readonly crashWithin: number;
  /** False: parties start, deliver and commit strictly in the order in which things were sent. */
  readonly shuffle: boolean;
}

/** A network that loses, repeats and reorders, with everyone alive. */
export const ROUGH: Schedule = { repeat: 0.1, lose: 0.1, delay: 0.1, crashes: 0, crashWithin: 40, shuffle: true };

/** Everything arrives once, in order. */
export const CALM: Schedule = { repeat: 0, lose: 0, delay: 0, crashes: 0, crashWithin: 0, shuffle: false };

/** After this many losses a message gets through, so that every run ends. */
export const MAX_LOSSES = 3;

/** What a simulation did to its parties. Assert that these are above zero: a fault that never happened tested nothing. */
export interface FaultCounts {
  repeats: number;
  losses: number;
  delays: number;
  /** Messages that overtook an older one of the same sender to the same receiver. */
  reorders: number;
  /** Messages for a round that their receiver had not reached, or before its start. */
  early: number;
  /** Messages that came while their receiver waited for a commit. */
  duringCommit: number;
  /** Messages that came after their receiver's end. */
  afterEnd: number;
  crashes: number;
  commits: number;
  /** Sessions that the host ended because nothing more was under way. */
  expired: number;
}

export const noFaults = (): FaultCounts => ({
  repeats: 0,
  losses: 0,
  delays: 0,
  reorders: 0,
  early: 0,
  duringCommit: 0,
  afterEnd: 0,
  crashes: 0,
  commits: 0,
  expired: 0,
});

/** Sums counts of several runs. */
export function addFaults(total: FaultCounts, more: FaultCounts): void {
  for (const kind of Object.keys(more) as (keyof FaultCounts)[]) total[kind] += more[kind];
}
