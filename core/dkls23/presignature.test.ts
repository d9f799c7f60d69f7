import { AssertionError, CodecError } from "@conclave/bytes";

import { mutations, parties } from "@conclave/protocol/testing";
import { testGroup } from "./testing/index.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodePoints,
  presignatureCodec,
  spendPresignature,
  SUITE,
  wipePresignature,
  type Presignature,
} from "./index.ts";

const group = testGroup;
const codec = presignatureCodec(group);
const [one, two, five] = parties(1, 2, 5);
const [R, publicKey] = encodePoints(group, [group.multiplyBase(5n), group.multiplyBase(6n)]);

const make = (): Presignature => ({
  suite: SUITE,
  id: new Uint8Array(32).fill(1),
  keyId: new Uint8Array(32).fill(2),
  epoch: 3,
  self: two!,
  signers: [one!, two!, five!],
  path: [0, 0x7fff_ffff],
  publicKey: publicKey!,
  setups: new Map([
    [one!, new Uint8Array(32).fill(4)],
    [five!, new Uint8Array(32).fill(5)],
  ]),
  disclosure: new Uint8Array(32).fill(6),
  R: R!,
  secrets: { s0: group.encodeScalar(7n), s1: group.encodeScalar(8n), phi: group.encodeScalar(9n) },
});

test("a presignature is stored and read again", () => {
  const bytes = codec.encode(make());
  const read = codec.decode(bytes);
  assert.deepEqual(codec.encode(read), bytes);
  assert.deepEqual(read.secrets, make().secrets);
  assert.ok(group.equals(read.R.point, R!.point));
});

test("its secrets cannot be printed", () => {
  assert.throws(() => JSON.stringify(codec.decode(codec.encode(make())).secrets), /no printed form/);
});

test("its secrets are read once: the buffers are zero before the scalars are out", () => {
  const presignature = make();
  assert.deepEqual(spendPresignature(group, presignature), { s0: 7n, s1: 8n, phi: 9n });
  for (const secret of Object.values(presignature.secrets))
    assert.ok((secret as Uint8Array).every((byte) => byte === 0));
  assert.throws(
    () => spendPresignature(group, presignature),
    (error) => error instanceof AssertionError && /this presignature is spent: it signs once/.test(error.message),
  );
});

test("a wiped presignature is spent, and says so in storage, too", () => {
  const presignature = make();
  wipePresignature(presignature);
  assert.throws(() => spendPresignature(group, codec.decode(codec.encode(presignature))), /this presignature is spent/);
});

test("stored bytes that are not a presignature are refused", () => {
  const rows = mutations(codec, codec.encode(make()), { group });
  let refused = 0;
  for (const mutation of rows) {
    try {
      codec.decode(mutation.bytes);
    } catch (error) {
      assert.ok(error instanceof CodecError, `${mutation.path}: ${mutation.name}: ${String(error)}`);
      refused += 1;
      continue;
    }
    assert.ok(!mutation.illegal, `${mutation.path}: ${mutation.name} was accepted`);
  }
  console.log(`presignatures: ${rows.length} mutations, ${refused} refused`);
  assert.ok(rows.length > 180 && refused > 100);
});
