import { codec, type Schema } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answerMultiply,
  baseOtSchema,
  beginMultiply,
  checkExtension,
  extensionSchema,
  growTrees,
  multiplySchema,
  portableEngine,
  treeSchema,
} from "../index.ts";
import { randomLeaves, seededRng } from "../testing/index.ts";
import * as set from "./parameters.ts";

describe("the parameter set dkls23-secp256k1-v1", () => {
  test("κ is the length of the group order", () => {
    assert.equal(portableEngine.secp256k1.order.toString(2).length, set.SCALAR_BITS);
  });

  test("ξ = κ + 2·λ_s: b stays uniform though a cheating sender learns choices (DKLS23 §5.1)", () => {
    assert.equal(set.MULTIPLY_OTS, set.SCALAR_BITS + 2 * set.STATISTICAL_BITS);
    assert.ok(set.STATISTICAL_BITS >= 80);
  });

  test("the digest mod q that a scalar is has a bias below 2^-127", () => {
    const { order } = portableEngine.secp256k1;
    assert.ok((2n ** 256n - order) * 2n ** 127n < order);
  });

  test("Q = 2^k leaves, and k·trees = λ_c base OTs (SoftSpoken §3)", () => {
    assert.equal(set.LEAVES, 2 ** set.TREE_DEPTH);
    assert.equal(set.TREES * set.TREE_DEPTH, set.BASE_OTS);
    assert.ok(set.BASE_OTS >= 256 && set.SEED_BYTES * 8 >= 256);
  });

  test("a row is the choices and λ_s bits that hide them in x", () => {
    assert.equal(set.ROW_BITS, set.MULTIPLY_OTS + set.STATISTICAL_BITS);
    assert.equal(set.ROW_BYTES * 8, set.ROW_BITS);
    assert.equal(set.CHOICE_BYTES * 8, set.MULTIPLY_OTS);
  });

  test("the consistency check is sound but for 2^-λ_s: its field has λ_s bits, and its blocks cover the whole row", () => {
    assert.equal(set.CHECK_BYTES * 8, set.STATISTICAL_BITS);
    assert.equal((set.CHECK_BLOCKS + 1) * set.STATISTICAL_BITS, set.ROW_BITS);
  });

  test("ρ ≥ λ_c / κ check columns beside ℓ inputs", () => {
    assert.ok(set.CHECK_COLUMNS * set.SCALAR_BITS >= set.BASE_OTS);
    assert.equal(set.INPUTS, 2);
    assert.equal(set.COLUMNS, set.INPUTS + set.CHECK_COLUMNS);
  });

  test("a column has a bit per base OT", () => assert.equal(set.COLUMN_BYTES * 8, set.BASE_OTS));
});

describe("messages are as long as the parameters say", () => {
  const engine = portableEngine;
  const rng = seededRng("message sizes");
  const session = rng(32);
  const { all, punctured } = randomLeaves(rng);
  const { message: extension } = beginMultiply(engine, session, all, rng);
  const { message: answer } = answerMultiply(
    engine,
    session,
    checkExtension(engine, session, punctured, extension),
    [1n, 2n],
    rng,
  );

  /** CBOR adds a byte per record and three per long string. */
  const wire = <T>(schema: Schema<T>, value: T, bytes: number): void => {
    const { length } = codec(schema).encode(value);
    assert.ok(length >= bytes && length <= bytes + 12, `${length} bytes for ${bytes}`);
  };

  test("16,896 bytes of base OTs", () => {
    const points = Array.from({ length: 512 }, (_, i) => engine.secp256k1.multiplyBase(BigInt(i + 1)));
    wire(baseOtSchema(engine.secp256k1), points, 16_896);
  });

  test("20,480 bytes of trees", () => {
    const { message } = growTrees(engine, session, rng(256 * 2 * 32));
    assert.equal(message.corrections.length + message.sums.length + message.digests.length, 20_480);
    wire(treeSchema, message, 20_480);
  });

  test("9,232 bytes of extension", () => {
    assert.equal(extension.u.length + extension.x.length + extension.t.length, 9_232);
    wire(extensionSchema, extension, 9_232);
  });

  test("49,152 + 32 + 64 bytes of multiplication", () => {
    assert.equal(engine.ot.encodeRows(answer.corrections).length, 49_152);
    assert.equal(answer.mu.length, 64);
    wire(multiplySchema(engine), answer, 49_152 + 32 + 64);
  });
});
