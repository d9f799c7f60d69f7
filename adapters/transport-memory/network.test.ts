import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeId } from "@conclave/consensus";
import { transportContract } from "@conclave/node/testing";
import { memoryNetwork } from "./network.ts";

const NODES = [1, 2, 3].map((n) => n.toString(16).padStart(64, "0") as NodeId);
const [ONE, TWO, THREE] = NODES as [NodeId, NodeId, NodeId];

transportContract("in memory", async () => {
  const network = memoryNetwork(NODES);
  return {
    nodes: NODES,
    join: async (node) => network.join(node),
    crash: async (node) => network.crash(node),
    dispose: async () => NODES.forEach((node) => network.crash(node)),
  };
});

describe("a network in memory", () => {
  it("lets nobody in twice, and no stranger", () => {
    const network = memoryNetwork([ONE, TWO]);
    network.join(ONE);
    assert.throws(() => network.join(ONE), RangeError);
    assert.throws(() => network.join(THREE), RangeError);
    assert.throws(() => memoryNetwork([ONE, ONE]), RangeError);
  });

  it("forgets a node that crashed before it started", () => {
    const network = memoryNetwork([ONE, TWO]);
    network.join(ONE);
    network.crash(ONE);
    network.crash(TWO);
    network.join(ONE);
  });

  it("shows what happened at a peer in the order in which it happened", async () => {
    const network = memoryNetwork([ONE, TWO]);
    const [reader, writer] = [network.join(ONE), network.join(TWO)];
    const seen: string[] = [];
    await reader.start({
      frame: (_, [byte]) => seen.push(`frame ${byte}`),
      link: (_, up) => seen.push(up ? "up" : "down"),
    });
    await writer.start({ frame: () => {}, link: () => {} });
    for (const byte of [1, 2]) writer.send(ONE, Uint8Array.of(byte));
    await writer.close();
    const again = network.join(TWO);
    await again.start({ frame: () => {}, link: () => {} });
    again.send(ONE, Uint8Array.of(3));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(seen, ["up", "frame 1", "frame 2", "down", "up", "frame 3"]);
    await reader.close();
  });
});
