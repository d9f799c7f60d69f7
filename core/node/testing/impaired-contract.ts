/**
 * What every transport promises on a bad network: nothing that `Delivery` repeats is lost or comes twice, a line that is deaf
 * in one direction is found and replaced, a narrow one is bounded, and a healed one is used again soon.
 */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { NodeId } from "@conclave/consensus";
import { Delivery } from "../delivery.ts";
import { MAX_BUFFERED_BYTES, MAX_FRAME_BYTES, type Clock } from "../ports.ts";
import type { Impairment } from "./impairment/rules.ts";
import {
  arrives,
  connected,
  eventually,
  networksFrom,
  textFrame,
  textOf,
  type Member,
  type TransportNetwork,
} from "./transport-contract/network.ts";

/** A network of three nodes or more that can be spoiled while it is used. */
export interface ImpairedNetwork extends TransportNetwork {
  /** Begins every draw; told when a test fails. */
  readonly seed: string;
  /** All lines, from now on; what is left out is clean. */
  impair(impairment: Impairment): void;
  /** What passes from one node to another now is lost for good and nobody is told; what they open later is whole. */
  strand(from: NodeId, to: NodeId): void;
  /** Nothing passes between this node and any other until `heal`. Nobody is told. */
  isolate(node: NodeId): void;
  heal(): void;
  /** What was lost, repeated, reordered, spoiled or cut so far. */
  faults(): number;
}

const FRAMES = 10_000;
/** Frames under way at once, far below what `Delivery` keeps for a peer before it forgets the oldest. */
const UNDER_WAY = 500;

const BAD: Impairment = {
  datagrams: { drop: 0.1, duplicate: 0.05, reorder: 0.1, corrupt: 0.02, delayMs: 2, jitterMs: 5 },
  // A stream that is spoiled is over, and its successor is dialled after a while: a few of them in the run.
  streams: { delayMs: 2, jitterMs: 5, corruptEveryBytes: 300_000, cutEveryBytes: 300_000 },
};

/** A frame of the largest size takes half a minute. */
const NARROW: Impairment = { datagrams: { bytesPerSecond: 32_768 }, streams: { bytesPerSecond: 32_768 } };
const FLOOD_FRAMES = 160;
/** What allocation, garbage and the line itself may add to the bytes that a transport keeps. */
const SLACK_BYTES = 48 * MAX_FRAME_BYTES;

/** Longest time from healing to the next frame. */
const HEALED_WITHIN_MS = 10_000;
/** Time in which every adapter notices that a line is dead, with all the patience that a loaded machine needs. */
const PATIENCE_MS = 90_000;

