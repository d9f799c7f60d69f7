/** A load campaign: queued payments on five processes, all ending correctly; how fast, and what it leaves in memory. */
import { setTimeout as delay } from "node:timers/promises";
import type { TransportName } from "@conclave/consensus";
import { FaultyCluster } from "../cluster.ts";
import { ASKABLE, liveMemory } from "../live-memory.ts";
import { readPapers } from "../papers.ts";
import { PaymentQueue } from "./payment-queue.ts";
import { growthPerMinute, type Sample } from "./growth.ts";
import { percentile, PHASES, Timeline } from "./timeline.ts";

export interface LoadOptions {
  readonly payments: number;
  readonly atOnce: number;
  readonly transport: TransportName;
  readonly seed: string;
  readonly say: (line: Readonly<Record<string, unknown>>) => void;
}

/** Coins beyond one for each payment under way: those of payments that are confirmed on one node and not yet on another. */
const SPARE_COINS = 40;
/** Between two looks at all processes. A look collects a process's garbage, which takes a core for a moment. */
const LOOK_MS = 10_000;
/** A run of so long says something about growth; a shorter one says how much it is at most. */
const GROWTH_MS = 5 * 60_000;
/** What objects may grow by while it runs: a node remembers requests and envelopes of late, up to bounds that fill slowly. */
const MAX_GROWTH_MIB_PER_MINUTE = 1;

/** Nothing confirmed for so long: it will not end. */
const STALL_MS = 180_000;

/** True if every payment ended correctly, and memory did not grow. */
export async function loadCampaign({ payments, atOnce, transport, seed, say }: LoadOptions): Promise<boolean> {
  process.env["NODE_OPTIONS"] = ASKABLE;
  const coins = Math.min(payments, atOnce) + SPARE_COINS;
  const cluster = await FaultyCluster.open({ transport, seed: `${seed}/load`, wired: false, coins });
  const timeline = new Timeline(cluster.notices);
  const startMs = performance.now();
  const queue = new PaymentQueue(cluster, { timeline, atOnce, payments });
  const samples: Sample[] = [];
  try {
    const [endMs] = await Promise.all([
      queue.done.then(() => performance.now()),
      watch(cluster, { queue, samples, startMs, say }),
    ]);
    await cluster.judge();
    say(await memoryLine(cluster, samples, startMs));
    await cluster.rest();
    say({ kind: "papers", ...(await readPapers(cluster)) });
    say(rates(queue, timeline, endMs - startMs));
    const growth = growthPerMinute(samples);
    const isLong = endMs - startMs >= GROWTH_MS;
    const isBounded = growth.every((mib) => mib <= MAX_GROWTH_MIB_PER_MINUTE);
    say({ kind: "growth", heap_mib_per_minute: growth, judged: isLong, bounded: isBounded });
    say({ kind: "result", tried: payments, held: payments, lost: 0 });
    return !isLong || isBounded;
  } catch (error) {
    say(rates(queue, timeline, performance.now() - startMs));
    say({ kind: "result", tried: payments, reason: (error as Error).message });
    return false;
  } finally {
    timeline.close();
    await cluster.stop();
  }
}

interface Watch {
  readonly queue: PaymentQueue;
  readonly samples: Sample[];
  readonly startMs: number;
  readonly say: LoadOptions["say"];
}

/** Looks at the processes until the queue is done. Throws when nothing happens any more. */
async function watch(cluster: FaultyCluster, { queue, samples, startMs, say }: Watch): Promise<void> {
  const ended = queue.done.then(
    () => true,
    () => true,
  );
  let [confirmed, movedMs] = [0, performance.now()];
  for (;;) {
    const line = await memoryLine(cluster, samples, startMs);
    const now = queue.wishes.length - queue.underWay.length;
    say({ ...line, accepted: queue.wishes.length, confirmed: now });
    if (now > confirmed) [confirmed, movedMs] = [now, performance.now()];
    if (performance.now() - movedMs > STALL_MS)
      throw new Error(`${confirmed} payments are confirmed, and no further one within ${STALL_MS / 1_000} s`);
    if (await Promise.race([ended, delay(LOOK_MS, false, { ref: false })])) return;
  }
}

async function memoryLine(
  cluster: FaultyCluster,
  samples: Sample[],
  startMs: number,
): Promise<Readonly<Record<string, unknown>>> {
  const rssMib = cluster.memory().map(({ nowMib }) => nowMib);
  const heapMib: number[] = [];
  for (const place of cluster.awake) heapMib.push((await liveMemory(cluster, place)).heapMib);
  const atMs = performance.now() - startMs;
  samples.push({ atMs, heapMib });
  return { kind: "memory", at_s: Math.round(atMs / 1_000), rss_mib: rssMib, heap_mib: heapMib };
}

function rates(queue: PaymentQueue, timeline: Timeline, tookMs: number): Readonly<Record<string, unknown>> {
  const spans = timeline.spans(queue.wishes);
  const phases = PHASES.map((phase) => [
    `to_${phase}_ms`,
    { p50: percentile(spans[phase], 50), p99: percentile(spans[phase], 99) },
  ]);
  return {
    kind: "rates",
    payments: queue.wishes.length,
    seconds: Math.round(tookMs / 1_000),
    per_minute: Math.round((queue.wishes.length / tookMs) * 60_000),
    ...Object.fromEntries(phases),
    refusals: Object.fromEntries(queue.refusals),
  };
}
