/**
 * Strangers on every port of the network: garbage, connections that say nothing, requests that never end. Payments go on, memory
 * stays bounded, and nothing of it reaches a node's work.
 */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { seededDice, type Dice } from "@conclave/protocol/testing";
import { ESPLORA_PORT_OFFSET, meshPort, RELAY_PORT_OFFSET } from "../../../up/ports.ts";
import type { FaultyCluster } from "../cluster.ts";
import { keepsNothing, liveMemories, type LiveMemory } from "../live-memory.ts";
import { memoryOf } from "../memory.ts";
import { CAMPAIGN, SEED, TRANSPORT } from "../run.ts";
import { faults } from "../trials.ts";

/** Strangers come from elsewhere, so that what they use up is theirs. */
const ELSEWHERE = "127.0.0.2";
const LASTS_MS = CAMPAIGN ? 60_000 : 4_000;
/** Silent connections at each port. */
const SILENT = 300;
const LORIS = 50;
const LORIS_MS = 200;
const GARBAGE_BYTES = 4_096;
/**
 * What strangers may make a process hold on top, garbage not yet collected included. Under libp2p 64 of them may be at the door
 * at once with 4 MiB each.
 */
const MAX_GROWTH_MIB = TRANSPORT === "libp2p" ? 64 * 4 + 64 : 128;
const LOOK_MS = 100;

/** Ports of one kind. */
interface Doors {
  readonly what: string;
  readonly ports: (cluster: FaultyCluster) => readonly number[];
  readonly datagrams?: boolean;
}

const all = ({ network }: FaultyCluster, port: (index: number) => number): readonly number[] =>
  network.names.map((_, index) => port(index));

const DOORS: readonly Doors[] = [
  { what: "the API of every node", ports: (cluster) => all(cluster, (index) => cluster.portBase + index) },
  { what: "the chain's API", ports: ({ portBase }) => [portBase + ESPLORA_PORT_OFFSET] },
  {
    what: "the network of every node",
    ports: (cluster) =>
      cluster.transport === "relay"
        ? [cluster.portBase + RELAY_PORT_OFFSET]
        : all(cluster, (index) => meshPort(cluster.portBase, index)),
  },
];

/** Something that strangers do to a port until the signal. */
type Mischief = (port: number, dice: Dice, stop: AbortSignal) => Promise<void>;

function stranger(port: number): Socket {
  const socket = connect({ port, host: "127.0.0.1", localAddress: ELSEWHERE });
  socket.on("error", () => {});
  return socket;
}

const bytesFrom = (dice: Dice, length: number): Uint8Array => Uint8Array.from({ length }, () => dice.below(256));

const garbage: Mischief = async (port, dice, stop) => {
  while (!stop.aborted) {
    const socket = stranger(port);
    socket.end(bytesFrom(dice, 1 + dice.below(GARBAGE_BYTES)));
    await delay(10);
    socket.destroy();
  }
};

const datagrams: Mischief = async (port, dice, stop) => {
  const socket = createSocket("udp4");
  socket.bind(0, ELSEWHERE);
  while (!stop.aborted) {
    // Packets that look like a first one, and packets that look like nothing.
    for (let n = 0; n < 20; n++) {
      const packet = bytesFrom(dice, 1_200);
      if (dice.chance(0.5)) packet.set([0xc0 | (packet[0]! & 0x0f), 0, 0, 0, 1, 8]);
      socket.send(packet, port, "127.0.0.1");
    }
    await delay(5);
  }
  socket.close();
};

/** Opens many connections and says nothing; opens another for each that is hung up on. */
const silence: Mischief = async (port, _, stop) => {
  const open = new Set<Socket>();
  while (!stop.aborted) {
    while (open.size < SILENT) {
      const socket = stranger(port);
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    }
    await delay(50);
  }
  for (const socket of open) socket.destroy();
};

/** Requests whose headers come a byte at a time and never end. */
const loris: Mischief = async (port, _, stop) => {
  const open = new Set<Socket>();
  while (!stop.aborted) {
    while (open.size < LORIS) {
      const socket = stranger(port);
      socket.write("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ");
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    }
    for (const socket of open) socket.write("a");
    await delay(LORIS_MS);
  }
  for (const socket of open) socket.destroy();
};

const MISCHIEFS: Readonly<Record<string, Mischief>> = { garbage, silence, "slow requests": loris };

faults("strangers", { nodes: 5, wired: false }, ({ trial, figure }) => {
  let first: readonly LiveMemory[] = [];
  trial("a payment before any of it", async (cluster) => {
    await cluster.settled([await cluster.pay(0)]);
    first = await liveMemories(cluster);
  });
  for (const { what, ports } of DOORS)
    trial(`${what}: garbage, silence and slow requests at once`, async (cluster, t) => {
      const before = cluster.memory().map(({ nowMib }) => nowMib);
      const most = before.slice();
      const stop = new AbortController();
      const isUdp = cluster.transport === "quic" && what.startsWith("the network");
      const done = ports(cluster).flatMap((port) =>
        Object.entries(isUdp ? { datagrams } : MISCHIEFS).map(([name, mischief]) =>
          mischief(port, seededDice(`${SEED}/${name}/${port - cluster.portBase}`), stop.signal),
        ),
      );
      const watching = setInterval(() => {
        cluster.awake.forEach((place, i) => {
          most[i] = Math.max(most[i]!, memoryOf(cluster.process(place).pid).nowMib);
        });
      }, LOOK_MS);
      const startMs = performance.now();
      let [slowestMs, paid] = [0, 0];
      try {
        while (performance.now() - startMs < LASTS_MS) {
          slowestMs = Math.max(slowestMs, await cluster.settled([await cluster.pay(paid++ % cluster.size)]));
        }
      } finally {
        clearInterval(watching);
        stop.abort();
        await Promise.all(done);
      }
      const growth = Math.max(...most.map((mib, i) => mib - before[i]!));
      t.diagnostic(`${paid} payments, the slowest ${slowestMs} ms; a process grew by ${growth} MiB at most`);
      figure(`${what}: slowest payment, ms`, slowestMs);
      figure(`${what}: growth, MiB`, growth);
      assert(growth <= MAX_GROWTH_MIB, `a process grew by ${growth} MiB`);
      assert.equal((await fetch(`${cluster.running.apiUrl(0)}/health`)).status, 200);
    });
  trial("afterwards nothing of it is kept", (cluster, t) => keepsNothing(cluster, t, { first, figure }));
});
