import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { MAX_UNPROVEN } from "./limits.ts";
import { Porch } from "./porch.ts";
import { Cluster, NODES, realClock, type Wire } from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const [ONE, TWO] = NODES;
const nobody = { frame: () => {}, link: () => {} };

/** Where a multiaddr of this machine listens. */
const portOf = (address: string): number => Number(/\/tcp\/(\d+)/.exec(address)![1]);

/** A stranger's socket: open until the other side, or the test, ends it. */
class Visit {
  readonly socket: Socket;
  isOpen = true;
  isConnected = false;

  constructor(port: number, says?: Uint8Array | string, from = "127.0.0.1") {
    this.socket = connect({ port, host: "127.0.0.1", localAddress: from }, () => {
      this.isConnected = true;
      if (says !== undefined) this.socket.write(says);
    });
    this.socket.on("error", () => {}).on("data", () => {});
    this.socket.on("close", () => {
      this.isOpen = false;
    });
  }
}

async function attacked(
  wire: Wire,
  test: (cluster: Cluster, port: number, visits: Visit[]) => Promise<void>,
): Promise<void> {
  const cluster = new Cluster(wire);
  const visits: Visit[] = [];
  try {
    const node = await cluster.join(TWO);
    await node.start(nobody);
    await test(cluster, portOf(node.addresses()[0]!), visits);
    // Whatever strangers did, a peer comes in.
    const one = await cluster.join(ONE);
    await one.start(nobody);
    await eventually("the link is up", () => one.isUp(TWO) && node.isUp(ONE));
  } finally {
    for (const { socket } of visits) socket.destroy();
    await cluster.dispose();
  }
}

const open = (visits: readonly Visit[]): number => visits.filter(({ isOpen }) => isOpen).length;

/** Not of this machine's pseudo-random kind, and the same in every run. */
const garbage = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (i * 7919 + 13) % 256);

for (const wire of ["tcp", "ws"] as const) {
  describe(`strangers at a port, over ${wire}`, { concurrency: true }, () => {
    it("who say nothing are few at a time, and lock nobody out", () =>
      attacked(wire, async (cluster, port, visits) => {
        for (let n = 0; n < 500; n++) visits.push(new Visit(port));
        await eventually("all came", () => visits.every(({ isConnected, isOpen }) => isConnected || !isOpen));
        await eventually("most are sent away", () => open(visits) <= MAX_UNPROVEN);
        await eventually("the notice", () => cluster.events.find(({ kind }) => kind === "unproven"));
      }));

    it("who come all the time from one host use up that host's share, and nobody else's", () =>
      attacked(wire, async (cluster, port, visits) => {
        const flood = setInterval(() => {
          for (let n = 0; n < 10; n++) visits.push(new Visit(port, garbage(64), "127.0.0.2"));
        }, 5);
        try {
          const notice = await eventually("the notice", () =>
            cluster.events.find(
              (event) => event.kind === "unproven" && event.reason.startsWith("more than 64 sockets"),
            ),
          );
          assert(notice.kind === "unproven" && notice.address === "127.0.0.2");
          const three = await cluster.join(NODES[2]);
          await three.start(nobody);
          await eventually("a peer comes in meanwhile", () => three.isUp(TWO));
        } finally {
          clearInterval(flood);
        }
      }));

    it("who say nothing do not stay", () =>
      attacked(wire, async (cluster, port, visits) => {
        visits.push(new Visit(port), new Visit(port, wire === "ws" ? "GET / HTTP/1.1\r\n" : Uint8Array.of(19)));
        await eventually("both are sent away", () => open(visits) === 0);
        assert(cluster.events.some((event) => event.kind === "unproven" && event.reason.startsWith("no proof within")));
      }));

    for (const [what, says] of [
      ["garbage", garbage(4_096)],
      ["zeros", new Uint8Array(4_096)],
      ["an HTTP request", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"],
      ["a TLS greeting", Uint8Array.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])],
    ] as const) {
      it(`who say ${what} are sent away`, () =>
        attacked(wire, async (_, port, visits) => {
          for (let n = 0; n < 20; n++) visits.push(new Visit(port, says));
          await eventually("all are sent away", () => open(visits) === 0);
        }));
    }
  });
}

describe("a stranger at a WebSocket's port", { concurrency: true }, () => {
  const UPGRADE =
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  /** Frames that break the WebSocket protocol, and one that is only too long: 100 MB, announced and never sent. */
  const BROKEN: readonly [string, readonly number[]][] = [
    ["announce a message longer than any of ours", [0x82, 0xff, 0, 0, 0, 0, 0x05, 0xf5, 0xe1, 0, 1, 2, 3, 4]],
    ["send a frame of an unknown kind", [0x83, 0x80, 1, 2, 3, 4]],
    ["send a frame without a mask", [0x82, 0x01, 0]],
    ["claim a compression that was not agreed", [0xc2, 0x80, 1, 2, 3, 4]],
  ];
  for (const [what, bytes] of BROKEN) {
    it(`cannot ${what}`, () =>
      attacked("ws", async (cluster, port, visits) => {
        const visit = new Visit(port, UPGRADE);
        visits.push(visit);
        visit.socket.once("data", () => visit.socket.write(Uint8Array.from(bytes)));
        await eventually("it is sent away", () => !visit.isOpen);
        const unproven = cluster.events.filter(({ kind }) => kind === "unproven");
        assert.deepEqual(unproven, [], "for what it sent, not for lack of a proof");
      }));
  }

  it("cannot talk for long instead of proving who it is", () =>
    attacked("ws", async (cluster, port, visits) => {
      const visit = new Visit(port);
      visits.push(visit);
      const requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
      const talk = setInterval(() => visit.socket.write(requests), 2);
      try {
        await eventually("it is sent away", () => !visit.isOpen);
      } finally {
        clearInterval(talk);
      }
      const notice = cluster.events.find((event) => event.kind === "unproven");
      assert.match(notice?.reason ?? "", /more than 65536 bytes/);
    }));
});

describe("a porch", () => {
  it("does not stand before a listener that hides its server", () => {
    const porch = new Porch({ clock: realClock, turnedAway: () => {} });
    assert.throws(() => porch.guard({}), /install the version that package-lock\.json names/);
  });
});
