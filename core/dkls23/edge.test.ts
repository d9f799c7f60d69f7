import { CodecError, equalBytes } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import { mutations, parties } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { edgeCodec, wipeEdge, type Edge } from "./index.ts";
import { dealEdges } from "./testing/index.ts";

const [one, two] = parties(1, 2) as [Edge["peer"], Edge["peer"]];
const dealt = dealEdges([one, two], { rng: seededRng("edge") });
const edge = dealt.get(one)!.get(two)!;

test("an edge is stored and read again, in 65 KiB", () => {
  const bytes = edgeCodec.encode(edge);
  assert.deepEqual(edgeCodec.decode(bytes), edge);
  assert.ok(bytes.length > 65_600 && bytes.length < 65_750, `${bytes.length} bytes`);
});

test("both ends of a dealt edge hold the same setup, seed and leaves but one", () => {
  const other = dealt.get(two)!.get(one)!;
  assert.deepEqual([edge.setup, edge.zeroSeed], [other.setup, other.zeroSeed]);
  const { leaves, missing } = edge.sending;
  const leaf = (of: Uint8Array, tree: number, at: number): Uint8Array =>
    of.subarray((tree * 16 + at) * 32, (tree * 16 + at + 1) * 32);
  for (let tree = 0; tree < 64; tree++) {
    for (let at = 0; at < 16; at++) {
      const known = equalBytes(leaf(leaves, tree, at ^ missing[tree]!), leaf(other.receiving.leaves, tree, at));
      assert.equal(known, at !== missing[tree], `tree ${tree}, leaf ${at}`);
    }
  }
});

test("stored bytes that are not an edge are refused", () => {
  const bytes = edgeCodec.encode(edge);
  // Any bytes can be leaves and seeds; what is wrong with them shows when the pair next multiplies.
  const free = new Set(["peer", "setup", "sending.leaves", "sending.missing", "receiving.leaves", "zeroSeed"]);
  let refused = 0;
  for (const mutation of mutations(edgeCodec, bytes)) {
    try {
      edgeCodec.decode(mutation.bytes);
    } catch (error) {
      assert.ok(error instanceof CodecError, `${mutation.path}: ${mutation.name}`);
      refused += 1;
      continue;
    }
    assert.ok(!mutation.illegal && free.has(mutation.field), `${mutation.path}: ${mutation.name} was accepted`);
  }
  assert.ok(refused > 40, `${refused} refused`);
});

test("leaves that are not punctured in place 0 of every tree are refused", () => {
  const changed = (change: (sending: Edge["sending"]) => void): Uint8Array => {
    const sending = { leaves: edge.sending.leaves.slice(), missing: edge.sending.missing.slice() };
    change(sending);
    return edgeCodec.encode({ ...edge, sending });
  };
  const refuses = (bytes: Uint8Array): void =>
    assert.throws(
      () => edgeCodec.decode(bytes),
      (error) => error instanceof CodecError && /not punctured in one place per tree/.test(error.message),
    );
  for (const tree of [0, 1, 63]) {
    refuses(changed(({ leaves }) => (leaves[tree * 512] = 1)));
    refuses(changed(({ leaves }) => (leaves[tree * 512 + 31] = 1)));
    refuses(changed(({ missing }) => (missing[tree] = 16)));
  }
  edgeCodec.decode(changed(({ leaves }) => (leaves[32] = 1)));
});

test("a wiped edge holds no secret", () => {
  const copy = edgeCodec.decode(edgeCodec.encode(edge));
  wipeEdge(copy);
  for (const buffer of [copy.sending.leaves, copy.sending.missing, copy.receiving.leaves, copy.zeroSeed]) {
    assert.ok(buffer.every((byte) => byte === 0));
  }
});
