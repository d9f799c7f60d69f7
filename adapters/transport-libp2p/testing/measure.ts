/**
 * Figures for docs/operating/libp2p.md: `node adapters/transport-libp2p/testing/measure.ts tcp|ws`. Two processes over loopback,
 * through the whole transport; one JSON line.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { RoundTripProbe, USUAL_ROUND_TRIPS, type RoundTrips } from "@conclave/node/testing";
import { Cluster, NODES, peersOf, rosterHash, type Wire } from "./cluster.ts";

const wire = (process.argv[2] ?? "tcp") as Wire;
const [ONE, , THREE] = NODES;

const megabytes = (): number => Math.round(process.memoryUsage().rss / 1e6);
const sinceMs = (startMs: number): number => Math.round(performance.now() - startMs);

const cluster = new Cluster(wire);
const peer = spawn(
  process.execPath,
  [join(import.meta.dirname, "node-process.ts"), THREE, join(cluster.folder, "peers"), wire],
  { stdio: "inherit" },
);
const beforeMb = megabytes();
let startMs = performance.now();
await import("../swarm.ts");
const importMs = sinceMs(startMs);
const importMb = megabytes() - beforeMb;

// So that the dial is measured, and not the start of the other process.
const sought = { node: THREE, peerKey: peersOf([THREE]).get(THREE)!.peerKey, rosterHash };
while ((await cluster.registry().find(sought)).length === 0) await wait(10);

const one = await cluster.join(ONE);
const probe = new RoundTripProbe(one, THREE);
startMs = performance.now();
await one.start(probe);
const listenMs = sinceMs(startMs);
await probe.linked();
const linkMs = sinceMs(startMs) - listenMs;
const linkedMb = megabytes() - beforeMb;
const trips: RoundTrips[] = [];
for (const plan of USUAL_ROUND_TRIPS) trips.push(await probe.measure(plan));
const afterMb = megabytes() - beforeMb;
console.log(JSON.stringify({ wire, importMs, importMb, listenMs, linkMs, linkedMb, afterMb, trips }));

peer.kill("SIGKILL");
await once(peer, "exit");
await cluster.dispose();
