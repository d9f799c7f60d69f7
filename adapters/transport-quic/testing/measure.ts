/**
 * Prints round trips between this process and another as JSON lines, with the memory of both: `node measure.ts quic|tls`. In a
 * network of its own (`unshare -n`, `ip link set lo up mtu 1500`) the packets are as long as on Ethernet.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { RoundTripProbe, USUAL_ROUND_TRIPS } from "@conclave/node/testing";
import { makeCluster, openNode, peersOf, type TestNode } from "./cluster.ts";
import { setupOf } from "./peer-setup.ts";

const mode = process.argv[2] === "tls" ? "tls" : "quic";
const cluster = await makeCluster(2);
const [first, second] = cluster.nodes as [TestNode, TestNode];
const child = fork(join(import.meta.dirname, "peer-process.ts"), [
  setupOf({ self: second, nodes: cluster.nodes, mode, listen: "127.0.0.1:0" }),
]);
const [{ address }] = (await once(child, "message")) as [{ address: string }];
const self = await openNode(
  first,
  mode,
  peersOf(first, [second], () => address),
);
const probe = new RoundTripProbe(self.transport, second.id);
const startMs = performance.now();
await self.transport.start(probe);
await probe.linked();
console.log(JSON.stringify({ mode, linkedMs: performance.now() - startMs }));
for (const plan of USUAL_ROUND_TRIPS) console.log(JSON.stringify({ mode, ...(await probe.measure(plan)) }));
child.send("memory");
const [{ rss }] = (await once(child, "message")) as [{ rss: number }];
const mebibytes = (bytes: number): number => Math.round(bytes / (1 << 20));
console.log(JSON.stringify({ mode, rssMiB: mebibytes(process.memoryUsage().rss), peerRssMiB: mebibytes(rss) }));
await self.transport.close();
child.kill();
cluster.dispose();
