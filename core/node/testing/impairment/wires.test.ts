import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { everyPair, Wires } from "./wires.ts";

const NAMES = ["a", "b", "c"];
/** Longer than a byte takes on one machine, busy or not. */
const SILENCE_MS = 100;

/** Servers that say their own name to whoever connects. */
async function servers(): Promise<ReadonlyMap<string, Server>> {
  const opened = await Promise.all(
    NAMES.map(async (name) => {
      const server = createServer((socket) => socket.on("error", () => {}).end(name));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      return [name, server] as const;
    }),
  );
  return new Map(opened);
}

/** Who answers, or null for nobody within `withinMs`. */
async function answer(port: number, withinMs: number): Promise<string | null> {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  const said = once(socket, "data").then(([bytes]) => String(bytes));
  const got = await Promise.race([said, wait(withinMs).then(() => null)]);
  socket.destroy();
  return got;
}

test("each pair has its own wire: groups are parted from each other, talk among themselves, and heal", async () => {
  const ends = await servers();
  const portOf = (name: string): number => (ends.get(name)!.address() as AddressInfo).port;
  const wires = await Wires.open({ kind: "streams", pairs: everyPair(NAMES), target: portOf, seed: "wires" });
  try {
    assert.equal(everyPair(NAMES).length, 6);
    const reached = async (from: string, to: string, withinMs: number): Promise<boolean> =>
      (await answer(wires.portOf(from, to), withinMs)) === to;
    for (const [from, to] of everyPair(NAMES)) assert(await reached(from, to, 5_000), `${from} reaches ${to}`);
    wires.partition([["a", "b"]]);
    for (const [from, to] of everyPair(NAMES)) {
      const together = from !== "c" && to !== "c";
      assert.equal(await reached(from, to, together ? 5_000 : SILENCE_MS), together, `${from} to ${to}`);
    }
    wires.heal();
    for (const [from, to] of everyPair(NAMES)) assert(await reached(from, to, 5_000), `${from} reaches ${to} again`);
    assert(wires.counts().bytes >= 12);
    assert.throws(() => wires.portOf("a", "nobody"), /no wire leads from a to nobody/);
  } finally {
    await wires.close();
    for (const server of ends.values()) server.close();
  }
});

test("an end that listens elsewhere is led to", async () => {
  const ends = await servers();
  const wires = await Wires.open({ kind: "streams", pairs: [["a", "b"]], target: () => null, seed: "wires" });
  try {
    wires.lead("b", (ends.get("b")!.address() as AddressInfo).port);
    assert.equal(await answer(wires.portOf("a", "b"), 5_000), "b");
    wires.impairAt("b", { streams: { delayMs: SILENCE_MS } });
    const startMs = performance.now();
    assert.equal(await answer(wires.portOf("a", "b"), 5_000), "b");
    assert(performance.now() - startMs >= SILENCE_MS - 1);
  } finally {
    await wires.close();
    for (const server of ends.values()) server.close();
  }
});
