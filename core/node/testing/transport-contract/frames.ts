/** Frames: delivered whole, to the right peer, in the name of the right one, as copies. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MAX_FRAME_BYTES } from "../../ports.ts";
import { arrives, eventually, quiet, STRANGER, textFrame, textOf, type Networks } from "./network.ts";

/** Frames sent in one turn, well below what a link buffers. */
const BURST = 500;
const MANY = 10_000;

/** Bytes in which every position counts. */
const patterned = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8)) & 255);

export function framesContract(networks: Networks): void {
  describe("frames", () => {
    it(
      "arrive at the peer they were sent to, and nowhere else",
      networks.connected(async ([a, b, c], network) => {
        a.end.send(b.node, textFrame("a to b"));
        a.end.send(c.node, textFrame("a to c"));
        b.end.send(a.node, textFrame("b to a"));
        await arrives(network, b, a, "a to b");
        await arrives(network, c, a, "a to c");
        await arrives(network, a, b, "b to a");
        await quiet(network);
        const seen = [a, b, c].map(({ frames }) => new Set(frames.map(({ frame }) => textOf(frame))));
        assert.deepEqual(seen, [new Set(["b to a"]), new Set(["a to b"]), new Set(["a to c"])]);
      }),
    );
    it(
      "are attributed to their sender, with everybody sending to everybody",
      networks.connected(async (members, network) => {
        for (let n = 0; n < 50; n++)
          for (const from of members)
            for (const to of members)
              if (from !== to) from.end.send(to.node, textFrame(`${from.node}>${to.node} ${n}`));
        for (const to of members) {
          await eventually(
            network,
            "all frames",
            () => new Set(to.frames.map(({ frame }) => textOf(frame))).size === 100,
          );
          for (const { from, frame } of to.frames) assert(textOf(frame).startsWith(`${from}>${to.node} `));
        }
      }),
    );
    it(
      "hold from no byte to exactly the largest number of them",
      networks.connected(async ([a, b], network) => {
        for (const length of [0, 1, 1_200, 65_536, MAX_FRAME_BYTES - 1, MAX_FRAME_BYTES]) {
          const sent = patterned(length);
          const before = b.frames.length;
          a.end.send(b.node, sent);
          await eventually(network, `a frame of ${length} bytes`, () => b.frames.length > before);
          assert.deepEqual(b.frames.at(-1)!.frame, sent);
        }
      }),
    );
    it(
      "with a byte too many are refused at the sender, and the link stays",
      networks.connected(async ([a, b], network) => {
        assert.throws(() => a.end.send(b.node, new Uint8Array(MAX_FRAME_BYTES + 1)), RangeError);
        a.end.send(b.node, textFrame("next"));
        await arrives(network, b, a, "next");
        assert.equal(b.frames.length, 1);
        assert.deepEqual(a.noticesOf(b.node), [true]);
      }),
    );
    it(
      "to a stranger or to oneself are refused at the sender",
      networks.connected(async ([a], network) => {
        assert.throws(() => a.end.send(STRANGER, textFrame("x")), RangeError);
        assert.throws(() => a.end.send(a.node, textFrame("x")), RangeError);
        await quiet(network);
        assert.deepEqual(a.frames, []);
      }),
    );
    it(
      "are copied at once: what the sender does to its bytes afterwards changes nothing",
      networks.connected(async ([a, b, c], network) => {
        // A `Buffer`'s own `slice` copies nothing.
        for (const frame of [textFrame("as sent"), Buffer.from("as sent"), Buffer.from("- as sent -").subarray(2, 9)]) {
          const before = b.frames.length;
          a.end.send(b.node, frame);
          frame.fill(0);
          await eventually(network, "the frame", () => b.frames.length > before);
          assert.equal(textOf(b.frames.at(-1)!.frame), "as sent");
        }
        const shared = textFrame("to both");
        b.onFrame = (_, frame) => frame.fill(0);
        a.end.send(b.node, shared);
        a.end.send(c.node, shared);
        await arrives(network, c, a, "to both");
        await eventually(network, "the frame", () => b.frames.length === 4);
        assert.equal(textOf(shared), "to both");
      }),
    );
    it(
      "arrive as plain byte arrays, with no other frame's bytes behind them",
      networks.connected(async ([a, b], network) => {
        a.end.send(b.node, Buffer.from("plain"));
        await arrives(network, b, a, "plain");
        const { frame } = b.frames[0]!;
        assert.equal(Object.getPrototypeOf(frame), Uint8Array.prototype);
        assert.equal(frame.buffer.byteLength, frame.length);
      }),
    );
    it(
      `arrive, ${MANY} of them each way, in any order`,
      networks.connected(async ([a, b], network) => {
        for (let sent = 0; sent < MANY;) {
          for (const end = sent + BURST; sent < end; sent++) {
            a.end.send(b.node, textFrame(`a ${sent}`));
            b.end.send(a.node, textFrame(`b ${sent}`));
          }
          await eventually(
            network,
            `${sent} frames each way`,
            () => a.frames.length >= sent && b.frames.length >= sent,
          );
        }
        const numbered = (name: string) => Array.from({ length: MANY }, (_, n) => `${name} ${n}`).sort();
        assert.deepEqual(b.textsFrom(a.node), numbered("a"));
        assert.deepEqual(a.textsFrom(b.node), numbered("b"));
      }),
    );
    it(
      "may be sent while one is being handled",
      networks.connected(async ([a, b], network) => {
        b.onFrame = (from, frame) => b.end.send(from, textFrame(`answer to ${textOf(frame)}`));
        a.end.send(b.node, textFrame("question"));
        await arrives(network, a, b, "answer to question");
      }),
    );
  });
}
