/** kill -9 at the moment that a node says where it is. */
import type { FaultyCluster } from "./cluster.ts";
import { phaseOf } from "./phases.ts";

/** One way: rounds take so long that the blow falls into the phase that was seen. */
export const LINE = { datagrams: { delayMs: 15 }, streams: { delayMs: 15 } };
/** Whoever is first. */
export const ANY = -1;

export interface Strike {
  readonly phase: string;
  /** Place of a node, or `ANY`. */
  readonly victim: number;
}

/**
 * Does the work, kills the first node (or this one) that tells of the phase meanwhile, and starts it again at once. The node's
 * place; null if it was not in this phase before the work was done: not every node signs or coordinates every time.
 */
export async function struckIn(
  cluster: FaultyCluster,
  { phase, victim }: Strike,
  work: () => Promise<void>,
): Promise<number | null> {
  let struck: Promise<number> | null = null;
  const stop = cluster.notices.listen((node, notice) => {
    if (struck !== null || phaseOf(notice) !== phase || (victim !== ANY && node !== victim)) return;
    struck = cluster
      .kill(node)
      .then(() => cluster.start(node))
      .then(() => node);
    // Whoever waits for the work hears of it after that.
    struck.catch(() => {});
  });
  try {
    await work();
  } finally {
    stop();
  }
  return struck;
}

/** Resolves when a node tells of the phase. */
export const reached = (cluster: FaultyCluster, phase: string): Promise<void> =>
  new Promise((resolve) => {
    const stop = cluster.notices.listen((_, notice) => {
      if (phaseOf(notice) !== phase) return;
      stop();
      resolve();
    });
  });