const realClock: Clock = {
  nowMs: () => Date.now(),
  schedule: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Every promise as a test, each on a network of its own from `makeNetwork`, clean and with nobody on it. */
export function impairedTransportContract(name: string, makeNetwork: () => Promise<ImpairedNetwork>): void {
  const tried =
    (test: (members: readonly [Member, Member, Member], network: ImpairedNetwork) => Promise<void>) =>
    async (t: TestContext): Promise<void> => {
      let seed = "";
      const seeded = async (): Promise<TransportNetwork> => {
        const network = await makeNetwork();
        seed = network.seed;
        t.diagnostic(`seed ${seed}`);
        return network;
      };
      try {
        await networksFrom(seeded).connected((members, network) => test(members, network as ImpairedNetwork))();
      } catch (cause) {
        throw new Error(`with seed ${seed}: ${(cause as Error).message}`, { cause });
      }
    };
  describe(`transport contract on bad networks: ${name}`, () => {
    it(`${FRAMES} short frames through Delivery arrive, each once`, tried(everyFrameOnce));
    it("a link that is deaf in one direction is found and replaced", tried(deafLinkReplaced));
    it("a line that is far too narrow costs a bounded amount of memory, and other peers nothing", tried(narrowLine));
    it("a node that was cut off is reached again soon after the line has healed", tried(healedLine));
  });
}

async function everyFrameOnce([a, b]: readonly [Member, Member, Member], network: ImpairedNetwork): Promise<void> {
  const received = new Map<number, number>();
  const [from, to] = [
    new Delivery({ transport: a.end, clock: realClock }),
    new Delivery({ transport: b.end, clock: realClock }),
  ];
  for (const [member, delivery] of [
    [a, from],
    [b, to],
  ] as const) {
    member.onLink = (peer, up) => up && delivery.linkUp(peer);
    member.onFrame = (sender, frame) => {
      const payload = delivery.receive(sender, frame);
      if (payload === null) return;
      const number = Number(textOf(payload));
      received.set(number, (received.get(number) ?? 0) + 1);
    };
  }
  network.impair(BAD);
  try {
    await eventually(
      network,
      "every frame arrives",
      (() => {
        let sent = 0;
        return () => {
          // So many, and more of them until something did happen to some.
          const isEnough = (): boolean => sent >= FRAMES && network.faults() > 0;
          for (; !isEnough() && sent - received.size < UNDER_WAY; sent++)
            from.send(b.node, textFrame(String(sent)), "topic");
          return isEnough() && received.size === sent;
        };
      })(),
      PATIENCE_MS,
    );
    assert.deepEqual(
      [...received].filter(([, times]) => times !== 1),
      [],
    );
  } finally {
    from.stop();
    to.stop();
  }
}

async function deafLinkReplaced([a, b, c]: readonly [Member, Member, Member], network: ImpairedNetwork): Promise<void> {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    network.strand(from.node, to.node);
    let round = 0;
    await eventually(
      network,
      "frames pass both ways again",
      () => {
        round++;
        for (const [one, other] of [
          [a, b],
          [b, a],
        ] as const)
          one.end.send(other.node, textFrame(`after ${from.node} was stranded ${round}`));
        return [a, b].every((member) =>
          textOf(member.frames.at(-1)?.frame ?? new Uint8Array()).startsWith(`after ${from.node}`),
        );
      },
      PATIENCE_MS,
    );
  }
  a.end.send(c.node, textFrame("others noticed nothing"));
  await arrives(network, c, a, "others noticed nothing");
  assert.deepEqual(c.noticesOf(a.node).at(-1), true);
}

async function narrowLine([a, b, c]: readonly [Member, Member, Member], network: ImpairedNetwork): Promise<void> {
  network.impair(NARROW);
  const held = (): number => process.memoryUsage().external + process.memoryUsage().heapUsed;
  const before = held();
  let most = before;
  const frame = new Uint8Array(MAX_FRAME_BYTES);
  for (let n = 0; n < FLOOD_FRAMES; n++) {
    a.end.send(b.node, frame);
    await (network.pass?.() ?? new Promise((resolve) => setImmediate(resolve)));
    most = Math.max(most, held());
  }
  assert(most - before <= MAX_BUFFERED_BYTES + SLACK_BYTES, `${FLOOD_FRAMES} MiB hold ${most - before} bytes`);
  b.end.send(c.node, textFrame("beside it"));
  await arrives(network, c, b, "beside it");
  network.impair({});
  let round = 0;
  await eventually(
    network,
    "a frame passes afterwards",
    () => {
      a.end.send(b.node, textFrame(`afterwards ${round++}`));
      return b.frames.some(({ frame: got }) => got.length < 32 && textOf(got).startsWith("afterwards"));
    },
    PATIENCE_MS,
  );
}

async function healedLine(members: readonly [Member, Member, Member], network: ImpairedNetwork): Promise<void> {
  const [a, b, c] = members;
  network.isolate(b.node);
  await eventually(
    network,
    "both sides notice",
    () => !a.end.isUp(b.node) && !b.end.isUp(a.node) && !c.end.isUp(b.node) && !b.end.isUp(c.node),
    PATIENCE_MS,
  );
  a.end.send(c.node, textFrame("the others talk"));
  await arrives(network, c, a, "the others talk");
  const startMs = Date.now();
  network.heal();
  await connected(network, members);
  a.end.send(b.node, textFrame("welcome back"));
  await arrives(network, b, a, "welcome back");
  assert(Date.now() - startMs < HEALED_WITHIN_MS, `${Date.now() - startMs} ms from healing to the next frame`);
}
