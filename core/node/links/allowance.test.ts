/** A peer that floods is read at a bounded pace, keeps a bounded amount waiting, and loses nothing that it may send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../testing/clock.ts";
import { Allowance, READ_BURST_BYTES, READ_BYTES_PER_SECOND, READ_OVERHEAD_BYTES } from "./allowance.ts";
import type { Connection, ConnectionEvents } from "./connection.ts";
import { FRAME, frameMessage } from "./framing.ts";
import { Link } from "./link.ts";

const BURST_MESSAGES = READ_BURST_BYTES / READ_OVERHEAD_BYTES;
const MESSAGES_PER_SECOND = READ_BYTES_PER_SECOND / READ_OVERHEAD_BYTES;
/** More than are read in one go before the allowance is looked at. */
const AT_ONCE = 1_000;
const EMPTY = new Uint8Array();

/** A link whose other end is the test. */
class Bench {
  readonly clock = new VirtualClock(0);
  readonly allowance = new Allowance(this.clock);
  heard = 0;
  onMessage = (): void => {};
  isPaused = false;
  over: string | null = null;
  #events: ConnectionEvents | null = null;

  connect(): this {
    const connection: Connection = {
      write: () => true,
      attach: (events) => void (this.#events = events),
      pause: () => void (this.isPaused = true),
      resume: () => void (this.isPaused = false),
      destroy: () => {},
      end: () => {},
    };
    this.over = null;
    this.isPaused = false;
    new Link(connection, { clock: this.clock, allowance: this.allowance }).open({
      message: () => {
        this.heard++;
        this.onMessage();
      },
      closed: (reason) => void (this.over = reason),
    });
    return this;
  }

  /** Empty messages, in one piece. */
  send(messages: number): void {
    const one = frameMessage(FRAME, EMPTY);
    const piece = new Uint8Array(one.length * messages);
    for (let n = 0; n < messages; n++) piece.set(one, n * one.length);
    this.#events!.received(piece);
  }

  async until(atMs: number): Promise<void> {
    this.clock.schedule(atMs - this.clock.nowMs(), () => {});
    while (await this.clock.step(atMs));
  }
}

void test("a burst is read at once, more waits and the peer with it, and all of it comes in the end", async () => {
  const bench = new Bench().connect();
  bench.send(BURST_MESSAGES);
  assert.deepEqual([bench.heard, bench.isPaused], [BURST_MESSAGES, false]);
  const more = 2 * MESSAGES_PER_SECOND;
  bench.send(more);
  assert.equal(bench.isPaused, true);
  const before = bench.heard;
  await bench.until(1_000);
  const inASecond = bench.heard - before;
  assert(Math.abs(inASecond - MESSAGES_PER_SECOND) < MESSAGES_PER_SECOND / 3, `${inASecond} in a second`);
  await bench.until(4_000);
  assert.deepEqual([bench.heard, bench.isPaused, bench.over], [BURST_MESSAGES + more, false, null]);
});

void test("a peer has one allowance, over however many connections", async () => {
  const bench = new Bench().connect();
  bench.send(2 * BURST_MESSAGES);
  const heard = bench.heard;
  bench.connect();
  bench.send(BURST_MESSAGES);
  assert(bench.heard - heard < BURST_MESSAGES / 10, `${bench.heard - heard} more at once on a new connection`);
});

void test("who cannot be made to wait and sends far too much is cut off", () => {
  const bench = new Bench().connect();
  for (let n = 0; n < 200 && bench.over === null; n++) bench.send(BURST_MESSAGES);
  assert.equal(bench.over, "it sends far more than this node reads");
});

void test("what was spent is earned back, up to a burst", async () => {
  const bench = new Bench().connect();
  bench.send(3 * BURST_MESSAGES);
  await bench.until(60_000);
  const before = bench.heard;
  bench.send(BURST_MESSAGES);
  assert.equal(bench.heard - before, BURST_MESSAGES);
});

void test("what no honest peer sends costs so much that a flood of it is hardly read at all", async () => {
  const bench = new Bench();
  bench.onMessage = () => bench.allowance.spendOnMalformed();
  bench.connect();
  bench.send(10 * BURST_MESSAGES);
  assert(bench.heard < AT_ONCE, `${bench.heard} at once`);
  await bench.until(60_000);
  assert(bench.heard < 7 * AT_ONCE, `${bench.heard} in a minute`);
  assert(bench.heard > 2 * AT_ONCE, `${bench.heard} in a minute: nobody waits for ever`);
});
