/** Both ends of a link in virtual time, over a network that its test makes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeEngine as engine } from "@conclave/engine-node";
import { MAX_BUFFERED_BYTES } from "@conclave/node";
import { parties, partyRng, seededDice, type Dice } from "@conclave/protocol/testing";
import { actor, ROSTER } from "../testing/cast.ts";
import { VirtualClock } from "../testing/virtual-clock.ts";
import { text } from "../testing/witness.ts";
import { PairKeys } from "./keys.ts";
import { DEFAULT_LINK_TIMINGS, Link } from "./link.ts";
import { readPacket } from "./packets.ts";
import { MAX_UNDER_WAY } from "./windows.ts";

const ACTORS = [actor("one"), actor("two")] as const;
type Side = 0 | 1;
const otherSide = (side: Side): Side => (side === 0 ? 1 : 0);

/** One process at one side. */
interface Life {
  readonly link: Link;
  readonly notices: boolean[];
  readonly frames: string[];
  readonly dropped: string[];
}

class World {
  readonly clock = new VirtualClock();
  readonly dice: Dice;
  readonly #seed: string;
  readonly lives: [Life | null, Life | null] = [null, null];
  /** Everything that was ever posted, with its sender's side. */
  readonly recorded: { readonly from: Side; readonly packet: Uint8Array }[] = [];
  /** After how many milliseconds a packet arrives; several: it arrives several times. Default: at once. */
  carry: () => readonly number[] = () => [1];
  /** Whether relays take anything. */
  hasRoom = true;
  #count = 0;

  constructor(seed: string) {
    this.#seed = seed;
    this.dice = seededDice(seed);
  }

  start(side: Side): Life {
    const [self, peer] = side === 0 ? ACTORS : [ACTORS[1], ACTORS[0]];
    const life: Life = {
      notices: [],
      frames: [],
      dropped: [],
      link: new Link({
        pair: new PairKeys({
          engine,
          self: self.node,
          peer: peer.node,
          sealSecret: self.sealSecret,
          peerSealKey: peer.sealKey,
          rosterHash: ROSTER,
        }),
        engine,
        clock: this.clock,
        rng: partyRng(`${this.#seed} ${this.#count++}`, parties(side + 1)[0]!),
        timings: DEFAULT_LINK_TIMINGS,
        post: (packet) => this.#post(side, packet),
        events: {
          link: (up) => life.notices.push(up),
          frame: (frame) => life.frames.push(new TextDecoder().decode(frame)),
          dropped: (why) => life.dropped.push(why),
        },
      }),
    };
    this.lives[side] = life;
    life.link.start();
    return life;
  }

  /** Both sides, up. */
  async pair(): Promise<readonly [Life, Life]> {
    const lives = [this.start(0), this.start(1)] as const;
    await this.until(() => lives.every(({ link }) => link.isUp));
    return lives;
  }

  /** The process is gone, without a word. */
  crash(side: Side): void {
    this.lives[side]!.link.close({ parting: false });
    this.lives[side] = null;
  }

  async until(condition: () => boolean): Promise<void> {
    for (let step = 0; !condition(); step++) {
      assert(step < 2_000, `seed ${this.#seed}: not within 100 s of virtual time`);
      await this.clock.pass(50);
    }
  }

  #post(from: Side, packet: Uint8Array): boolean {
    if (!this.hasRoom) return false;
    this.recorded.push({ from, packet });
    for (const delayMs of this.carry())
      this.clock.schedule(delayMs, () => this.lives[otherSide(from)]?.link.received(packet));
    return true;
  }
}

const COUNT = 120;
const all: readonly string[] = Array.from({ length: COUNT }, (_, n) => `${n}`).sort();

