import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NodeId } from "@conclave/consensus";
import { DeadEdges } from "./dead-edges.ts";

const [a, b, c] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [NodeId, NodeId, NodeId];
const key = new Uint8Array(32).fill(1);
const other = new Uint8Array(32).fill(2);

describe("dead edges", () => {
  test("are one, whichever end says so and however often, with the first reason", () => {
    const edges = new DeadEdges([a, b, c]);
    edges.died(key, [b, a], "a check failed");
    edges.died(key, [a, b], "one of its ends said so");
    edges.died(other, [a, b], "another key");
    assert.deepEqual(
      edges.all().map(({ between, reason, rekeying }) => [...between, reason, rekeying]),
      [
        [a, b, "a check failed", false],
        [a, b, "another key", false],
      ],
    );
  });

  test("end at nodes of the roster, two different ones, and are not without number", () => {
    const edges = new DeadEdges([a, b, c]);
    const stranger = "d".repeat(64) as NodeId;
    assert.deepEqual([edges.died(key, [a, stranger], "x"), edges.died(key, [a, a], "x")], [false, false]);
    assert.deepEqual([edges.died(key, [a, b], "x"), edges.died(key, [b, a], "x")], [true, false]);
    for (let n = 0; n < 2_000; n++) edges.died(new Uint8Array(32).fill(n & 255, 0, 16).fill(n >> 8, 16), [a, b], "x");
    assert.equal(edges.all().length, 1_024);
  });

  test("are shown as being made anew once that was asked, and again as dead if they die again", () => {
    const edges = new DeadEdges([a, b, c]);
    edges.asked(key, a, b);
    assert.deepEqual(edges.all(), [], "asking for a live one says nothing");
    edges.died(key, [a, b], "x");
    edges.asked(key, b, a);
    assert.equal(edges.all()[0]?.rekeying, true);
    edges.died(key, [a, b], "y");
    assert.equal(edges.all()[0]?.rekeying, false);
    edges.asked(key, a, b);
    edges.gaveUp(key, b, a);
    assert.equal(edges.all()[0]?.rekeying, false);
  });

  test("live again when their ends made them, or were seen to sign together with that key", () => {
    const edges = new DeadEdges([a, b, c]);
    edges.died(key, [a, b], "x");
    edges.used(other, [a, b]);
    edges.used(key, [a, c]);
    assert.equal(edges.all().length, 1);
    edges.used(key, [c, b, a]);
    assert.deepEqual(edges.all(), []);
    edges.died(key, [a, c], "x");
    edges.made(key, c, a);
    assert.deepEqual(edges.all(), []);
  });
});
