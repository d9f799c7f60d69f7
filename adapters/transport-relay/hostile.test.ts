/** A relay that lies can delay a frame and nothing else. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { transcript } from "@conclave/bytes";
import { FLAG_MAILBOX, readFrame } from "@conclave/relay";
import { seededDice } from "@conclave/protocol/testing";
import type { RelayTransportNotice } from "./index.ts";
import { actor, transportOf, type TransportSetting } from "./testing/cast.ts";
import { pause, until } from "./testing/clocks.ts";
import { hostileRelay, type HostileRelay } from "./testing/hostile-relay.ts";
import { numbered, sendMany, text, Witness } from "./testing/witness.ts";

const [ONE, TWO] = [actor("one"), actor("two")];
const COUNT = 400;

const closing: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

async function relayFor(): Promise<HostileRelay> {
  const relay = await hostileRelay();
  closing.push(() => relay.close());
  return relay;
}

async function start(self: typeof ONE, setting: TransportSetting): Promise<Witness> {
  const end = transportOf(self, [ONE, TWO], setting);
  closing.push(() => end.close());
  const witness = new Witness(end);
  await end.start(witness);
  return witness;
}

/** Both ends, up. */
async function pair(setting: TransportSetting): Promise<readonly [Witness, Witness]> {
  const ends = [await start(ONE, setting), await start(TWO, setting)] as const;
  await bothUp(ends);
  return ends;
}

const bothUp = ([one, two]: readonly [Witness, Witness]): Promise<void> =>
  until("the link is up at both ends", () => one.end.isUp(TWO.node) && two.end.isUp(ONE.node));

/** Frames both ways, a few per turn. */
const exchange = async ([one, two]: readonly [Witness, Witness]): Promise<void> => {
  await Promise.all([
    sendMany(one.end, TWO.node, { count: COUNT, between: () => pause(1) }),
    sendMany(two.end, ONE.node, { count: COUNT, between: () => pause(1) }),
  ]);
  await until("all frames", () => one.texts.length >= COUNT && two.texts.length >= COUNT);
  for (const { texts } of [one, two]) assert.deepEqual(texts.toSorted(), numbered(COUNT));
};

const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

describe("over a relay that lies", () => {
  it("every frame arrives once though it drops, repeats, delays and reorders", async () => {
    const seed = `unreliable ${Date.now()}`;
    console.log(`seed: ${seed}`);
    const dice = seededDice(seed);
    const relay = await relayFor();
    relay.tamper = (bytes) => {
      if (dice.chance(0.2)) return [];
      const copies = dice.chance(0.3) ? 2 : 1;
      return Array.from({ length: copies }, () => ({ bytes, delayMs: dice.below(40) }));
    };
    const ends = await pair({ urls: [relay.url] });
    await exchange(ends);
  });

  it("no frame is altered, swapped or made up", async () => {
    const seed = `liar ${Date.now()}`;
    console.log(`seed: ${seed}`);
    const dice = seededDice(seed);
    const relay = await relayFor();
    const notices: RelayTransportNotice[] = [];
    const ends = await pair({ urls: [relay.url], observe: (notice) => notices.push(notice) });
    relay.tamper = (bytes) => {
      const frame = readFrame(bytes);
      if (frame.kind === "ask" || (frame.header.flags & FLAG_MAILBOX) === 0) return [{ bytes }];
      const mails = relay.published.filter((one) => (readFrame(one).header.flags & FLAG_MAILBOX) !== 0);
      const other = mails[dice.below(mails.length)]!;
      return [
        // Flipped anywhere behind the id; another message's inside under this id; this inside in another's session, and
        // under another's number; noise.
        { bytes: flipped(bytes, 32 + dice.below(bytes.length - 32)) },
        { bytes: Uint8Array.from([...bytes.subarray(0, 140), ...other.subarray(140)]) },
        { bytes: flipped(bytes, 140 + 1 + dice.below(8)) },
        { bytes: flipped(bytes, 140 + 9 + dice.below(8)) },
        { bytes: Uint8Array.from([...bytes.subarray(0, 140), ...Array.from({ length: 90 }, () => dice.below(256))]) },
        { bytes },
      ];
    };
    await exchange(ends);
    const reasons = new Set(notices.flatMap((notice) => (notice.kind === "rejected" ? [notice.why] : [])));
    for (const why of ["packet that does not open", "packet of another session", "not a packet"])
      assert(reasons.has(why), `never: ${why}, only ${[...reasons].join()}`);
    for (const { notices } of ends) assert.deepEqual(notices, [true]);
  });

  it("what an earlier life said is of no use, whenever it is repeated", async () => {
    const relay = await relayFor();
    const first = await pair({ urls: [relay.url] });
    await exchange(first);
    const recorded = [...relay.published];
    await first[1].end.close();
    await until("the link is down", () => !first[0].end.isUp(TWO.node));
    // While the peer is away, its old greetings bring nobody up.
    for (const bytes of recorded) relay.inject(bytes);
    await pause(100);
    assert.deepEqual(first[0].notices, [true, false]);
    const second = await start(TWO, { urls: [relay.url] });
    await bothUp([first[0], second]);
    // Everything, of this life too.
    for (const bytes of relay.published) relay.inject(bytes);
    await pause(100);
    first[0].end.send(TWO.node, text("after"));
    await until("a new frame", () => second.texts.includes("after"));
    assert.deepEqual(second.texts, ["after"]);
    assert.deepEqual([first[0].notices, second.notices], [[true, false, true], [true]]);
    assert.equal(first[0].texts.length, COUNT);
  });

  it("the relay reads nothing, and two links do not share an id", async () => {
    const relay = await relayFor();
    const [one] = await pair({ urls: [relay.url] });
    one.end.send(TWO.node, text("coins to Alice, a sentence long enough to be found"));
    await until("it passed", () => relay.published.length > 6);
    const seen = relay.published.map((bytes) => Buffer.from(bytes).toString("latin1")).join();
    assert(!seen.includes("coins to Alice"));
    const places = new Map(
      relay.published.map((bytes) => {
        const frame = readFrame(bytes);
        return frame.kind === "publish" ? [frame.header.id.join(), frame.message.instance.join()] : ["", ""];
      }),
    );
    assert.equal(new Set(places.values()).size, places.size);
  });

  it("nodes with different rosters do not find each other", async () => {
    const relay = await relayFor();
    const one = await start(ONE, { urls: [relay.url] });
    const two = await start(TWO, { urls: [relay.url], rosterHash: transcript("testing/relay/other", {}) });
    await until("both greeted several times", () => relay.published.length > 10);
    assert.deepEqual([one.notices, two.notices], [[], []]);
  });

  it("a relay that stops reading costs a bounded amount of memory", async () => {
    const relay = await relayFor();
    const [one] = await pair({ urls: [relay.url] });
    relay.freeze();
    const before = process.memoryUsage().arrayBuffers;
    const frame = new Uint8Array(1 << 20);
    for (let n = 0; n < 200; n++) {
      one.end.send(TWO.node, frame);
      if (n % 10 === 0) await pause(1);
    }
    const held = process.memoryUsage().arrayBuffers - before;
    assert(held < 96 << 20, `${held} bytes held`);
  });
});
