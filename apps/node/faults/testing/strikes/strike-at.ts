/** kill -9 at a durable step, by the process itself: nothing that happens after the step has happened. */
import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { PATIENCE_MS, type FaultyCluster } from "../cluster.ts";
import { until } from "../../../up/testing/waiting.ts";
import { giveOrder, takenOrder, withdrawOrder, type Order } from "./orders.ts";

/** To be loaded into nodes that are to be struck. */
export const PRELOAD = join(import.meta.dirname, "preload.ts");

const LOOK_MS = 5;

/** Who was struck, and where. */
export interface Struck {
  readonly node: number;
  readonly step: string;
}

/**
 * Gives the order and does work, turn after turn, until a node has carried the order out; starts that node again. Null if none
 * came to the step in `turns`. `work` is not waited for: it may itself wait for the node to come back, so it is handed back.
 */
export async function struckAt(
  cluster: FaultyCluster,
  order: Omit<Order, "what">,
  { work, turns, turnMs }: { work: (turn: number) => Promise<unknown>; turns: number; turnMs: number },
): Promise<{ readonly struck: Struck | null; readonly done: Promise<unknown> }> {
  const { root } = cluster.folder;
  giveOrder(root, { ...order, what: "kill" });
  const works: Promise<unknown>[] = [];
  for (let turn = 0; turn < turns && takenOrder(root) === null; turn++) {
    const working = work(turn);
    working.catch(() => {});
    works.push(working);
    const endMs = performance.now() + turnMs;
    while (takenOrder(root) === null && performance.now() < endMs) await delay(LOOK_MS);
  }
  const done = Promise.all(works);
  done.catch(() => {});
  if (withdrawOrder(root)) {
    // Work that was refused explains why nobody came to the step.
    await done;
    return { struck: null, done };
  }
  return { struck: await raised(cluster), done };
}

/** The node that carried the order out is gone, and comes back. */
export async function raised(cluster: FaultyCluster): Promise<Struck> {
  const struck = await until("whoever took the order says so", PATIENCE_MS, () => takenPlace(cluster));
  await cluster.process(struck.node).ended;
  await cluster.running.killNode(struck.node);
  await cluster.start(struck.node);
  return struck;
}

/** Who carried the order out. */
export function takenPlace({ folder, network }: FaultyCluster): Struck | undefined {
  const taken = takenOrder(folder.root);
  return taken === null ? undefined : { node: network.names.indexOf(taken.node), step: taken.step };
}
