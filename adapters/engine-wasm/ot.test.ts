import { AssertionError } from "@conclave/bytes";
import { type OtKernel, portableEngine } from "@conclave/crypto";
import { multiplyContract, otContract, seededRng } from "@conclave/crypto/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { instantiate } from "./ot-arena.ts";
import { wasmOtKernel, wasmOtKernelOn } from "./ot.ts";

otContract(wasmOtKernel());
multiplyContract({ ...portableEngine, name: "wasm", ot: wasmOtKernel() });

const rng = seededRng("ot-wasm");
const own = (length: number): Uint8Array => Uint8Array.from(rng(length));
const SESSION = own(32);
const CHALLENGES = own(64);

/** Every function once, with secrets that were never used before. */
function useAll(ot: OtKernel): void {
  const { planes } = ot.expandLeaves(SESSION, own(64 * 16 * 32));
  ot.checksums(planes, CHALLENGES);
  const zero = ot.hashColumns(SESSION, ot.columns(planes), 3);
  const one = ot.hashColumns(SESSION, own(512 * 32), 3);
  const gadget = ot.gadget(SESSION);
  const bits = own(64);
  ot.selectedSum(gadget, bits);
  const corrections = ot.correct(zero, one, [3n, 5n, 7n]);
  const rows = ot.applyCorrections(zero, bits, ot.decodeRows(ot.encodeRows(corrections), 3));
  ot.weigh(rows, [11n, 13n], { bits, subtrahend: 17n });
  ot.innerProducts(gadget, rows);
}

test("leaves nothing of what it was given in its memory, which keeps its size", () => {
  const kernel = instantiate();
  const ot = wasmOtKernelOn(kernel);
  // What may remain are the tables of the public challenges.
  ot.checksums(new Uint8Array(80), CHALLENGES);
  const before = new Uint8Array(kernel.memory.buffer).slice();
  useAll(ot);
  assert.equal(kernel.memory.buffer.byteLength, before.length);
  assert.ok(Buffer.from(kernel.memory.buffer).equals(before));
});

test("wipes after a refusal, too", () => {
  const kernel = instantiate();
  const ot = wasmOtKernelOn(kernel);
  const before = new Uint8Array(kernel.memory.buffer).slice();
  const gadget = ot.gadget(SESSION);
  assert.throws(() => ot.decodeRows(new Uint8Array(512 * 32).fill(255), 1), /not below the group order/);
  assert.throws(() => ot.selectedSum(gadget, own(63)), /63 bytes for the OT kernel instead of 64/);
  assert.throws(() => ot.innerProducts(gadget, gadget), /rows of 1 scalars instead of 3/);
  assert.ok(Buffer.from(kernel.memory.buffer).equals(before));
});

test("refuses arguments of another length", () => {
  const ot = wasmOtKernel();
  const rows = ot.hashColumns(SESSION, own(512 * 32), 3);
  const refused: readonly (() => unknown)[] = [
    () => ot.expandLeaves(SESSION, own(64 * 16 * 32 - 1)),
    () => ot.expandLeaves(own(31), own(64 * 16 * 32)),
    () => ot.checksums(own(79), CHALLENGES),
    () => ot.checksums(own(257 * 80), CHALLENGES),
    () => ot.checksums(own(80), own(63)),
    () => ot.columns(own(255 * 80)),
    () => ot.hashColumns(SESSION, own(511 * 32), 3),
    () => ot.hashColumns(SESSION, own(512 * 32), 0),
    () => ot.hashColumns(SESSION, own(512 * 32), 4),
    () => ot.hashColumns(own(33), own(512 * 32), 3),
    () => ot.gadget(own(31)),
    () => ot.selectedSum(rows, own(64)),
    () => ot.correct(rows, rows, [1n, 2n]),
    () => ot.applyCorrections(rows, own(64), ot.gadget(SESSION)),
    () => ot.applyCorrections(rows, own(65), rows),
    () => ot.weigh(ot.gadget(SESSION), [1n, 2n]),
    () => ot.weigh(rows, [1n, 2n], { bits: own(1), subtrahend: 3n }),
    () => ot.innerProducts(rows, rows),
  ];
  for (const call of refused) assert.throws(call, AssertionError, String(call));
});

test("refuses rows that were wiped, and another engine's", () => {
  const ot = wasmOtKernel();
  for (const isEncoded of [false, true]) {
    const rows = ot.gadget(SESSION);
    if (isEncoded) ot.encodeRows(rows);
    ot.wipe(rows);
    assert.throws(() => ot.encodeRows(rows), /rows that were wiped/, `encoded before: ${isEncoded}`);
  }
  const foreign = portableEngine.ot.gadget(SESSION);
  assert.throws(() => ot.encodeRows(foreign), /rows that another engine made/);
  assert.throws(() => ot.wipe(foreign), /rows that another engine made/);
});

test("never gives one buffer to two matrices, though rows are wiped twice", () => {
  const ot = wasmOtKernel();
  const wiped = ot.gadget(SESSION);
  ot.wipe(wiped);
  ot.wipe(wiped);
  const [first, second] = [ot.gadget(SESSION), ot.gadget(own(32))];
  const bits = own(64);
  const [sum, encoded] = [ot.selectedSum(second, bits), ot.encodeRows(second)];
  ot.wipe(first);
  assert.equal(ot.selectedSum(second, bits), sum);
  assert.deepEqual(ot.encodeRows(second), encoded);
});

test("answers the same for integers outside 0 … q − 1", () => {
  const ot = wasmOtKernel();
  const q = portableEngine.secp256k1.order;
  const rows = ot.hashColumns(SESSION, own(512 * 32), 3);
  const bits = own(64);
  assert.deepEqual(
    ot.encodeRows(ot.correct(rows, rows, [-1n, q, 2n * q + 5n])),
    ot.encodeRows(ot.correct(rows, rows, [q - 1n, 0n, 5n])),
  );
  assert.deepEqual(
    ot.weigh(rows, [-1n, q + 2n], { bits, subtrahend: q }),
    ot.weigh(rows, [q - 1n, 2n], { bits, subtrahend: 0n }),
  );
});
