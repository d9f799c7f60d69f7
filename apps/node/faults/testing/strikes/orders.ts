/**
 * What a test orders the nodes of its network to do at a durable step, and what they tell of the steps they come to: two small
 * files that the test and the code loaded into the nodes (`preload.ts`) share. Nothing here waits for a disk.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Just before the step, or as soon as it is durable and before anything that depends on it happens. */
export const MOMENTS = ["before", "after"] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Order {
  /** Name of a durable step, as `recorded` tells them; null for whichever comes next. */
  readonly step: string | null;
  readonly moment: Moment;
  /** `kill`: the process ends there, as in a power cut. `fail`: the disk says that it cannot; only `before` a step. */
  readonly what: "kill" | "fail";
  /** The node that carries it out; null for the first that comes to the step. */
  readonly node: string | null;
}

const orderFile = (root: string): string => join(root, "strike.json");
const takenFile = (root: string): string => join(root, "strike-taken.json");
const recordingFile = (root: string): string => join(root, "steps-wanted");
const stepsFile = (nodeDir: string): string => join(nodeDir, "durable-steps");

/** Orders a network (the folder that holds its nodes' folders) to be struck. There is one order at a time: a new one replaces it. */
export function giveOrder(root: string, order: Order): void {
  rmSync(takenFile(root), { force: true });
  // Whole or not at all: nodes look at any moment.
  writeFileSync(`${orderFile(root)}.new`, JSON.stringify(order));
  renameSync(`${orderFile(root)}.new`, orderFile(root));
}

/** True if nobody carried the order out; nobody will any more. */
export function withdrawOrder(root: string): boolean {
  try {
    rmSync(orderFile(root));
    return true;
  } catch {
    return false;
  }
}

/** Who carried the order out, and at which step; null while nobody did. */
export function takenOrder(root: string): { readonly node: string; readonly step: string } | null {
  if (!existsSync(takenFile(root))) return null;
  return JSON.parse(readFileSync(takenFile(root), "utf8")) as { readonly node: string; readonly step: string };
}

/** Nodes keep a list of the steps they go through, from now on. */
export const recordSteps = (root: string): void => writeFileSync(recordingFile(root), "");

/** The steps that a node went through since `recordSteps`, in order, and no further ones. */
export function recorded(root: string, name: string): readonly string[] {
  rmSync(recordingFile(root), { force: true });
  const file = stepsFile(join(root, name));
  if (!existsSync(file)) return [];
  const steps = readFileSync(file, "utf8").split("\n").filter(Boolean);
  rmSync(file);
  return steps;
}

/** A node's end of it. */
export class Orders {
  readonly #root: string;
  readonly #name: string;
  readonly #nodeDir: string;

  constructor(nodeDir: string) {
    this.#nodeDir = nodeDir;
    this.#root = dirname(nodeDir);
    this.#name = basename(nodeDir);
  }

  /** Notes that the step is done, if somebody wants to know. */
  note(step: string): void {
    if (existsSync(recordingFile(this.#root))) appendFileSync(stepsFile(this.#nodeDir), `${step}\n`);
  }

  /** What this node is to do now. Of several that come to the step at once, one gets the order, and no one gets it twice. */
  take(step: string, moment: Moment): Order["what"] | null {
    const order = this.#order();
    if (order === null || order.moment !== moment || (order.step !== null && order.step !== step)) return null;
    if (order.node !== null && order.node !== this.#name) return null;
    const mine = `${orderFile(this.#root)}.${this.#name}`;
    try {
      renameSync(orderFile(this.#root), mine);
    } catch {
      // Another node was faster, or the test withdrew it.
      return null;
    }
    // Whole or not at all: the test looks at any moment, and one that reads half of it takes the node for lost.
    writeFileSync(mine, JSON.stringify({ node: this.#name, step }));
    renameSync(mine, takenFile(this.#root));
    return order.what;
  }

  #order(): Order | null {
    try {
      return JSON.parse(readFileSync(orderFile(this.#root), "utf8")) as Order;
    } catch {
      return null;
    }
  }
}

/** What nodes write after everybody knows the outcome is written by then. */
const QUIET_MS = 1_000;

/** The steps of some work on all of these nodes, and of nothing before it, in the alphabet's order. */
export async function stepsOf(
  root: string,
  names: readonly string[],
  work: () => Promise<void>,
): Promise<readonly string[]> {
  await delay(QUIET_MS);
  recordSteps(root);
  await work();
  await delay(QUIET_MS);
  return [...new Set(names.flatMap((name) => recorded(root, name)))].toSorted();
}
