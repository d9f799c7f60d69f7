/**
 * A registered peer, in possession of all its keys, that floods: with garbage in frames small, large and too large, with garbage
 * properly delivered, with distinct setups properly signed, with new lives of itself. Four honest nodes pay meanwhile, and hold
 * a bounded amount of memory.
 */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { FaultyCluster } from "../cluster.ts";
import { FLOODS, type Flood, type Flooded } from "../flooder.ts";
import { keepsNothing, liveMemories, type LiveMemory } from "../live-memory.ts";
import { memoryOf } from "../memory.ts";
import { CAMPAIGN, TRANSPORT } from "../run.ts";
import { faults } from "../trials.ts";

const FLOOD_MS = CAMPAIGN ? 60_000 : 4_000;
/** A flooder that is not read for its last flood waits so long at most. */
const HELD_OFF_MS = 30_000;
/** Sessions of the flooder in a campaign. */
const CAMPAIGN_SESSIONS = 10_000;
/** A relay takes no frame that is too large: it never comes to a node. */
const KINDS: readonly Flood[] = TRANSPORT === "relay" ? FLOODS.filter((kind) => kind !== "oversize") : FLOODS;
/**
 * What a flooder may make one honest process hold on top: what waits on its links, its inbox, and garbage not yet collected. In
 * minutes of work V8 lets more of it lie, as it does without a flood.
 */
const MAX_GROWTH_MIB = CAMPAIGN ? 384 : 256;
/** What it may make a node say. */
const MAX_LOG_BYTES_PER_SECOND = 16_384;
const LOOK_MS = 100;

/** Who dials everybody else: the node with the smallest id. */
const firstDialler = (cluster: FaultyCluster): number =>
  [0, 1, 2, 3, 4].reduce((least, place) => (cluster.idOf(place) < cluster.idOf(least) ? place : least));

interface Flooder {
  readonly child: ChildProcess;
  told(): Flooded;
  stop(): Promise<void>;
}

function startFlooder(cluster: FaultyCluster, place: number, kind: Flood, request: string): Flooder {
  const config = join(cluster.folder.nodeDir(cluster.network.names[place]!), "config.json");
  const child = fork(join(import.meta.dirname, "..", "flooder.ts"), [config, kind, request], { execArgv: [] });
  let told: Flooded = { frames: 0, bytes: 0, lives: 0, sessions: 0, links: 0 };
  child.on("message", (message) => (told = message as Flooded));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    child,
    told: () => told,
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

faults("flood of a registered peer", { nodes: 5, wired: false }, ({ trial, figure }) => {
  let flooderPlace = -1;
  let known = "";
  let first: readonly LiveMemory[] = [];
  trial("a payment before any of it", async (cluster) => {
    flooderPlace = firstDialler(cluster);
    const payment = await cluster.pay((flooderPlace + 1) % cluster.size);
    known = payment.request;
    await cluster.settled([payment]);
    await cluster.kill(flooderPlace);
    first = await liveMemories(cluster);
  });
  for (const kind of KINDS)
    trial(`${kind}: four nodes pay, and hold no more than they may`, async (cluster, t) => {
      const before = cluster.awake.map((place) => memoryOf(cluster.process(place).pid).nowMib);
      const logged = cluster.awake.map((place) => cluster.log(place).length);
      const flooder = startFlooder(cluster, flooderPlace, kind, known);
      const startMs = performance.now();
      const most = before.slice();
      let slowestMs = 0;
      let paid = 0;
      try {
        const look = (): void =>
          cluster.awake.forEach((place, i) => {
            most[i] = Math.max(most[i]!, memoryOf(cluster.process(place).pid).nowMib);
          });
        const watching = setInterval(look, LOOK_MS);
        // Whoever was held off for its last flood comes in a little later.
        const isIn = (): boolean => kind === "lives" || flooder.told().links > 0;
        const isEnough = (): boolean =>
          CAMPAIGN && kind === "lives"
            ? flooder.told().sessions >= CAMPAIGN_SESSIONS
            : performance.now() - startMs >= (isIn() ? FLOOD_MS : FLOOD_MS + HELD_OFF_MS);
        try {
          await delay(1_500);
          while (!isEnough()) {
            const payment = await cluster.pay(cluster.awake[paid % 4]!);
            slowestMs = Math.max(slowestMs, await cluster.settled([payment]));
            paid++;
          }
        } finally {
          clearInterval(watching);
        }
      } finally {
        await flooder.stop();
      }
      const { frames, bytes, sessions, links } = flooder.told();
      const seconds = (performance.now() - startMs) / 1_000;
      const growth = Math.max(...most.map((mib, i) => mib - before[i]!));
      t.diagnostic(
        `${frames} frames, ${Math.round(bytes / (1 << 20))} MiB, ${sessions} sessions, ${links} links in ${seconds.toFixed(1)} s; ` +
          `${paid} payments, the slowest ${slowestMs} ms; RSS before ${before.join(", ")}, at most ${most.join(", ")} MiB`,
      );
      figure(`${kind}: slowest payment, ms`, slowestMs);
      figure(`${kind}: growth, MiB`, growth);
      if (kind === "lives") figure("lives: sessions begun", sessions);
      // Of many lives at once perhaps none is let in before it ends; that they were begun is what matters.
      assert(kind === "lives" ? sessions > cluster.size : links > 0, "the flooder was let in");
      assert(paid > 0, "payments were made");
      assert(growth <= MAX_GROWTH_MIB, `a process grew by ${growth} MiB`);
      cluster.awake.forEach((place, i) => {
        const said = cluster.log(place).length - logged[i]!;
        assert(said <= seconds * MAX_LOG_BYTES_PER_SECOND, `node${place + 1} logged ${said} bytes in ${seconds} s`);
      });
    });
  trial("afterwards nothing of it is kept", (cluster, t) => keepsNothing(cluster, t, { first, figure }));
  trial("the node itself comes back and learns everything", async (cluster) => {
    await cluster.start(flooderPlace);
    await cluster.linked();
    await cluster.settled();
  });
});
