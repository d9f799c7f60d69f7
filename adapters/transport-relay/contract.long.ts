/** The promises of every transport, kept over a relay. */
import type { NodeId } from "@conclave/consensus";
import { transportContract, type TransportNetwork } from "@conclave/node/testing";
import { startRelay } from "@conclave/relay-service";
import type { RelayMode } from "./index.ts";
import { actor, transportOf } from "./testing/cast.ts";
import { openDoors, type Doors } from "./testing/doors.ts";

const ACTORS = ["one", "two", "three"].map(actor);

async function overARelay(mode: RelayMode): Promise<TransportNetwork> {
  const relay = await startRelay({ listen: [{ host: "127.0.0.1", port: 0 }] });
  const doors = new Map<NodeId, Doors>();
  return {
    nodes: ACTORS.map(({ node }) => node),
    join: async (node) => {
      const own = openDoors();
      doors.set(node, own);
      return transportOf(
        ACTORS.find((one) => one.node === node)!,
        ACTORS,
        { urls: [relay.url], mode, doors: own },
      );
    },
    crash: async (node) => doors.get(node)?.shut(),
    dispose: async () => {
      for (const own of doors.values()) own.shut();
      await relay.close();
    },
  };
}

transportContract("over a relay, by WebSocket", () => overARelay("websocket"));
transportContract("over a relay, by plain HTTP", () => overARelay("http"));
