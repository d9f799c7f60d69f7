/** The promises of every transport on bad networks, over QUIC and over TLS. CONCLAVE_TEST_SEED repeats a run's faults. */
import { randomBytes } from "node:crypto";
import type { NodeId } from "@conclave/consensus";
import type { Transport } from "@conclave/node";
import { everyPair, impairedTransportContract, Wires, type ImpairedNetwork } from "@conclave/node/testing";
import { makeCluster, openNode, peersOf, type OpenNode } from "./testing/cluster.ts";

const WIRES = { quic: "datagrams", tls: "streams" } as const;

/** Nodes that reach each other through wires only. */
async function wired(mode: "quic" | "tls"): Promise<ImpairedNetwork> {
  const seed = process.env["CONCLAVE_TEST_SEED"] ?? randomBytes(4).toString("hex");
  const cluster = await makeCluster(3);
  const nodes = cluster.nodes.map(({ id }) => id);
  const wires = await Wires.open({ kind: WIRES[mode], pairs: everyPair(nodes), target: () => null, seed });
  const open = new Map<NodeId, OpenNode>();
  const join = async (id: NodeId): Promise<Transport> => {
    const node = cluster.nodes.find((known) => known.id === id)!;
    const peers = peersOf(node, cluster.nodes, (to) => `127.0.0.1:${wires.portOf(id, to.id)}`);
    const opened = await openNode(node, mode, peers, {
      observe: (event) => {
        if (event.kind === "listening") wires.lead(id, Number(event.address.split(":")[1]));
      },
    });
    open.set(id, opened);
    return opened.transport;
  };
  const leave = async (id: NodeId): Promise<void> => {
    const left = open.get(id);
    open.delete(id);
    await left?.transport.close();
    left?.certificates.stop();
  };
  return {
    seed,
    nodes,
    join,
    crash: leave,
    impair: (impairment) => wires.impair(impairment),
    strand: (from, to) => wires.strand(from, to),
    isolate: (node) => wires.partition([[node]]),
    heal: () => wires.heal(),
    faults: () => wires.faults(),
    dispose: async () => {
      await Promise.all(nodes.map(leave));
      await wires.close();
      cluster.dispose();
    },
  };
}

impairedTransportContract("QUIC", () => wired("quic"));
impairedTransportContract("TLS over TCP", () => wired("tls"));