describe("a link", () => {
  for (let n = 0; n < 10; n++) {
    it(`carries every frame once over a network that loses, repeats and reorders (seed unreliable ${n})`, async () => {
      const world = new World(`unreliable ${n}`);
      const { dice } = world;
      world.carry = () => (dice.chance(0.3) ? [] : [dice.below(200), ...(dice.chance(0.3) ? [dice.below(900)] : [])]);
      const lives = await world.pair();
      for (let sent = 0; sent < COUNT; sent++) {
        for (const { link } of lives) link.send(text(`${sent}`));
        if (dice.chance(0.2)) await world.clock.pass(dice.below(100));
      }
      await world.until(() => lives.every(({ frames }) => frames.length >= COUNT));
      await world.clock.pass(5_000);
      for (const { frames } of lives) assert.deepEqual(frames.toSorted(), all);
    });

    it(`is not moved by anything that was ever said, to anybody, at any time (seed replay ${n})`, async () => {
      const world = new World(`replay ${n}`);
      const { dice } = world;
      for (let life = 0; life < 4; life++) {
        const lives = await world.pair();
        const before = lives.map(({ notices }) => notices.length);
        for (let sent = 0; sent < 30; sent++) {
          lives[0].link.send(text(`${life}/${sent}`));
          for (let replayed = 0; replayed < 8; replayed++) {
            const { packet } = world.recorded[dice.below(world.recorded.length)]!;
            world.lives[dice.chance(0.5) ? 0 : 1]!.link.received(packet);
          }
          await world.clock.pass(dice.below(60));
        }
        await world.until(() => lives[1].frames.length >= 30);
        await world.clock.pass(10_000);
        assert.deepEqual(lives[1].frames.toSorted(), Array.from({ length: 30 }, (_, n) => `${life}/${n}`).sort());
        assert.deepEqual(
          lives.map(({ notices }) => notices.length),
          before,
        );
        world.crash(0);
        world.crash(1);
        // To one who is alone, the past is no company.
        const alone = world.start(dice.chance(0.5) ? 0 : 1);
        for (const { packet } of world.recorded) alone.link.received(packet);
        await world.clock.pass(3_000);
        assert.deepEqual([alone.notices, alone.frames], [[], []]);
        alone.link.close({ parting: false });
      }
    });
  }

  it("goes down at once on a goodbye, and for both when one starts anew", async () => {
    const world = new World("goodbye");
    const [one, two] = await world.pair();
    two.link.close({ parting: true });
    await world.clock.pass(10);
    assert.deepEqual(one.notices, [true, false]);
    const again = world.start(1);
    await world.clock.pass(100);
    assert.deepEqual([one.notices, again.notices], [[true, false, true], [true]]);
    world.crash(1);
    world.start(1);
    await world.clock.pass(100);
    assert.deepEqual(one.notices, [true, false, true, false, true]);
  });

  it("goes down after five silent keep-alives, and comes back when the network does", async () => {
    const world = new World("silence");
    const lives = await world.pair();
    world.carry = () => [];
    const { keepAliveMs, silentKeepAlives } = DEFAULT_LINK_TIMINGS;
    await world.clock.pass(keepAliveMs * (silentKeepAlives - 1));
    assert(lives.every(({ link }) => link.isUp));
    await world.clock.pass(keepAliveMs * 3);
    for (const { notices } of lives) assert.deepEqual(notices, [true, false]);
    world.carry = () => [1];
    await world.until(() => lives.every(({ link }) => link.isUp));
    for (const { notices } of lives) assert.deepEqual(notices, [true, false, true]);
  });

  it("is not kept up by what a dead peer said before", async () => {
    const world = new World("undead");
    const [one, two] = await world.pair();
    two.link.send(text("alive"));
    await world.clock.pass(3_000);
    const said = world.recorded.filter(({ from }) => from === 1);
    world.crash(1);
    const { keepAliveMs, silentKeepAlives } = DEFAULT_LINK_TIMINGS;
    for (let tick = 0; tick <= silentKeepAlives + 1; tick++) {
      for (const { packet } of said) one.link.received(packet);
      await world.clock.pass(keepAliveMs);
    }
    assert.deepEqual([one.notices, one.frames], [[true, false], ["alive"]]);
  });

  it("does not take a process that stood still for a network that did", async () => {
    const world = new World("stopped");
    const lives = await world.pair();
    for (let stops = 0; stops < 5; stops++) {
      world.clock.stop(60_000);
      await world.clock.pass(3_000);
    }
    for (const { notices } of lives) assert.deepEqual(notices, [true]);
  });

  it("keeps frames while no relay has room, and says nothing twice that was taken", async () => {
    const world = new World("no room");
    const [one, two] = await world.pair();
    world.hasRoom = false;
    for (let n = 0; n < COUNT; n++) {
      one.link.send(text(`${n}`));
      await world.clock.pass(1);
    }
    assert.equal(two.frames.length, 0);
    world.hasRoom = true;
    await world.until(() => two.frames.length >= COUNT);
    assert.deepEqual(two.frames.toSorted(), all);
  });

  it("has no more under way than a peer can take at once", async () => {
    const world = new World("window");
    const [one] = await world.pair();
    world.carry = () => [];
    const before = world.recorded.length;
    for (let n = 0; n < 2 * MAX_UNDER_WAY; n++) {
      one.link.send(text(`${n}`));
      await world.clock.pass(0);
    }
    const numbers = new Set(
      world.recorded.slice(before).map(({ packet }) => {
        const read = readPacket(packet);
        return read?.kind === "frames" ? read.number : -1;
      }),
    );
    numbers.delete(-1);
    assert.equal(numbers.size, MAX_UNDER_WAY);
  });

  it("loses what a slow peer has no room for, and goes on afterwards", async () => {
    const world = new World("full");
    const [one, two] = await world.pair();
    const large = new Uint8Array(1 << 20);
    const frames = 2 * (MAX_BUFFERED_BYTES / large.length);
    for (let n = 0; n < frames; n++) one.link.send(large);
    await world.until(() => two.frames.length > 16);
    await world.clock.pass(2_000);
    assert(two.frames.length < frames);
    one.link.send(text("afterwards"));
    await world.until(() => two.frames.includes("afterwards"));
  });

  it("is silent once it is closed", async () => {
    const world = new World("closed");
    const [one, two] = await world.pair();
    one.link.send(text("last"));
    one.link.close({ parting: true });
    one.link.close({ parting: true });
    const posted = world.recorded.length;
    two.link.send(text("too late"));
    await world.clock.pass(1);
    one.link.relayReturned();
    assert.deepEqual([one.frames, one.link.isUp], [[], false]);
    await world.clock.pass(20_000);
    assert.equal(world.recorded.slice(posted).filter(({ from }) => from === 0).length, 0);
  });
});
