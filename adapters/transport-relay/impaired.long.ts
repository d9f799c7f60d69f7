/** The promises of every transport on bad networks, over a relay: each node's line to it is bad. CONCLAVE_TEST_SEED repeats a run's faults. */
import { randomBytes } from "node:crypto";
import type { Transport } from "@conclave/node";
import { impairedTransportContract, Wires, type ImpairedNetwork, type Pair } from "@conclave/node/testing";
import { startRelay } from "@conclave/relay-service";
import { actor, transportOf } from "./testing/cast.ts";

const ACTORS = ["one", "two", "three"].map(actor);
const RELAY = "relay";

async function wired(): Promise<ImpairedNetwork> {
  const seed = process.env["CONCLAVE_TEST_SEED"] ?? randomBytes(4).toString("hex");
  const relay = await startRelay({ listen: [{ host: "127.0.0.1", port: 0 }] });
  const port = Number(new URL(relay.url).port);
  const nodes = ACTORS.map(({ node }) => node);
  const pairs = nodes.map((node): Pair => [node, RELAY]);
  const wires = await Wires.open({ kind: "streams", pairs, target: () => port, seed });
  const open = new Set<Transport>();
  return {
    seed,
    nodes,
    join: async (node) => {
      const url = `http://127.0.0.1:${wires.portOf(node, RELAY)}`;
      const self = ACTORS.find((one) => one.node === node)!;
      const transport = transportOf(self, ACTORS, { urls: [url] });
      open.add(transport);
      return transport;
    },
    crash: async (node) => wires.partition([[node]]),
    impair: (impairment) => wires.impair(impairment),
    // Frames go by the relay: a node's line to it is deaf.
    strand: (from) => wires.strand(from, RELAY),
    isolate: (node) => wires.partition([[node]]),
    heal: () => wires.heal(),
    faults: () => wires.faults(),
    dispose: async () => {
      await Promise.all([...open].map((transport) => transport.close()));
      await wires.close();
      await relay.close();
    },
  };
}

impairedTransportContract("over a relay, by WebSocket", wired);
