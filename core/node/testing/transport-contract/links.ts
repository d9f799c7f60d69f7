/** Links: every change reported once, in order, to those who should know; frames to the absent are lost in silence. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeId } from "@conclave/consensus";
import { arrives, connected, eventually, Member, quiet, startNode, STRANGER, textFrame } from "./network.ts";
import type { Networks, TransportNetwork } from "./network.ts";

/** How a node can leave, and whether it says goodbye. */
const DEPARTURES: readonly [string, (network: TransportNetwork, leaving: Member) => Promise<void>][] = [
  ["closes", (_, { end }) => end.close()],
  ["crashes", (network, { node }) => network.crash(node)],
];

const goesDown = (network: TransportNetwork, witness: Member, peer: NodeId): Promise<void> =>
  eventually(network, "the link is down", () => !witness.end.isUp(peer));

export function linksContract(networks: Networks): void {
  describe("links", () => {
    it(
      "are reported up once at each end, and nobody else's are up",
      networks.connected(async (members, network) => {
        await quiet(network);
        for (const { node, end, links } of members) {
          const peers = members.map((peer) => peer.node).filter((peer) => peer !== node);
          assert.deepEqual(links.map(({ peer }) => peer).sort(), peers.sort());
          assert(links.every(({ up }) => up));
          assert.deepEqual([end.isUp(node), end.isUp(STRANGER)], [false, false]);
        }
      }),
    );
    it(
      "come up when the second of two starts; what was sent before is lost and never throws",
      networks.empty(async (network, [a, b]) => {
        const late = new Member(b, await network.join(b));
        late.end.send(a, textFrame("before both"));
        const early = await startNode(network, a);
        early.end.send(b, textFrame("before the other"));
        late.end.send(a, textFrame("before oneself"));
        await quiet(network);
        assert.deepEqual([early.end.isUp(b), late.end.isUp(a), early.links], [false, false, []]);
        await late.end.start(late);
        await connected(network, [early, late]);
        early.end.send(b, textFrame("to the late one"));
        late.end.send(a, textFrame("from the late one"));
        await arrives(network, late, early, "to the late one");
        await arrives(network, early, late, "from the late one");
        for (const member of [early, late]) member.check();
        assert.deepEqual([early.noticesOf(b), late.noticesOf(a)], [[true], [true]]);
        assert.deepEqual([early.frames.length, late.frames.length], [1, 1]);
      }),
    );
    it(
      "may be used from within the notice that they are up",
      networks.empty(async (network, [a, b]) => {
        const first = await startNode(network, a);
        first.onLink = (peer, up) => up && first.end.send(peer, textFrame("welcome"));
        const second = await startNode(network, b);
        await arrives(network, second, first, "welcome");
        second.check();
      }),
    );
    for (const [leaves, leave] of DEPARTURES) {
      it(
        `go down once for everybody when a peer ${leaves}, and frames to it are lost in silence`,
        networks.connected(async ([a, b, c], network) => {
          await leave(network, c);
          await goesDown(network, a, c.node);
          await goesDown(network, b, c.node);
          for (let n = 0; n < 100; n++) a.end.send(c.node, textFrame(`lost ${n}`));
          a.end.send(b.node, textFrame("still here"));
          await arrives(network, b, a, "still here");
          await quiet(network);
          assert.deepEqual(
            [a.noticesOf(c.node), b.noticesOf(c.node)],
            [
              [true, false],
              [true, false],
            ],
          );
          assert.deepEqual([a.noticesOf(b.node), c.frames], [[true], []]);
        }),
      );
      it(
        `come up again when a peer ${leaves} and returns, for new frames only`,
        networks.connected(async ([a, b, c], network) => {
          await leave(network, c);
          await goesDown(network, a, c.node);
          await goesDown(network, b, c.node);
          a.end.send(c.node, textFrame("while away"));
          const back = await startNode(network, c.node);
          await connected(network, [a, b, back]);
          a.end.send(c.node, textFrame("welcome back"));
          back.end.send(b.node, textFrame("I am back"));
          await arrives(network, back, a, "welcome back");
          await arrives(network, b, back, "I am back");
          await quiet(network);
          back.check();
          assert.deepEqual(a.noticesOf(c.node), [true, false, true]);
          assert.deepEqual(back.textsFrom(a.node), ["welcome back"]);
        }),
      );
      it(
        `tell a peer that ${leaves} and returns at once from one that stayed`,
        networks.connected(async ([a, b, c], network) => {
          await leave(network, c);
          const back = await startNode(network, c.node);
          const restarted = (witness: Member): boolean => witness.noticesOf(c.node).join() === "true,false,true";
          await eventually(network, "down and up again", () => restarted(a) && restarted(b));
          await connected(network, [a, b, back]);
          back.end.send(a.node, textFrame("back"));
          await arrives(network, a, back, "back");
          back.check();
        }),
      );
    }
    it(
      "end as they should after a peer came and went many times",
      networks.connected(async ([a, b, c], network) => {
        let last = c;
        for (let n = 0; n < 10; n++) {
          await (n % 2 === 0 ? network.crash(c.node) : last.end.close());
          last = await startNode(network, c.node);
        }
        // Lives that were over before anybody noticed may go unreported; what is reported alternates, and ends with up.
        await eventually(network, "the last life is reached from everywhere", () => {
          for (const { end } of [a, b]) end.send(c.node, textFrame("settled"));
          return [a, b].every(({ node, end }) => end.isUp(c.node) && last.textsFrom(node).includes("settled"));
        });
        for (const { node } of [a, b]) assert.equal(last.end.isUp(node), true);
        assert(a.noticesOf(c.node).length <= 21);
        last.check();
      }),
    );
  });
}
