/** Run as a process: one node that echoes frames, until it is killed. Arguments: node, folder of the registry, wire. */
import { randomBytes } from "node:crypto";
import type { NodeId } from "@conclave/consensus";
import { PeerRegistry } from "../registry.ts";
import { openLibp2pTransport } from "../transport.ts";
import { LISTEN, NODES, peersOf, realClock, rosterHash, seedOf, type Wire } from "./cluster.ts";

const [node, folder, wire] = process.argv.slice(2) as [NodeId, string, Wire];
const transport = openLibp2pTransport({
  self: node,
  peers: peersOf(NODES),
  seed: seedOf(node),
  listen: [LISTEN[wire]],
  registry: new PeerRegistry({ folder, clock: realClock }),
  rosterHash,
  life: randomBytes(16),
  clock: realClock,
});
await transport.start({ frame: (from, frame) => transport.send(from, frame), link: () => {} });
