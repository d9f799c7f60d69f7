/**
 * Figures for docs/operating/libp2p.md: `node adapters/transport-libp2p/testing/measure.ts tcp|ws`. Round trips between two
 * processes over loopback, through the whole transport; one JSON line.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Cluster, NODES, peersOf, rosterHash, type Wire } from "./cluster.ts";
import { eventually } from "./patience.ts";

const wire = (process.argv[2] ?? "tcp") as Wire;
const [ONE, , THREE] = NODES;
const SIZES: readonly [name: string, bytes: number, rounds: number][] = [
  ["1 KB", 1_024, 3_000],
  ["64 KB", 65_536, 1_000],
  ["1 MiB", 1 << 20, 150],
];
const WARM_UP_ROUNDS = 50;

const megabytes = (): number => Math.round(process.memoryUsage().rss / 1e6);
const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000;
const quantile = (sorted: readonly number[], q: number): number =>
  rounded(sorted[Math.floor((sorted.length - 1) * q)]!);

const cluster = new Cluster(wire);
const peer = spawn(
  process.execPath,
  [join(import.meta.dirname, "node-process.ts"), THREE, join(cluster.folder, "peers"), wire],
  {
    stdio: "inherit",
  },
);
const beforeMb = megabytes();
const importStartMs = performance.now();
await import("../swarm.ts");
const importMs = Math.round(performance.now() - importStartMs);
const importMb = megabytes() - beforeMb;

let echoed: () => void = () => {};
const one = await cluster.join(ONE, { observe: () => {} });
const registry = cluster.registry();
const peerKey = peersOf([THREE]).get(THREE)!.peerKey;
// So that the dial is measured, and not the start of the other process.
while ((await registry.find({ node: THREE, peerKey, rosterHash })).length === 0) await wait(10);
const dialStartMs = performance.now();
await one.start({ frame: () => echoed(), link: () => {} });
const listenMs = rounded(performance.now() - dialStartMs);
await eventually("the link is up", () => one.isUp(THREE));
const upMs = rounded(performance.now() - dialStartMs);
const linkedMb = megabytes() - beforeMb;

const roundTrip = async (frame: Uint8Array): Promise<number> => {
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    echoed = resolve;
    one.send(THREE, frame);
  });
  return performance.now() - startMs;
};
const figures: Record<string, { readonly p50: number; readonly p99: number }> = {};
for (const [name, bytes, rounds] of SIZES) {
  const frame = new Uint8Array(bytes).fill(7);
  for (let n = 0; n < WARM_UP_ROUNDS; n++) await roundTrip(frame);
  const times: number[] = [];
  for (let n = 0; n < rounds; n++) times.push(await roundTrip(frame));
  times.sort((a, b) => a - b);
  figures[name] = { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
console.log(
  JSON.stringify({ wire, importMs, importMb, listenMs, upMs, linkedMb, figures, afterMb: megabytes() - beforeMb }),
);
peer.kill("SIGKILL");
await once(peer, "exit");
await cluster.dispose();
