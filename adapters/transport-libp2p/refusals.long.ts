import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { describe, it } from "node:test";
import type { Connection, Libp2p, MessageStream } from "@libp2p/interface";
import type { NodeId } from "@conclave/consensus";
import { publicKeyOf } from "./ed25519.ts";
import { peerIdOf } from "./peer-id.ts";
import { Cluster, LISTEN, NODES, peersOf, seedOf, type Seen, type Wire } from "./testing/cluster.ts";
import { dialled, ended, outsider, streamOn } from "./testing/outsider.ts";
import { eventually } from "./testing/patience.ts";
import { openLibp2pTransport, type Libp2pOptions } from "./transport.ts";

const [ONE, TWO] = NODES;
const STRANGER_SEED = new Uint8Array(32).fill(0xee);
const nobody = { frame: () => {}, link: () => {} };
const idOf = (node: NodeId): string => peerIdOf(publicKeyOf(seedOf(node)));
const WIRES: readonly Wire[] = ["tcp", "ws"];

/** A cluster for one test, with everything that was put into `also` stopped afterwards. */
async function withCluster(
  wire: Wire,
  test: (cluster: Cluster, also: (Libp2p | Server)[]) => Promise<void>,
): Promise<void> {
  const cluster = new Cluster(wire);
  const also: (Libp2p | Server)[] = [];
  try {
    await test(cluster, also);
  } finally {
    await cluster.dispose();
    for (const one of also) await ("stop" in one ? one.stop() : one.close());
  }
}

const reasonFor = (cluster: Cluster, kind: Seen["kind"], at: NodeId): Promise<string> =>
  eventually(`${kind} at ${at}`, () => {
    const event = cluster.events.find((event) => event.kind === kind && event.at === at);
    return event !== undefined && "reason" in event ? event.reason : null;
  });

for (const wire of WIRES) {
  describe(`who is not in the roster, over ${wire}`, () => {
    it("is refused when it dials, by the identity it proved, and told of", () =>
      withCluster(wire, async (cluster, also) => {
        const node = await cluster.join(ONE);
        await node.start(nobody);
        const stranger = await outsider(STRANGER_SEED);
        also.push(stranger);
        // Its own part of the handshake is over first, so it may believe for a moment that it is connected.
        const connection = await dialled(stranger, `${node.addresses()[0]}/p2p/${node.peerId}`).catch(() => null);
        if (connection !== null) await ended(connection);
        const event = await eventually("the notice", () => cluster.events.find(({ kind }) => kind === "stranger"));
        assert.deepEqual(
          { ...event, address: "" },
          {
            kind: "stranger",
            direction: "inbound",
            peerId: peerIdOf(publicKeyOf(STRANGER_SEED)),
            address: "",
            times: 1,
            at: ONE,
          },
        );
      }));

    it("is not taken for a peer at whose address it answers; the dial says who was expected there", () =>
      withCluster(wire, async (cluster, also) => {
        const stranger = await outsider(STRANGER_SEED, [LISTEN[wire]]);
        also.push(stranger);
        const address = stranger.getMultiaddrs()[0]!.toString().split("/p2p/")[0]!;
        const node = await cluster.join(ONE, { peers: peersOf([ONE, TWO], () => [address]) });
        await node.start(nobody);
        const reason = await reasonFor(cluster, "undialled", ONE);
        const other = peerIdOf(publicKeyOf(STRANGER_SEED));
        assert(reason.includes(`who answers at ${address} is ${other}, and not ${idOf(TWO)}`), reason);
        await eventually("the stranger's side is closed", () => stranger.getConnections().length === 0);
      }));

    it("is told so by its dial, when its roster has us and ours has not it", () =>
      withCluster(wire, async (cluster) => {
        const [, , THREE] = NODES;
        const node = await cluster.join(THREE, { peers: peersOf([TWO, THREE]) });
        await node.start(nobody);
        await (await cluster.join(ONE)).start(nobody);
        const reason = await eventually("the dial fails", () =>
          cluster.events.find(
            (event) => event.kind === "undialled" && event.peer === THREE && event.reason.includes("hung up"),
          ),
        );
        assert(reason.kind === "undialled" && reason.reason.includes(`${idOf(THREE)} proved who it is and hung up`));
        assert(!cluster.events.some(({ kind }) => kind === "up"));
      }));
  });
}

