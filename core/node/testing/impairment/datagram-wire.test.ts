import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { DatagramWire } from "./datagram-wire.ts";
import type { DatagramRules } from "./rules.ts";

const PATIENCE_MS = 10_000;

async function socket(): Promise<Socket> {
  const opened = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  opened.bind(0, "127.0.0.1");
  await once(opened, "listening");
  return opened;
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS;
  while (!holds()) {
    assert(Date.now() < endMs, `${what}: not within ${PATIENCE_MS} ms`);
    await wait(2);
  }
}

interface Line {
  readonly wire: DatagramWire;
  readonly arrived: { readonly text: string; readonly atMs: number }[];
  readonly echoed: string[];
  readonly send: (text: string) => void;
}

/** A sender, a wire, and a receiver that sends back what it gets if `echo` says so. */
async function line(
  work: (line: Line) => Promise<void>,
  { seed = "line", rules = {}, echo = false }: { seed?: string; rules?: Partial<DatagramRules>; echo?: boolean } = {},
): Promise<void> {
  const [sender, receiver] = await Promise.all([socket(), socket()]);
  const wire = await DatagramWire.open({ seed, target: receiver.address().port, rules });
  const [arrived, echoed]: [{ text: string; atMs: number }[], string[]] = [[], []];
  receiver.on("message", (bytes, from) => {
    arrived.push({ text: bytes.toString("latin1"), atMs: performance.now() });
    if (echo) receiver.send(bytes, from.port, from.address);
  });
  sender.on("message", (bytes) => void echoed.push(bytes.toString("latin1")));
  try {
    await work({ wire, arrived, echoed, send: (text) => sender.send(text, wire.port, "127.0.0.1") });
  } finally {
    await wire.close();
    sender.close();
    receiver.close();
  }
}

/** Few enough that the system's own buffers lose none. */
const BURST = 50;

/** Sends numbers in bursts, and tells what arrived. */
async function numbers({ wire, send, arrived }: Line, count: number): Promise<readonly string[]> {
  for (let n = 0; n < count; n++) {
    send(`number ${String(n).padStart(4, "0")}`);
    if (n % BURST === 0) await eventually("the wire saw them", () => seen(wire) > n);
  }
  await eventually("the wire saw all", () => seen(wire) === count);
  await eventually("all that passes is through", () => arrived.length === wire.counts.passed + wire.counts.duplicated);
  return arrived.map(({ text }) => text);
}

const seen = ({ counts }: DatagramWire): number => counts.dropped + counts.passed;

test("a clean wire passes everything, both ways, unchanged and in order", () =>
  line(
    async ({ send, arrived, echoed }) => {
      const sent = Array.from({ length: 200 }, (_, n) => `number ${n}`);
      for (const text of sent) send(text);
      await eventually("the echo", () => echoed.length === 200);
      assert.deepEqual([arrived.map(({ text }) => text), echoed], [sent, sent]);
    },
    { echo: true },
  ));

test("the same seed and traffic meet the same faults; another seed others; the shares are as asked", async () => {
  const run = async (seed: string): Promise<readonly string[]> => {
    let texts: readonly string[] = [];
    await line(
      async (here) => {
        texts = await numbers(here, 600);
        const { dropped, duplicated, corrupted } = here.wire.counts;
        for (const [count, share] of [
          [dropped, 0.1],
          [duplicated, 0.1],
          [corrupted, 0.1],
        ] as const)
          assert(Math.abs(count / 600 - share) < 0.05, `${count} of 600`);
      },
      { seed, rules: { drop: 0.1, duplicate: 0.1, corrupt: 0.1 } },
    );
    return texts;
  };
  const first = await run("one");
  assert.deepEqual(await run("one"), first);
  assert.notDeepEqual(await run("two"), first);
});

test("what is reordered arrives after the next; what is corrupted differs in one bit", async () => {
  await line(
    async (here) => {
      for (let n = 0; n < 50; n++) here.send(`number ${String(n).padStart(2, "0")}`);
      await eventually("all arrive", () => here.arrived.length === 50);
      const texts = here.arrived.map(({ text }) => text);
      assert.notDeepEqual(texts, [...texts].sort());
      assert(here.wire.counts.reordered > 5, `${here.wire.counts.reordered} reordered`);
    },
    { rules: { reorder: 0.5 } },
  );
  await line(
    async (here) => {
      here.send("unspoiled");
      await eventually("it arrives", () => here.arrived.length === 1);
      const [got, sent] = [Buffer.from(here.arrived[0]!.text, "latin1"), Buffer.from("unspoiled")];
      const bits = [...got].map((byte, i) => (byte ^ sent[i]!).toString(2).replaceAll("0", "").length);
      assert.equal(
        bits.reduce((a, b) => a + b),
        1,
      );
    },
    { rules: { corrupt: 1 } },
  );
});

test("delay and rate hold back; a narrow line loses what its queue does not hold", async () => {
  await line(
    async (here) => {
      const startMs = performance.now();
      here.send("late");
      await eventually("it arrives", () => here.arrived.length === 1);
      assert(here.arrived[0]!.atMs - startMs >= 59, `${here.arrived[0]!.atMs - startMs} ms`);
    },
    { rules: { delayMs: 60, jitterMs: 10 } },
  );
  await line(
    async (here) => {
      const startMs = performance.now();
      for (let n = 0; n < 100; n++) here.send("x".repeat(1_000));
      await eventually("the wire is empty", () => seen(here.wire) === 100);
      const { passed, dropped } = here.wire.counts;
      const tookMs = performance.now() - startMs;
      // 20 kB in a second, a quarter of a second in the queue: about five pass at once, the rest is lost.
      assert(passed >= 5 && dropped >= 60, `${passed} passed, ${dropped} dropped`);
      assert(tookMs >= (passed - 1) * 50 - 60, `${passed} passed in ${tookMs} ms`);
    },
    { rules: { bytesPerSecond: 20_000 } },
  );
});

test("a partition passes nothing and heals; a stranded flow is deaf in one direction until the sender is another", () =>
  line(
    async (here) => {
      here.wire.block();
      here.send("lost");
      await eventually("it is dropped", () => here.wire.counts.dropped === 1);
      here.wire.unblock();
      here.send("after");
      await eventually("the echo", () => here.echoed.includes("after"));
      here.wire.strand("back");
      here.send("one way");
      await eventually("it arrives", () => here.arrived.some(({ text }) => text === "one way"));
      await eventually("the echo is dropped", () => here.wire.counts.dropped === 2);
      const other = await socket();
      const heard: string[] = [];
      other.on("message", (bytes) => void heard.push(bytes.toString()));
      other.send("new", here.wire.port, "127.0.0.1");
      await eventually("a new flow is whole", () => heard.includes("new"));
      other.close();
      assert.deepEqual([here.echoed, here.arrived.some(({ text }) => text === "lost")], [["after"], false]);
    },
    { echo: true },
  ));

test("rules out of their range are refused by name", async () => {
  await assert.rejects(DatagramWire.open({ seed: "x", rules: { drop: 1.5 } }), /^RangeError: drop is a chance/);
  const wire = await DatagramWire.open({ seed: "x" });
  assert.throws(() => wire.impair({ delayMs: -1 }), /^RangeError: delayMs is a number from 0/);
  await wire.close();
});
