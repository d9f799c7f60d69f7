/** Peers in processes of their own, killed and stopped: how soon that is seen, and that they come back. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { makeCluster, peersOf, withNodes, type OpenNode, type TestNode } from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";
import { setupOf } from "./testing/peer-setup.ts";

const cluster = await makeCluster(2);
after(() => cluster.dispose());
const [first, second] = cluster.nodes as [TestNode, TestNode];

/** The bound of the product is 2 s; a loaded machine gets more. */
const SEEN_WITHIN_MS = 5_000;

async function startPeer(mode: "quic" | "tls", listen: string): Promise<{ process: ChildProcess; address: string }> {
  const setup = setupOf({ self: second, nodes: cluster.nodes, mode, listen });
  const child = fork(join(import.meta.dirname, "testing", "peer-process.ts"), [setup]);
  after(() => child.kill("SIGKILL"));
  const [{ address }] = (await once(child, "message")) as [{ address: string }];
  return { process: child, address };
}

/** The first node, linked to a peer in a process, and what it saw. */
function alone(
  mode: "quic" | "tls",
  test: (peer: ChildProcess, address: string, self: OpenNode, seen: Seen) => Promise<void>,
) {
  return withNodes(async (start) => {
    const peer = await startPeer(mode, "127.0.0.1:0");
    const seen: Seen = { links: [], echoes: 0 };
    const self = await start(
      first,
      mode,
      peersOf(first, [second], () => peer.address),
      {
        handler: { frame: () => seen.echoes++, link: (_, up) => seen.links.push({ up, atMs: performance.now() }) },
      },
    );
    await eventually("the link is up", () => self.transport.isUp(second.id), [self]);
    await test(peer.process, peer.address, self, seen);
  });
}

interface Seen {
  readonly links: { readonly up: boolean; readonly atMs: number }[];
  echoes: number;
}

for (const mode of ["quic", "tls"] as const) {
  describe(`a peer's process over ${mode}`, () => {
    it(
      "that is killed is seen to be gone, and to return",
      alone(mode, async (peer, address, self, seen) => {
        await wait(500);
        const killedMs = performance.now();
        peer.kill("SIGKILL");
        await eventually("the link is down", () => !self.transport.isUp(second.id), [self]);
        const tookMs = seen.links.at(-1)!.atMs - killedMs;
        console.log(`${mode}: seen ${tookMs.toFixed(0)} ms after SIGKILL`);
        assert(tookMs < SEEN_WITHIN_MS, `seen after ${tookMs} ms`);
        await startPeer(mode, address);
        await eventually("the link is up again", () => self.transport.isUp(second.id), [self]);
        self.transport.send(second.id, Uint8Array.of(1));
        await eventually("it echoes", () => seen.echoes > 0, [self]);
        assert.deepEqual(
          seen.links.map(({ up }) => up),
          [true, false, true],
        );
      }),
    );
    it(
      "that stands still for three seconds is reached again when it goes on",
      alone(mode, async (peer, _, self, seen) => {
        peer.kill("SIGSTOP");
        await wait(3_000);
        peer.kill("SIGCONT");
        await eventually(
          "it echoes",
          () => {
            self.transport.send(second.id, Uint8Array.of(1));
            return seen.echoes > 0;
          },
          [self],
        );
        // Over QUIC its machine was silent, so the link went down; over TLS nothing broke in so short a time.
        assert.equal(seen.links.at(-1)!.up, true);
        peer.kill("SIGKILL");
      }),
    );
  });
}
