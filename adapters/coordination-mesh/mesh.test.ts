import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { Delivery, type Clock, type Transport, type TransportHandler } from "@conclave/node";
import { coordinationContract, type CoordinationPlace } from "@conclave/node/testing";
import { memoryNetwork } from "@conclave/transport-memory";
import { meshCoordination } from "./index.ts";
import { MAX_REMEMBERED_TOPICS } from "./mesh.ts";

const NODES = ["a", "b", "c"].map((digit) => digit.repeat(64) as NodeId);

/** Frames take a few turns in memory, and a loaded machine some time for turns. */
const SETTLE_MS = 60;

const clock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Nodes that consist of nothing but a transport, a delivery and a mesh. */
async function makePlace(): Promise<CoordinationPlace> {
  const network = memoryNetwork(NODES);
  const heard = new Map<NodeId, string[]>(NODES.map((node) => [node, []]));
  const transports = new Map<NodeId, Transport>();
  const deliveries = new Map<NodeId, Delivery>();
  const coordinations = new Map(
    NODES.map((node) => {
      // A stable face for the transport, which is replaced when its node comes back.
      const face: Pick<Transport, "send"> = { send: (to, frame) => transports.get(node)?.send(to, frame) };
      const delivery = new Delivery({ transport: face as Transport, clock });
      deliveries.set(node, delivery);
      return [node, meshCoordination(delivery)] as const;
    }),
  );
  const join = async (node: NodeId): Promise<void> => {
    const delivery = deliveries.get(node)!;
    const handler: TransportHandler = {
      frame(from, frame) {
        const payload = delivery.receive(from, frame);
        if (payload !== null) heard.get(node)!.push(toHex(payload));
      },
      link: (peer, up) => {
        if (up) delivery.linkUp(peer);
      },
    };
    const transport = network.join(node);
    transports.set(node, transport);
    await transport.start(handler);
  };
  for (const node of NODES) await join(node);
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  await settle();
  return {
    nodes: NODES,
    coordinations,
    heard: (node) => heard.get(node)!,
    async away(node, away) {
      if (away) await transports.get(node)!.close();
      else await join(node);
      await settle();
    },
    settle,
    async dispose() {
      for (const delivery of deliveries.values()) delivery.stop();
      for (const transport of transports.values()) await transport.close();
    },
  };
}

coordinationContract("mesh", makePlace);

test("topics are remembered for closing up to a bound; the oldest are left to whoever delivers", async () => {
  const closed: string[] = [];
  const mesh = meshCoordination({ send: () => {}, close: (topic) => closed.push(topic) });
  for (let n = 0; n <= MAX_REMEMBERED_TOPICS; n++) mesh.publish({ to: NODES, wire: Uint8Array.of(1), topic: `${n}` });
  await mesh.close();
  assert.equal(closed.length, MAX_REMEMBERED_TOPICS);
  assert.ok(!closed.includes("0") && closed.includes(`${MAX_REMEMBERED_TOPICS}`));
});