describe("a dial", () => {
  const REFUSED: readonly [string, readonly string[], RegExp][] = [
    ["no address", [], /nobody knows where/],
    ["an address that is none", ["127.0.0.1:9000"], /"127\.0\.0\.1:9000" is no multiaddr: write \/ip4/],
    ["an address of another peer", [`/ip4/127.0.0.1/tcp/9/p2p/${idOf(ONE)}`], /names another peer/],
    ["an address where nobody listens", ["/ip4/127.0.0.1/tcp/1"], /cannot be reached at .*ECONNREFUSED/],
  ];
  for (const [what, addresses, reason] of REFUSED) {
    it(`says what is wrong with ${what}`, () =>
      withCluster("tcp", async (cluster) => {
        const node = await cluster.join(ONE, { peers: peersOf([ONE, TWO], () => addresses) });
        await node.start(nobody);
        assert.match(await reasonFor(cluster, "undialled", ONE), reason);
      }));
  }

  it("says that the peer runs something else, when it does not speak our protocol", () =>
    withCluster("tcp", async (cluster, also) => {
      const other = await outsider(seedOf(TWO), [LISTEN.tcp]);
      also.push(other);
      const address = other.getMultiaddrs()[0]!.toString();
      const node = await cluster.join(ONE, { peers: peersOf([ONE, TWO], () => [address]) });
      await node.start(nobody);
      assert.match(await reasonFor(cluster, "undialled", ONE), /does not speak \/conclave\/1\.0\.0/);
    }));

  it("tries the next address when one is dead, and leaves no socket behind when a handshake fails", () =>
    withCluster("ws", async (cluster, also) => {
      const sockets = new Set<Socket>();
      let visits = 0;
      const silent = createServer((socket) => {
        visits++;
        sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
        // A WebSocket as far as HTTP goes, and no libp2p behind it.
        socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
      });
      also.push(silent);
      await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
      const dead = `/ip4/127.0.0.1/tcp/${(silent.address() as AddressInfo).port}/ws`;
      const two = await cluster.join(TWO);
      await two.start(nobody);
      const one = await cluster.join(ONE, {
        peers: peersOf([ONE, TWO], () => [dead, two.addresses()[0]!]),
        registry: cluster.registry("elsewhere"),
      });
      await one.start(nobody);
      await eventually("the link is up", () => one.isUp(TWO));
      assert(visits > 0);
      assert(!cluster.events.some((event) => event.kind === "undialled" && event.at === ONE), "one dial tried both");
      await eventually("no socket is left", () => sockets.size === 0);
    }));
});

describe("what cannot be opened", () => {
  const options = (changed: Partial<Libp2pOptions>): Libp2pOptions => ({
    self: ONE,
    peers: peersOf(NODES),
    seed: seedOf(ONE),
    listen: [],
    rosterHash: new Uint8Array(32),
    life: new Uint8Array(16),
    clock: { nowMs: () => 0, schedule: () => ({ cancel: () => {} }) },
    ...changed,
  });

  it("is a node whose seed is not the roster's, two nodes with one identity, a key or a seed of another length", () => {
    assert.throws(() => openLibp2pTransport(options({ seed: seedOf(TWO) })), /the roster gives this node the peer id/);
    const twice = new Map([...peersOf([TWO]), [NODES[2], { peerKey: publicKeyOf(seedOf(TWO)), addresses: [] }]]);
    assert.throws(() => openLibp2pTransport(options({ peers: twice })), /two nodes .* same libp2p identity/);
    const short = new Map([[TWO, { peerKey: new Uint8Array(31), addresses: [] }]]);
    assert.throws(() => openLibp2pTransport(options({ peers: short })), /32 bytes, not 31/);
    assert.throws(() => openLibp2pTransport(options({ seed: new Uint8Array(33) })), /has 32 bytes/);
  });

  it("is an address that somebody listens on: the start says so, and the end can be closed", () =>
    withCluster("tcp", async (cluster) => {
      const two = await cluster.join(TWO);
      await two.start(nobody);
      const one = await cluster.join(ONE, { listen: [two.addresses()[0]!] });
      await assert.rejects(one.start(nobody), /EADDRINUSE/);
      await one.close();
    }));
});

