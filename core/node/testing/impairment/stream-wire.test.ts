import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { StreamRules } from "./rules.ts";
import { StreamWire } from "./stream-wire.ts";

const PATIENCE_MS = 10_000;

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS;
  while (!holds()) {
    assert(Date.now() < endMs, `${what}: not within ${PATIENCE_MS} ms`);
    await wait(2);
  }
}

/** An end of a connection and what became of it. */
interface End {
  readonly socket: Socket;
  readonly bytes: () => Buffer;
  readonly fate: () => "open" | "ended" | "reset";
}

function watch(socket: Socket): End {
  const pieces: Buffer[] = [];
  let fate: ReturnType<End["fate"]> = "open";
  socket.on("data", (piece) => void pieces.push(piece));
  socket.on("end", () => (fate = "ended"));
  socket.on("error", () => (fate = "reset"));
  return { socket, bytes: () => Buffer.concat(pieces), fate: () => fate };
}

interface Line {
  readonly wire: StreamWire;
  /** Connections as the server saw them. */
  readonly served: readonly End[];
  readonly dial: () => End;
}

async function line(
  work: (line: Line) => Promise<void>,
  { seed = "line", rules = {} }: { seed?: string; rules?: Partial<StreamRules> } = {},
): Promise<void> {
  const served: End[] = [];
  const dialled: End[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => void served.push(watch(socket)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const wire = await StreamWire.open({ seed, target: (server.address() as AddressInfo).port, rules });
  const dial = (): End => {
    const end = watch(connect({ port: wire.port, host: "127.0.0.1", allowHalfOpen: true }));
    dialled.push(end);
    return end;
  };
  try {
    await work({ wire, served, dial });
  } finally {
    for (const { socket } of [...served, ...dialled]) socket.destroy();
    await wire.close();
    server.close();
  }
}

const closed = ({ socket }: End): Promise<void> => new Promise((resolve) => socket.once("close", () => resolve()));
const text = (end: End): string => end.bytes().toString();

test("a clean wire passes bytes both ways, and the end of each direction on its own", () =>
  line(async ({ dial, served }) => {
    const near = dial();
    near.socket.end("question");
    await eventually("the question and its end", () => served[0]?.fate() === "ended");
    assert.deepEqual([text(served[0]!), near.fate()], ["question", "open"]);
    served[0]!.socket.end("answer");
    await eventually("the answer and its end", () => near.fate() === "ended");
    assert.equal(text(near), "answer");
  }));

test("a megabyte passes a slow reader whole, and the wire holds no more than its share of it", () =>
  line(async ({ wire, dial, served }) => {
    const near = dial();
    await eventually("served", () => served.length === 1);
    served[0]!.socket.pause();
    const bytes = Buffer.alloc(24 << 20, 7);
    near.socket.write(bytes);
    await wait(200);
    assert(near.socket.bytesWritten === bytes.length && near.socket.writableNeedDrain, "the sender feels it");
    assert(wire.counts.bytes < bytes.length);
    served[0]!.socket.resume();
    await eventually("all of it", () => served[0]!.bytes().length === bytes.length);
  }));

test("delay and rate hold back, in order", async () => {
  await line(
    async ({ dial, served }) => {
      const near = dial();
      const startMs = performance.now();
      near.socket.write("a");
      await wait(5);
      near.socket.write("b");
      await eventually("both", () => served[0] !== undefined && text(served[0]).length === 2);
      assert(performance.now() - startMs >= 59);
      assert.equal(text(served[0]!), "ab");
    },
    { rules: { delayMs: 60, jitterMs: 30 } },
  );
  await line(
    async ({ dial, served }) => {
      const near = dial();
      const startMs = performance.now();
      near.socket.write(Buffer.alloc(40_000, 1));
      await eventually("all", () => served[0] !== undefined && served[0].bytes().length === 40_000);
      assert(performance.now() - startMs >= 190, `${performance.now() - startMs} ms for a fifth of a second's worth`);
    },
    { rules: { bytesPerSecond: 200_000 } },
  );
});

test("the same seed and bytes are spoiled in the same places, another seed's in others", async () => {
  const sent = Buffer.alloc(400_000, 0);
  const run = async (seed: string): Promise<Buffer> => {
    let got = Buffer.alloc(0);
    await line(
      async ({ wire, dial, served }) => {
        dial().socket.write(sent);
        await eventually("all", () => served[0]?.bytes().length === sent.length);
        got = Buffer.from(served[0]!.bytes());
        assert(wire.counts.corrupted >= 3 && wire.counts.corrupted <= 40, `${wire.counts.corrupted} corrupted`);
        assert.equal(got.filter((byte) => byte !== 0).length, wire.counts.corrupted);
      },
      { seed, rules: { corruptEveryBytes: 30_000 } },
    );
    return got;
  };
  const first = await run("one");
  assert(first.equals(await run("one")));
  assert(!first.equals(await run("two")));
});

test("a cut resets both ends, at once or where the draw says; the next connection is whole", async () => {
  await line(async ({ wire, dial, served }) => {
    const near = dial();
    near.socket.write("before");
    await eventually("it arrives", () => served[0] !== undefined && text(served[0]) === "before");
    wire.cut();
    await eventually("both are reset", () => near.fate() === "reset" && served[0]!.fate() === "reset");
    dial().socket.write("again");
    await eventually("it arrives", () => served[1] !== undefined && text(served[1]) === "again");
  });
  await line(
    async ({ wire, dial }) => {
      const near = dial();
      near.socket.write(Buffer.alloc(1 << 20));
      await eventually("it is reset", () => near.fate() === "reset");
      assert(wire.counts.cut >= 1 && wire.counts.bytes < 1 << 20);
    },
    { rules: { cutEveryBytes: 50_000 } },
  );
});

test("a partition holds everything back and tells nobody; healed, what waited arrives", () =>
  line(async ({ wire, dial, served }) => {
    const near = dial();
    near.socket.write("one ");
    await eventually("it arrives", () => served[0] !== undefined && text(served[0]) === "one ");
    wire.block();
    near.socket.write("two");
    const late = dial();
    late.socket.write("held");
    await wait(50);
    assert.deepEqual([text(served[0]!), served.length, near.fate(), late.fate()], ["one ", 1, "open", "open"]);
    wire.unblock();
    await eventually("what waited", () => text(served[0]!) === "one two" && served[1] !== undefined);
    await eventually("who waited", () => text(served[1]!) === "held");
  }));

test("a stranded connection is deaf in one direction only and is never told; a new one is whole", () =>
  line(async ({ wire, dial, served }) => {
    const near = dial();
    near.socket.write("one");
    await eventually("it arrives", () => served[0] !== undefined && text(served[0]) === "one");
    wire.strand("forth");
    near.socket.write("two");
    served[0]!.socket.write("answer");
    await eventually("the other direction works", () => text(near) === "answer");
    near.socket.resetAndDestroy();
    const next = dial();
    next.socket.write("whole");
    await eventually("a new one", () => served[1] !== undefined && text(served[1]) === "whole");
    assert.deepEqual([text(served[0]!), served[0]!.fate()], ["one", "open"]);
  }));

test("who dials an end that is gone is reset, and so is who dials none", async () => {
  const wire = await StreamWire.open({ seed: "x" });
  const dialled = watch(connect(wire.port, "127.0.0.1"));
  await closed(dialled);
  const gone = createServer();
  gone.listen(0, "127.0.0.1");
  await once(gone, "listening");
  wire.target = (gone.address() as AddressInfo).port;
  gone.close();
  const again = watch(connect(wire.port, "127.0.0.1"));
  await closed(again);
  assert.deepEqual([text(dialled), text(again)], ["", ""]);
  assert.throws(() => wire.impair({ cutEveryBytes: Number.NaN }), /^RangeError: cutEveryBytes is a number from 0/);
  await wire.close();
});
