/** A reader that does not read costs a bounded amount of memory, and nobody else anything. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MAX_BUFFERED_BYTES, MAX_FRAME_BYTES } from "../../ports.ts";
import { arrives, eventually, textFrame, textOf, type Networks } from "./network.ts";

/** What allocation and garbage may add to the bytes that a transport keeps. */
const SLACK_BYTES = 32 * MAX_FRAME_BYTES;

/** Bytes held by buffers of any kind. */
const heldBytes = (): number => {
  const { external, heapUsed } = process.memoryUsage();
  return external + heapUsed;
};

export function limitsContract(networks: Networks): void {
  describe("a slow reader", () => {
    // Nobody in this process reads until the sender's turn is over, so that a flood in one turn is a reader that sleeps.
    for (const [what, length] of [
      ["the largest", MAX_FRAME_BYTES],
      ["short", 32],
    ] as const) {
      it(
        `is bounded: a flood of ${what} frames does not fill the memory`,
        networks.connected(async ([a, b], network) => {
          const frame = new Uint8Array(length);
          const frames = length === MAX_FRAME_BYTES ? 160 : 400_000;
          const before = heldBytes();
          let most = before;
          for (let n = 0; n < frames; n++) {
            a.end.send(b.node, frame);
            if (n % 1_024 === 0 || length === MAX_FRAME_BYTES) most = Math.max(most, heldBytes());
          }
          assert(
            most - before <= MAX_BUFFERED_BYTES + SLACK_BYTES,
            `${frames} frames of ${length} bytes hold ${most - before} bytes`,
          );
          // What was lost stays lost; a link that works delivers what is sent once there is room again.
          await eventually(network, "the reader catches up", () => {
            a.end.send(b.node, textFrame("afterwards"));
            return textOf(b.frames.at(-1)?.frame ?? frame) === "afterwards";
          });
        }),
      );
    }
    it(
      "costs other senders and other receivers nothing",
      networks.connected(async ([a, b, c], network) => {
        const frame = new Uint8Array(MAX_FRAME_BYTES);
        for (let n = 0; n < 80; n++) a.end.send(c.node, frame);
        b.end.send(c.node, textFrame("from another"));
        a.end.send(b.node, textFrame("to another"));
        await arrives(network, c, b, "from another");
        await arrives(network, b, a, "to another");
      }),
    );
  });
}
