import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { Delivery } from "./delivery.ts";
import type { Transport } from "./ports.ts";
import { VirtualClock } from "./testing/clock.ts";

const HERE = "aa".repeat(32) as NodeId;
const THERE = "bb".repeat(32) as NodeId;
const MINUTE_MS = 60_000;

/** Two ends and the wire between them, which passes frames on only while it is whole. */
class Wire {
  readonly clock = new VirtualClock(0);
  readonly sent: { readonly to: NodeId; readonly frame: Uint8Array; readonly atMs: number }[] = [];
  readonly delivered: string[] = [];
  whole = true;
  /** What the link says of itself. */
  isUp = true;
  readonly missed: string[] = [];
  readonly here = new Delivery({
    transport: this.#transport(HERE),
    clock: this.clock,
    missed: (_, topics) => this.missed.push(...topics),
  });
  readonly there = new Delivery({ transport: this.#transport(THERE), clock: this.clock });

  #transport(from: NodeId): Transport {
    return {
      isUp: () => this.isUp,
      start: () => Promise.resolve(),
      close: () => Promise.resolve(),
      send: (to, frame) => {
        this.sent.push({ to, frame, atMs: this.clock.nowMs() });
        if (!this.whole) return;
        this.clock.schedule(1, () => {
          const payload = (to === THERE ? this.there : this.here).receive(from, frame);
          if (payload !== null) this.delivered.push(Buffer.from(payload).toString());
        });
      },
    };
  }

  async until(atMs: number): Promise<void> {
    this.clock.schedule(atMs - this.clock.nowMs(), () => {});
    while (await this.clock.step(atMs));
  }

  /** When frames went out to the other end. */
  timesToThere(): readonly number[] {
    return this.sent.filter(({ to }) => to === THERE).map(({ atMs }) => atMs);
  }
}

void test("a frame is sent once when it is answered", async () => {
  const wire = new Wire();
  wire.here.send(THERE, utf8("hello"), "topic");
  await wire.until(MINUTE_MS);
  assert.deepEqual(wire.delivered, ["hello"]);
  assert.deepEqual(wire.timesToThere(), [0]);
});

void test("without an answer it is sent again, at growing distances, and then delivered once", async () => {
  const wire = new Wire();
  wire.whole = false;
  wire.here.send(THERE, utf8("hello"), "topic");
  await wire.until(12_000);
  assert.deepEqual(wire.timesToThere(), [0, 250, 750, 1_750, 3_750, 7_750, 11_750]);
  wire.whole = true;
  await wire.until(2 * MINUTE_MS);
  assert.deepEqual(wire.delivered, ["hello"]);
  assert.equal(wire.timesToThere().at(-1), 15_750);
});

void test("a repeat is answered again but not delivered again", async () => {
  const wire = new Wire();
  wire.here.send(THERE, utf8("hello"), "topic");
  await wire.until(10);
  const { frame } = wire.sent[0]!;
  const before = wire.sent.length;
  assert.equal(wire.there.receive(HERE, frame), null);
  assert.equal(wire.sent.length, before + 1);
  assert.equal(wire.sent.at(-1)!.to, HERE);
  assert.deepEqual(wire.delivered, ["hello"]);
});

void test("a topic that is over is not sent again; others are", async () => {
  const wire = new Wire();
  wire.whole = false;
  wire.here.send(THERE, utf8("overtaken"), "attempt 0");
  wire.here.send(THERE, utf8("wanted"), "attempt 1");
  wire.here.close("attempt 0");
  wire.whole = true;
  await wire.until(MINUTE_MS);
  assert.deepEqual(wire.delivered, ["wanted"]);
});

void test("a link that comes up sends what waits at once", async () => {
  const wire = new Wire();
  wire.whole = false;
  wire.here.send(THERE, utf8("hello"), "topic");
  await wire.until(4_000);
  wire.whole = true;
  wire.here.linkUp(THERE);
  await wire.until(4_010);
  assert.deepEqual(wire.delivered, ["hello"]);
  await wire.until(MINUTE_MS);
  assert.equal(wire.timesToThere().at(-1), 4_000);
});

void test("the same content to the same peer waits once", async () => {
  const wire = new Wire();
  wire.whole = false;
  wire.here.send(THERE, utf8("hello"), "one");
  wire.here.send(THERE, utf8("hello"), "two");
  assert.equal(wire.sent.length, 1);
});

void test("nobody waits for ever: after ten minutes a frame is given up", async () => {
  const wire = new Wire();
  wire.whole = false;
  wire.isUp = false;
  wire.here.send(THERE, utf8("hello"), "topic");
  await wire.until(11 * MINUTE_MS);
  const sent = wire.sent.length;
  await wire.until(30 * MINUTE_MS);
  assert.equal(wire.sent.length, sent);
});

void test("a peer that answers nothing for longer, while its link is up, is told afterwards what was given up", async () => {
  const wire = new Wire();
  wire.whole = false;
  for (const topic of ["one", "one", "two", "three"])
    wire.here.send(THERE, utf8(`about ${topic} ${wire.sent.length}`), topic);
  await wire.until(11 * MINUTE_MS);
  const before = wire.sent.length;
  await wire.until(16 * MINUTE_MS);
  assert.equal(wire.sent.length, before + 5, "one of them is repeated, once a minute");
  assert.deepEqual(wire.missed, []);
  wire.whole = true;
  await wire.until(18 * MINUTE_MS);
  assert.deepEqual(wire.delivered, ["about three 3"]);
  assert.deepEqual(wire.missed, ["one", "two"]);
  wire.here.send(THERE, utf8("more"), "four");
  await wire.until(19 * MINUTE_MS);
  assert.deepEqual(wire.missed, ["one", "two"], "once");
});

void test("so is one for which there were too many", async () => {
  const wire = new Wire();
  wire.whole = false;
  for (let i = 0; i < 2_050; i++) wire.here.send(THERE, utf8(`frame ${i}`), `topic ${i}`);
  wire.whole = true;
  await wire.until(1_000);
  assert.deepEqual(wire.missed, ["topic 0", "topic 1"]);
});

void test("a peer that never answers holds a bounded number of frames; the oldest go first", async () => {
  const wire = new Wire();
  wire.whole = false;
  for (let i = 0; i < 2_100; i++) wire.here.send(THERE, utf8(`frame ${i}`), "topic");
  wire.whole = true;
  wire.sent.length = 0;
  wire.here.linkUp(THERE);
  await wire.until(10);
  assert.equal(wire.delivered.length, 2_048);
  assert.equal(wire.delivered[0], "frame 52");
});

void test("what is no frame is ignored, and so are answers that nobody asked for", () => {
  const wire = new Wire();
  wire.whole = false;
  wire.here.send(THERE, utf8("hello"), "topic");
  const { frame } = wire.sent[0]!;
  for (const garbage of [new Uint8Array(0), utf8("garbage"), frame.slice(0, -1), new Uint8Array(300).fill(0xff)])
    assert.equal(wire.there.receive(HERE, garbage), null);
  wire.whole = true;
  assert.notEqual(wire.there.receive(HERE, frame), null);
  const answer = wire.sent.at(-1)!.frame;
  assert.equal(wire.there.receive(HERE, answer), null);
  assert.equal(wire.here.receive(THERE, answer), null);
});

void test("a stopped end sends nothing more", async () => {
  const wire = new Wire();
  wire.whole = false;
  wire.here.send(THERE, utf8("hello"), "topic");
  wire.here.stop();
  await wire.until(MINUTE_MS);
  assert.deepEqual(wire.timesToThere(), [0]);
});
