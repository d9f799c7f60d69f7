import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { Delivery } from "./delivery.ts";
import {
  FRAMES_AT_ONCE,
  FRAMES_PER_SECOND,
  Inbox,
  MAX_WAITING_BYTES,
  MAX_WAITING_FRAMES,
  WASTED_FRAMES,
} from "./inbox.ts";
import { Mailbox } from "./mailbox.ts";
import type { Transport } from "./ports.ts";
import { MAX_FRAME_BYTES } from "./ports.ts";
import { VirtualClock } from "./testing/clock.ts";

const ALICE = "aa".repeat(32) as NodeId;
const MALLORY = "bb".repeat(32) as NodeId;
const HERE = "cc".repeat(32) as NodeId;

/** An inbox whose reader stands still until the test lets it go on. Frames that say "wasted" are of no use. */
function stuck(): {
  readonly inbox: Inbox;
  readonly clock: VirtualClock;
  readonly read: string[];
  readonly reported: unknown[];
  readonly goOn: () => Promise<void>;
} {
  const read: string[] = [];
  const reported: unknown[] = [];
  const mailbox = new Mailbox((error) => reported.push(error));
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  mailbox.post(() => gate);
  const clock = new VirtualClock(0);
  const work = async (wire: Uint8Array): Promise<boolean> => {
    const text = Buffer.from(wire).toString();
    read.push(text);
    if (text === "broken") throw new Error("a frame that breaks its reader");
    return text !== "wasted";
  };
  const inbox = new Inbox({ mailbox, clock, read: work });
  // Each frame's turn is queued when the one before is over: the end of the mailbox is found by asking again.
  const goOn = async (): Promise<void> => {
    open();
    for (let before = -1; before < read.length; await mailbox.run(async () => {})) before = read.length;
  };
  return { inbox, clock, read, reported, goOn };
}

const pass = async (clock: VirtualClock, ms: number): Promise<void> => {
  const atMs = clock.nowMs() + ms;
  clock.schedule(ms, () => {});
  while (await clock.step(atMs));
};

void test("peers are served in turn: a flood delays another peer's frame by one of its own", async () => {
  const { inbox, read, goOn } = stuck();
  for (let i = 0; i < 100; i++) inbox.put(MALLORY, utf8(`flood ${i}`));
  inbox.put(ALICE, utf8("hello"));
  inbox.put(ALICE, utf8("world"));
  await goOn();
  assert.deepEqual(read.slice(0, 4), ["flood 0", "hello", "flood 1", "world"]);
  assert.equal(read.length, 102);
});

void test("so many frames of one peer wait and no more, and others have room", async () => {
  const { inbox, read, goOn } = stuck();
  for (let i = 0; i < MAX_WAITING_FRAMES + 50; i++) inbox.put(MALLORY, utf8("x"));
  assert.deepEqual([inbox.hasRoom(MALLORY, 1), inbox.hasRoom(ALICE, 1)], [false, true]);
  await goOn();
  assert.equal(read.length, MAX_WAITING_FRAMES);
  assert.equal(inbox.hasRoom(MALLORY, 1), true);
});

void test("so many bytes of one peer wait and no more", async () => {
  const { inbox, read, goOn } = stuck();
  const largest = MAX_WAITING_BYTES / MAX_FRAME_BYTES;
  for (let i = 0; i < 3 * largest; i++) inbox.put(MALLORY, new Uint8Array(MAX_FRAME_BYTES));
  assert.equal(inbox.hasRoom(MALLORY, 1), false);
  await goOn();
  assert.equal(read.length, largest);
  assert.equal(inbox.hasRoom(MALLORY, MAX_FRAME_BYTES), true);
});

/** Frames of a peer, as many as are taken. */
function fill(inbox: Inbox, from: NodeId, text: string): number {
  let taken = 0;
  for (; inbox.hasRoom(from, text.length); taken++) inbox.put(from, utf8(text));
  return taken;
}

void test("a peer is read at a bounded pace, however fast it sends and is worked off", async () => {
  const { inbox, clock, goOn } = stuck();
  let taken = 0;
  for (let turn = 0; turn < 10; turn++) {
    taken += fill(inbox, MALLORY, "useful");
    await goOn();
  }
  assert.equal(taken, FRAMES_AT_ONCE);
  await pass(clock, 500);
  assert.equal(fill(inbox, MALLORY, "useful"), FRAMES_PER_SECOND / 2);
  assert.equal(inbox.hasRoom(ALICE, 1), true);
});

void test("frames that were of no use count more: a flood of them is hardly read", async () => {
  const { inbox, clock, read, goOn } = stuck();
  for (let turn = 0; turn < 10; turn++) {
    fill(inbox, MALLORY, "wasted");
    await goOn();
  }
  const before = read.length;
  const seconds = 20;
  for (let tick = 0; tick < seconds * 10; tick++) {
    await pass(clock, 100);
    fill(inbox, MALLORY, "wasted");
    await goOn();
  }
  const perSecond = (read.length - before) / seconds;
  assert(perSecond <= (2 * FRAMES_PER_SECOND) / WASTED_FRAMES, `${perSecond} a second`);
  await pass(clock, 10_000);
  assert.equal(fill(inbox, MALLORY, "useful"), MAX_WAITING_FRAMES, "and it may do better");
});

void test("a frame that breaks its reader is reported and costs nothing but itself", async () => {
  const { inbox, read, reported, goOn } = stuck();
  for (const text of ["broken", "whole"]) inbox.put(ALICE, utf8(text));
  await goOn();
  assert.deepEqual(read, ["broken", "whole"]);
  assert.equal(reported.length, 1);
});

void test("a frame for which there is no room is not answered, and comes again until there is", async () => {
  const { inbox, clock, read, goOn } = stuck();
  const wire = (to: () => (frame: Uint8Array) => void): Transport => ({
    isUp: () => true,
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
    send: (_, frame) => void clock.schedule(1, () => to()(frame)),
  });
  const here = new Delivery({
    clock,
    transport: wire(() => (frame) => void alice.receive(HERE, frame)),
    hasRoom: (from, length) => inbox.hasRoom(from, length),
  });
  const arrived = (frame: Uint8Array): void => {
    const payload = here.receive(ALICE, frame);
    if (payload !== null) inbox.put(ALICE, payload);
  };
  const alice = new Delivery({ clock, transport: wire(() => arrived) });
  const sent = MAX_WAITING_BYTES / (MAX_FRAME_BYTES / 2) + 3;
  for (let i = 0; i < sent; i++) alice.send(HERE, new Uint8Array(MAX_FRAME_BYTES / 2).fill(i), "topic");
  await pass(clock, 200);
  assert.equal(inbox.hasRoom(ALICE, MAX_FRAME_BYTES / 2), false);
  await goOn();
  assert.equal(read.length, sent - 3, "three were refused for want of room");
  await pass(clock, 9_800);
  await goOn();
  assert.deepEqual([read.length, new Set(read).size], [sent, sent], "each came in the end, and once");
});
