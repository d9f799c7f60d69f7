/** Single faults of a suite, one after the other on one cluster: each is tried, and held or not. */
import { appendFileSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import { FaultyCluster, type FaultyClusterOptions } from "./cluster.ts";
import { ASKABLE } from "./live-memory.ts";
import { RESULTS_FILE, SEED, TRANSPORT } from "./run.ts";

export interface Result {
  readonly suite: string;
  readonly transport: string;
  readonly tried: number;
  readonly held: number;
  readonly seconds: number;
  /** Of the node's process that held most. */
  readonly peakMib: number;
  readonly seed: string;
  readonly figures: Readonly<Record<string, number | string>>;
}

export interface Trials {
  readonly cluster: () => FaultyCluster;
  /** One fault, and that the cluster survives it. */
  readonly trial: (name: string, work: (cluster: FaultyCluster, t: TestContext) => Promise<void>) => void;
  /** To be told with the result. */
  readonly figure: (name: string, value: number | string) => void;
}

/** A suite of faults on one cluster over the network of this run. */
export function faults(
  suite: string,
  options: Omit<FaultyClusterOptions, "transport" | "seed">,
  define: (trials: Trials) => void,
): void {
  describe(`${suite} over ${TRANSPORT}`, () => {
    let opened: FaultyCluster | null = null;
    const figures: Record<string, number | string> = {};
    let [tried, held] = [0, 0];
    let startMs = 0;
    const cluster = (): FaultyCluster => {
      if (opened === null) throw new Error("the cluster did not start");
      return opened;
    };
    before(async () => {
      startMs = performance.now();
      process.env["NODE_OPTIONS"] = ASKABLE;
      opened = await FaultyCluster.open({ ...options, transport: TRANSPORT, seed: `${SEED}/${suite}` });
    });
    const trial: Trials["trial"] = (name, work) => {
      it(name, async (t) => {
        tried++;
        try {
          await work(cluster(), t);
          held++;
        } catch (cause) {
          throw new Error(`FAULT_SEED=${SEED}: ${(cause as Error).message}`, { cause });
        }
      });
    };
    define({ cluster, trial, figure: (name, value) => void (figures[name] = value) });
    trial("in the end: every payment once on the chain and alike on all nodes, no bans, no process lost", (all) =>
      all.judge(),
    );
    after(async () => {
      const peakMib = opened === null ? 0 : opened.remember();
      await opened?.stop();
      const seconds = Math.round((performance.now() - startMs) / 1_000);
      const result: Result = { suite, transport: TRANSPORT, tried, held, seconds, peakMib, seed: SEED, figures };
      console.log(wordsOf(result));
      if (RESULTS_FILE !== null) appendFileSync(RESULTS_FILE, `${JSON.stringify(result)}\n`);
    });
  });
}

/** A suite whose servers are not installed here says so, and nothing is wrong. */
export function skipped(suite: string, why: string): void {
  console.log(`${suite} over ${TRANSPORT}: skipped, ${why}`);
  const nothing = { tried: 0, held: 0, seconds: 0, peakMib: 0, figures: {} };
  if (RESULTS_FILE !== null)
    appendFileSync(RESULTS_FILE, `${JSON.stringify({ suite, transport: TRANSPORT, seed: SEED, ...nothing })}\n`);
}

const wordsOf = ({ suite, transport, tried, held, seconds, peakMib, seed, figures }: Result): string =>
  `${suite} over ${transport}: ${tried} tried, ${held} held, ${seconds} s, RSS at most ${peakMib} MiB, seed ${seed}` +
  Object.entries(figures)
    .map(([name, value]) => `, ${name} ${value}`)
    .join("");