describe("a peer of the roster that misbehaves", () => {
  /** Node two, attacked by whoever has node one's identity. */
  const attacked =
    (test: (attack: { cluster: Cluster; attacker: Libp2p; address: string }) => Promise<void>) => (): Promise<void> =>
      withCluster("tcp", async (cluster, also) => {
        const node = await cluster.join(TWO);
        await node.start(nobody);
        const attacker = await outsider(seedOf(ONE));
        also.push(attacker);
        await test({ cluster, attacker, address: `${node.addresses()[0]}/p2p/${node.peerId}` });
        // Whatever it did, an honest peer is served.
        const three = await cluster.join(NODES[2]);
        await three.start(nobody);
        await eventually("an honest link is up", () => three.isUp(TWO));
      });

  for (const [what, prefix] of [
    ["2^32 − 1 bytes", [0xff, 0xff, 0xff, 0xff, 3]],
    ["a byte more than the largest", [0x00, 0x10, 0x00, 0x01, 3]],
  ] as const) {
    it(
      `is cut at the header of a message of ${what}`,
      attacked(async ({ cluster, attacker, address }) => {
        const connection = await dialled(attacker, address);
        const stream = await streamOn(connection);
        stream.send(Uint8Array.from(prefix));
        await ended(connection);
        assert.match(await reasonFor(cluster, "refused", TWO), /a message of \d+ bytes, and at most 1048576 are taken/);
      }),
    );
  }

  /** A yamux frame's header: type, flags, stream, length. The link's stream is number 1. */
  const header = (type: number, flags: number, stream: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setUint8(1, type);
    view.setUint16(2, flags);
    view.setUint32(4, stream);
    view.setUint32(8, length);
    return bytes;
  };
  const [SYN, ACK, RST] = [1, 2, 8];
  const VIOLATIONS: readonly [string, readonly Uint8Array[], RegExp][] = [
    [
      "a frame that no window allows, in two pieces",
      [header(0, 0, 1, 1 << 30).subarray(0, 5), header(0, 0, 1, 1 << 30).subarray(5)],
      /a yamux frame of 1073741824 bytes, and at most 2097152/,
    ],
    ["a frame of another version", [Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)], /frame version/],
    ["a frame of an unknown kind", [header(7, 0, 1, 0)], /frame type/],
    ["an answer to a ping that nobody sent", [header(2, ACK, 0, 7)], /ping not requested/],
    ["a stream with a number of ours", [header(1, SYN, 2, 0)], /Both endpoints are clients/],
    ["the end of all streams, for a good reason", [header(3, 0, 0, 0)], /the peer closed/],
    ["the end of all streams, for a bad one", [header(3, 0, 0, 1)], /GoAway/],
    ["a reset of the link's stream", [header(1, RST, 1, 0)], /reset/],
    ["garbage", Array.from({ length: 64 }, (_, n) => new Uint8Array(64).fill(n + 64)), /frame version/],
    ["a third stream", [header(1, SYN, 3, 0), header(1, SYN, 5, 0)], /more than 2 streams on one connection/],
  ];
  for (const [what, pieces, reason] of VIOLATIONS) {
    it(
      `is cut when it sends, beneath its streams, ${what}`,
      attacked(async ({ cluster, attacker, address }) => {
        const connection = await dialled(attacker, address);
        await streamOn(connection);
        const beneath = Reflect.get(Reflect.get(connection, "muxer") as object, "maConn") as MessageStream;
        for (const piece of pieces) if (beneath.status === "open") beneath.send(piece);
        await ended(connection);
        assert.match(await reasonFor(cluster, "refused", TWO), reason);
      }),
    );
  }

  it(
    "is cut when it sends what it did not encrypt",
    attacked(async ({ attacker, address }) => {
      const connection = await dialled(attacker, address);
      await streamOn(connection);
      const socket = Reflect.get(Reflect.get(connection, "maConn") as object, "socket") as Socket;
      socket.write(Uint8Array.from([0, 32, ...new Uint8Array(32).fill(5)]));
      await ended(connection);
    }),
  );

  it(
    "is cut when it makes us answer and does not read the answers",
    attacked(async ({ cluster, attacker, address }) => {
      const connection = await dialled(attacker, address);
      await streamOn(connection);
      (Reflect.get(Reflect.get(connection, "maConn") as object, "socket") as Socket).pause();
      const beneath = Reflect.get(Reflect.get(connection, "muxer") as object, "maConn") as MessageStream;
      const ping = header(2, SYN, 0, 0);
      const pings = Uint8Array.from({ length: 4_000 * ping.length }, (_, place) => ping[place % ping.length]!);
      const isRefused = (): boolean => cluster.events.some(({ kind, at }) => kind === "refused" && at === TWO);
      // What the kernel keeps for a reader is filled first: a few megabytes.
      while (!isRefused()) {
        if (connection.status === "open") beneath.send(pings);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.match(await reasonFor(cluster, "refused", TWO), /does not read what it makes us say/);
    }),
  );

  it(
    "is cut when it opens thousands of streams on a connection",
    attacked(async ({ attacker, address }) => {
      const connection = await dialled(attacker, address);
      const opening = Array.from({ length: 2_000 }, () => streamOn(connection).catch(() => null));
      await ended(connection);
      await Promise.all(opening);
    }),
  );

  it(
    "has a few connections at most, however many it opens",
    attacked(async ({ cluster, attacker, address }) => {
      const connections: Connection[] = [];
      for (let n = 0; n < 40; n++) {
        const connection = await dialled(attacker, address).catch(() => null);
        if (connection !== null) connections.push(connection);
      }
      await eventually("most are refused", () => connections.filter(({ status }) => status === "open").length <= 4);
      assert.match(await reasonFor(cluster, "excess", TWO), /4 connections/);
      // Without a stream, the few do not stay either.
      await Promise.all(connections.map(ended));
    }),
  );
});
