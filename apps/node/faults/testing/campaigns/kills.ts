/**
 * A campaign of kills at random moments while payments are made all the time: every trial is drawn from the seed and its number
 * alone, and written down, so that a run can be cut anywhere and gone on with.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { TransportName } from "@conclave/consensus";
import { seededDice } from "@conclave/protocol/testing";
import { FaultyCluster } from "../cluster.ts";
import { readPapers } from "../papers.ts";
import { giveOrder, MOMENTS, takenOrder, withdrawOrder, type Moment } from "../strikes/orders.ts";
import { PAYMENT_STEPS } from "../strikes/payment-steps.ts";
import { PRELOAD, raised } from "../strikes/strike-at.ts";
import { PaymentQueue } from "./payment-queue.ts";
import { Timeline } from "./timeline.ts";
import type { KillRecord } from "./trial-log.ts";

export interface KillsOptions {
  readonly count: number;
  readonly seed: string;
  readonly transport: TransportName;
  /** Trials that were tried and judged before: they are not tried again. */
  readonly done: ReadonlySet<number>;
  readonly record: (line: KillRecord) => void;
}

/** What is done in one trial. */
export type Blow =
  | { readonly kind: "moment"; readonly delayMs: number; readonly nodes: readonly number[] }
  | { readonly kind: "step"; readonly step: string; readonly moment: Moment; readonly node: number };

const NODES = 5;
/** Payments under way at any time. */
const AT_ONCE = 5;
/** A payment takes about a second: a blow falls anywhere in one. */
const LONGEST_DELAY_MS = 1_500;
/** Trials on one cluster before everything it wrote is judged, and a new one takes its place. */
const TOGETHER = 25;
/** A node that does not come to a step within this, with payments all the time, was neither origin nor signer. */
const STEP_MS = 10_000;

/** Tries what is left. True if everything held. */
export async function killsCampaign(options: KillsOptions): Promise<boolean> {
  const left = Array.from({ length: options.count }, (_, i) => i + 1).filter((number) => !options.done.has(number));
  for (let first = 0; first < left.length; first += TOGETHER)
    if (!(await tryTogether(left.slice(first, first + TOGETHER), options))) return false;
  return true;
}

/** The blow of a trial: of its number and the seed alone. */
export function drawBlow(seed: string, number: number): Blow {
  const dice = seededDice(`${seed}/kills/${number}`);
  const node = dice.below(NODES);
  const kind = dice.below(10);
  if (kind < 3)
    return {
      kind: "step",
      step: PAYMENT_STEPS[dice.below(PAYMENT_STEPS.length)]!,
      moment: MOMENTS[dice.below(MOMENTS.length)]!,
      node,
    };
  const delayMs = dice.below(LONGEST_DELAY_MS);
  if (kind < 8) return { kind: "moment", delayMs, nodes: [node] };
  return { kind: "moment", delayMs, nodes: [node, (node + 1 + dice.below(NODES - 1)) % NODES] };
}

/** One cluster, one trial after the other, and the judgement of all it wrote. */
async function tryTogether(numbers: readonly number[], { seed, transport, record }: KillsOptions): Promise<boolean> {
  const opening = { transport, seed: `${seed}/${numbers[0]}`, wired: false, preloads: [PRELOAD] };
  const cluster = await FaultyCluster.open(opening);
  const timeline = new Timeline(cluster.notices);
  try {
    const queue = new PaymentQueue(cluster, { timeline, atOnce: AT_ONCE, payments: Number.POSITIVE_INFINITY });
    const settling: Promise<void>[] = [];
    for (const number of numbers) {
      // Payments of the trial before may still come to their end while this blow falls; those of the one before that may not.
      await settling.at(-2);
      const startMs = performance.now();
      const blow = drawBlow(seed, number);
      const told = await strike(cluster, blow);
      // Whatever was under way when the node came back comes to its end, on all nodes alike.
      const payments = queue.underWay;
      const settled = cluster.settled(payments).then(() => {
        record({ kind: "trial", number, blow, told, payments: payments.length, ms: since(startMs) });
      });
      // Whoever waits hears of it.
      settled.catch(() => {});
      settling.push(settled);
    }
    await Promise.all(settling);
    await queue.stop();
    await cluster.linked();
    await cluster.judge();
    await cluster.rest();
    const read = await readPapers(cluster);
    record({ kind: "judged", numbers, held: true, read, refusals: Object.fromEntries(queue.refusals) });
    return true;
  } catch (error) {
    record({ kind: "judged", numbers, held: false, reason: (error as Error).message });
    return false;
  } finally {
    timeline.close();
    await cluster.stop();
  }
}

/** Carries the blow out; when it resolves, every node runs. What happened, for the record. */
async function strike(cluster: FaultyCluster, blow: Blow): Promise<string> {
  if (blow.kind === "moment") {
    await delay(blow.delayMs);
    for (const node of blow.nodes) {
      await cluster.kill(node);
      await cluster.start(node);
    }
    return "killed";
  }
  const { root } = cluster.folder;
  const { step, moment } = blow;
  giveOrder(root, { step, moment, node: cluster.network.names[blow.node]!, what: "kill" });
  const endMs = performance.now() + STEP_MS;
  while (takenOrder(root) === null && performance.now() < endMs) await delay(5);
  if (!withdrawOrder(root)) return `killed ${(await raised(cluster)).step}`;
  await cluster.kill(blow.node);
  await cluster.start(blow.node);
  return "killed: it did not come to the step";
}

const since = (startMs: number): number => Math.round(performance.now() - startMs);
