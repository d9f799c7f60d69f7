import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { PROOF_MS } from "./limits.ts";
import { Cluster, NODES, peersOf } from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const [ONE, TWO] = NODES;
const nobody = { frame: () => {}, link: () => {} };

const PLACES: readonly [name: string, listen: readonly string[], dial: (address: string) => string][] = [
  ["IPv4 over TCP", ["/ip4/127.0.0.1/tcp/0"], (address) => address],
  ["IPv6 over TCP", ["/ip6/::1/tcp/0"], (address) => address],
  ["IPv6 over WebSocket", ["/ip6/::1/tcp/0/ws"], (address) => address],
  ["any IPv4, as announced", ["/ip4/0.0.0.0/tcp/0"], (address) => address],
  ["a name", ["/ip4/127.0.0.1/tcp/0/ws"], (address) => address.replace("/ip4/127.0.0.1", "/dns4/localhost")],
  ["an address with its peer id", ["/ip4/127.0.0.1/tcp/0"], (address) => `${address}/p2p/12D3KooWNone`],
];

describe("a link", { concurrency: true }, () => {
  for (const [name, listen, dial] of PLACES) {
    it(`is kept once it is proven: ${name}`, async () => {
      const cluster = new Cluster("tcp");
      try {
        const two = await cluster.join(TWO, { listen });
        await two.start(nobody);
        const address = dial(two.addresses()[0]!).replace("12D3KooWNone", two.peerId);
        // Only what the roster says.
        const one = await cluster.join(ONE, {
          listen: [],
          peers: peersOf([ONE, TWO], () => [address]),
          registry: cluster.registry("elsewhere"),
        });
        await one.start(nobody);
        await eventually("the link is up", () => one.isUp(TWO) && two.isUp(ONE));
        await wait(PROOF_MS + 500);
        assert.deepEqual(
          cluster.events.filter(({ kind }) => kind === "down" || kind === "unproven"),
          [],
        );
      } finally {
        await cluster.dispose();
      }
    });
  }

  it("is found over any of several listeners", async () => {
    const cluster = new Cluster("tcp");
    try {
      const two = await cluster.join(TWO, { listen: ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"] });
      await two.start(nobody);
      const [plain, webSocket] = two.addresses();
      assert(plain !== undefined && webSocket?.endsWith("/ws"));
      const one = await cluster.join(ONE, { listen: [] });
      await one.start(nobody);
      await eventually("the link is up", () => one.isUp(TWO));
    } finally {
      await cluster.dispose();
    }
  });
});
