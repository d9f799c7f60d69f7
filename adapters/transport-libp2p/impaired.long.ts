/** The promises of every transport on bad networks. CONCLAVE_TEST_SEED repeats a run's faults. */
import { randomBytes } from "node:crypto";
import type { NodeId } from "@conclave/consensus";
import type { Transport } from "@conclave/node";
import { everyPair, impairedTransportContract, Wires, type ImpairedNetwork } from "@conclave/node/testing";
import { openLibp2pTransport, type Libp2pTransport } from "./index.ts";
import { LISTEN, NODES, peersOf, realClock, rosterHash, seedOf } from "./testing/cluster.ts";

/** Nodes that reach each other through wires only. */
async function wired(): Promise<ImpairedNetwork> {
  const seed = process.env["CONCLAVE_TEST_SEED"] ?? randomBytes(4).toString("hex");
  const wires = await Wires.open({ kind: "streams", pairs: everyPair(NODES), target: () => null, seed });
  const transports = new Map<NodeId, Libp2pTransport>();
  const join = async (node: NodeId): Promise<Transport> => {
    const transport = openLibp2pTransport({
      self: node,
      peers: peersOf(NODES, (to) => (to === node ? [] : [`/ip4/127.0.0.1/tcp/${wires.portOf(node, to)}`])),
      seed: seedOf(node),
      listen: [LISTEN.tcp],
      rosterHash,
      life: randomBytes(16),
      clock: realClock,
    });
    transports.set(node, transport);
    return {
      send: (to, frame) => transport.send(to, frame),
      isUp: (peer) => transport.isUp(peer),
      close: () => transport.close(),
      start: async (handler) => {
        await transport.start(handler);
        const [address] = transport.addresses();
        wires.lead(node, Number(/\/tcp\/(?<port>\d+)/.exec(address!)!.groups!["port"]));
      },
    };
  };
  return {
    seed,
    nodes: NODES,
    join,
    crash: async (node) => transports.get(node)?.close(),
    impair: (impairment) => wires.impair(impairment),
    strand: (from, to) => wires.strand(from, to),
    isolate: (node) => wires.partition([[node]]),
    heal: () => wires.heal(),
    faults: () => wires.faults(),
    dispose: async () => {
      await Promise.all([...transports.values()].map((transport) => transport.close()));
      await wires.close();
    },
  };
}

impairedTransportContract("libp2p over TCP", wired);
