/** The end: nothing comes after it, and it leaves nothing behind. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { arrives, connected, eventually, Member, quiet, startNode, textFrame, type Networks } from "./network.ts";

/** How many things of each kind keep this process alive: sockets, timers, threads. Immediates are over with this turn. */
function activeResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (kind !== "Immediate") counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

export function endContract(networks: Networks): void {
  describe("close", () => {
    it(
      "delivers and reports nothing more, whatever is on its way",
      networks.connected(async ([a, b, c], network) => {
        for (let n = 0; n < 200; n++) b.end.send(a.node, textFrame(`on its way ${n}`));
        await a.end.close();
        const seen = [a.frames.length, a.links.length];
        for (let n = 0; n < 200; n++) b.end.send(a.node, textFrame(`too late ${n}`));
        await c.end.close();
        await quiet(network);
        assert.deepEqual([a.frames.length, a.links.length], seen);
      }),
    );
    it(
      "may be called again, and by several at once",
      networks.connected(async ([a, b], network) => {
        await Promise.all([a.end.close(), a.end.close()]);
        await a.end.close();
        await eventually(network, "the peer notices", () => !b.end.isUp(a.node));
        await quiet(network);
        assert.deepEqual(b.noticesOf(a.node), [true, false]);
      }),
    );
    it(
      "makes `send` lose frames and `isUp` say no",
      networks.connected(async ([a, b], network) => {
        await a.end.close();
        a.end.send(b.node, textFrame("from beyond"));
        assert.equal(a.end.isUp(b.node), false);
        await quiet(network);
        assert.deepEqual(b.frames, []);
      }),
    );
    it(
      "may come from within a handler",
      networks.connected(async ([a, b], network) => {
        let closing: Promise<void> | undefined;
        a.onFrame = () => {
          closing ??= a.end.close();
        };
        for (let n = 0; n < 10; n++) b.end.send(a.node, textFrame(`${n}`));
        await eventually(network, "the peer notices", () => !b.end.isUp(a.node));
        await closing;
        const seen = a.frames.length;
        await quiet(network);
        assert.equal(a.frames.length, seen);
      }),
    );
    it(
      "may come before the start, which is refused then, and lets the node join again",
      networks.empty(async (network, [a, b]) => {
        const unused = new Member(a, await network.join(a));
        await unused.end.close();
        await assert.rejects(unused.end.start(unused));
        const peer = await startNode(network, b);
        await connected(network, [await startNode(network, a), peer]);
        assert.deepEqual([unused.links, unused.frames], [[], []]);
        peer.check();
      }),
    );
    it(
      "ends a used end for good, and no end is started twice",
      networks.connected(async ([a, b], network) => {
        await assert.rejects(a.end.start(a));
        await a.end.close();
        await assert.rejects(a.end.start(a));
        await eventually(network, "the peer notices", () => !b.end.isUp(a.node));
        await quiet(network);
        assert.deepEqual(b.noticesOf(a.node), [true, false]);
      }),
    );
    it(
      "of an old end does not touch its successor",
      networks.connected(async ([a, b], network) => {
        await a.end.close();
        const successor = await startNode(network, a.node);
        await connected(network, [successor, b]);
        await a.end.close();
        a.end.send(b.node, textFrame("from the old end"));
        successor.end.send(b.node, textFrame("from the new end"));
        await arrives(network, b, successor, "from the new end");
        b.end.send(a.node, textFrame("to the new end"));
        await arrives(network, successor, b, "to the new end");
        await quiet(network);
        assert.deepEqual(b.textsFrom(a.node), ["from the new end"]);
        assert.deepEqual(b.noticesOf(a.node), [true, false, true]);
      }),
    );
    it(
      "leaves nothing behind that keeps the process alive",
      networks.empty(async (network, nodes) => {
        const before = activeResources();
        const members = await Promise.all(nodes.map((node) => startNode(network, node)));
        await connected(network, members);
        for (const { node, end } of members)
          for (const peer of nodes) if (peer !== node) end.send(peer, textFrame("x"));
        for (const { end } of members) await end.close();
        const left = (): readonly string[] =>
          [...activeResources()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind]) => kind);
        await eventually(network, "sockets, timers and threads are released", () => left().length === 0);
      }),
    );
  });
}
