/** Links over relays that die and return. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { startRelay, type Relay } from "@conclave/relay-service";
import { actor, transportOf, type TransportSetting } from "./testing/cast.ts";
import { pause, until } from "./testing/clocks.ts";
import { numbered, sendMany, text, Witness } from "./testing/witness.ts";

const [ONE, TWO] = [actor("one"), actor("two")];
const COUNT = 400;

const closing: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

async function relayAt(port = 0): Promise<Relay> {
  const relay = await startRelay({ listen: [{ host: "127.0.0.1", port }] });
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

async function pair(setting: TransportSetting): Promise<readonly [Witness, Witness]> {
  const ends = [await start(ONE, setting), await start(TWO, setting)] as const;
  await until("the link is up", () => ends[0].end.isUp(TWO.node) && ends[1].end.isUp(ONE.node));
  return ends;
}

for (const mode of ["websocket", "http"] as const) {
  describe(`relays that die and return (${mode})`, () => {
    it("one of two dies in the middle: no frame is lost, no link goes down", async () => {
      const [first, second] = [await relayAt(), await relayAt()];
      const ends = await pair({ urls: [first.url, second.url], mode });
      const deaths: Promise<void>[] = [];
      await sendMany(ends[0].end, TWO.node, {
        count: COUNT,
        between: async (sent) => {
          if (sent === COUNT / 2) deaths.push(first.close());
          await pause(1);
        },
      });
      await until("all frames", () => ends[1].texts.length >= COUNT);
      await Promise.all(deaths);
      assert.deepEqual(ends[1].texts.toSorted(), numbered(COUNT));
      for (const { notices } of ends) assert.deepEqual(notices, [true]);
    });

    it("the only one restarts at once: what was under way arrives, once", async () => {
      const relay = await relayAt();
      // Patient ends: a link that is down loses what is sent.
      const timings = { keepAliveMs: 200, silentKeepAlives: 50 };
      const ends = await pair({ urls: [relay.url], mode, timings });
      await sendMany(ends[0].end, TWO.node, {
        count: COUNT,
        between: async (sent) => {
          if (sent === COUNT / 2) {
            await relay.close();
            await relayAt(relay.port);
          }
          await pause(1);
        },
      });
      await until("all frames", () => ends[1].texts.length >= COUNT);
      assert.deepEqual(ends[1].texts.toSorted(), numbered(COUNT));
      for (const { notices } of ends) assert.deepEqual(notices, [true]);
    });

    it("the only one is away for long: the link goes down, and comes back by itself", async () => {
      const relay = await relayAt();
      const ends = await pair({ urls: [relay.url], mode, timings: { keepAliveMs: 50, silentKeepAlives: 6 } });
      await relay.close();
      await until("down", () => !ends[0].end.isUp(TWO.node) && !ends[1].end.isUp(ONE.node));
      ends[0].end.send(TWO.node, text("into nothing"));
      await relayAt(relay.port);
      await until("up again", () => ends[0].end.isUp(TWO.node) && ends[1].end.isUp(ONE.node));
      ends[0].end.send(TWO.node, text("again"));
      await until("a frame", () => ends[1].texts.length > 0);
      assert.deepEqual(ends[1].texts, ["again"]);
      for (const { notices } of ends) assert.deepEqual(notices, [true, false, true]);
    });

    it("none is there at the start: the link comes up when one is", async () => {
      const relay = await relayAt();
      await relay.close();
      const ends = [
        await start(ONE, { urls: [relay.url], mode }),
        await start(TWO, { urls: [relay.url], mode }),
      ] as const;
      await pause(50);
      await relayAt(relay.port);
      await until("up", () => ends[0].end.isUp(TWO.node) && ends[1].end.isUp(ONE.node));
    });

    it("one address of two is nobody's: it costs nothing", async () => {
      const relay = await relayAt();
      const ends = await pair({ urls: ["http://127.0.0.1:9", relay.url], mode });
      await sendMany(ends[1].end, ONE.node, { count: 50 });
      await until("all frames", () => ends[0].texts.length >= 50);
    });
  });
}
