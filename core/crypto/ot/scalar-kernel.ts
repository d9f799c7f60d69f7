/**
 * The half of the portable OT kernel that works mod q, on BigInt. Where a bit is secret the same operations run on operands
 * of the same size, by choosing between a value and q, which is zero. That is a constant pattern, not constant time: BigInt
 * promises none. An engine that has constant-time integers replaces this.
 */
import { assert } from "@conclave/bytes";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { columnHashPrefix, gadgetPrefix } from "./kernel-inputs.ts";
import type { OtKernel, ScalarRows } from "./kernel.ts";
import { CHOICE_BYTES, COLUMN_BYTES, INPUTS, MULTIPLY_OTS } from "./parameters.ts";

const ORDER = secp256k1.Point.Fn.ORDER;
const SCALAR_BYTES = 32;
/** Row number (2) and column number (1) in front of the column of an extended OT. */
const NUMBER_BYTES = 3;

/** Row after row, from 0 to 2^256 − 1: digests are reduced mod q only when they leave the kernel, all else at once. */
interface BigIntRows {
  readonly width: number;
  readonly values: bigint[];
  /** The canonical encoding, kept once somebody asked for it. */
  encoded: Uint8Array | null;
}

const open = (rows: ScalarRows): BigIntRows => rows as unknown as BigIntRows;
const seal = (width: number, values: bigint[], encoded: Uint8Array | null = null): ScalarRows =>
  ({ width, values, encoded }) satisfies BigIntRows as unknown as ScalarRows;

export const scalarKernel: Omit<OtKernel, "expandLeaves" | "checksums" | "columns"> = {
  hashColumns(session, columns, width) {
    assert(columns.length === MULTIPLY_OTS * COLUMN_BYTES, "a column per extended OT");
    assert(width > 0 && width < 256, "a row's scalars are numbered by one byte");
    const hash = prefixedHash(columnHashPrefix(session));
    const message = new Uint8Array(NUMBER_BYTES + COLUMN_BYTES);
    const values: bigint[] = [];
    for (let row = 0; row < MULTIPLY_OTS; row++) {
      message[0] = row >> 8;
      message[1] = row;
      message.set(columns.subarray(row * COLUMN_BYTES, (row + 1) * COLUMN_BYTES), NUMBER_BYTES);
      for (let i = 0; i < width; i++) {
        message[2] = i;
        values.push(hash(message));
      }
    }
    message.fill(0);
    return seal(width, values);
  },

  gadget(session) {
    const hash = prefixedHash(gadgetPrefix(session));
    return seal(
      1,
      Array.from({ length: MULTIPLY_OTS }, (_, row) => hash(Uint8Array.of(row >> 8, row))),
    );
  },

  selectedSum(gadget, bits) {
    const { values } = checked(gadget, 1);
    checkedBits(bits);
    const sum = values.reduce((sum, value, row) => sum + [ORDER, value][bitAt(bits, row)]!, 0n);
    return sum % ORDER;
  },

  correct(zero, one, inputs) {
    const width = inputs.length;
    const [zeros, ones] = [checked(zero, width).values, checked(one, width).values];
    // 2q > 2^256 keeps the difference of two digests from becoming negative.
    const added = inputs.map((input) => input + 2n * ORDER);
    return seal(
      width,
      zeros.map((value, i) => (value - ones[i]! + added[i % width]!) % ORDER),
    );
  },

  applyCorrections(rows, bits, corrections) {
    const { width, values } = open(rows);
    checkedBits(bits);
    const corrected = checked(corrections, width).values;
    return seal(
      width,
      values.map((value, i) => (value + [ORDER, corrected[i]!][bitAt(bits, Math.floor(i / width))]!) % ORDER),
    );
  },

  weigh(rows, weights, selected) {
    const { values } = checked(rows, INPUTS + 1);
    const bits = selected === undefined ? new Uint8Array(CHOICE_BYTES) : checkedBits(selected.bits);
    const less = [ORDER, ORDER - (selected?.subtrahend ?? 0n)] as const;
    const result = new Uint8Array(MULTIPLY_OTS * SCALAR_BYTES);
    const view = new DataView(result.buffer);
    for (let row = 0; row < MULTIPLY_OTS; row++) {
      const [first, second, third] = [values[3 * row]!, values[3 * row + 1]!, values[3 * row + 2]!];
      writeScalar(view, row, (third + weights[0] * first + weights[1] * second + less[bitAt(bits, row)]!) % ORDER);
    }
    return result;
  },

  innerProducts(gadget, rows) {
    const factors = checked(gadget, 1).values;
    const { values } = checked(rows, INPUTS + 1);
    let [first, second] = [0n, 0n];
    for (const [row, factor] of factors.entries()) {
      first += factor * values[3 * row]!;
      second += factor * values[3 * row + 1]!;
    }
    return [first % ORDER, second % ORDER];
  },

  encodeRows(rows) {
    const own = open(rows);
    if (own.encoded === null) {
      own.encoded = new Uint8Array(own.values.length * SCALAR_BYTES);
      const view = new DataView(own.encoded.buffer);
      for (const [i, value] of own.values.entries()) writeScalar(view, i, value % ORDER);
    }
    return own.encoded.slice();
  },

  decodeRows(bytes, width) {
    if (bytes.length !== MULTIPLY_OTS * width * SCALAR_BYTES) {
      throw new RangeError(
        `rows of ${width} scalars are ${MULTIPLY_OTS * width * SCALAR_BYTES} bytes, not ${bytes.length}`,
      );
    }
    const encoded = Uint8Array.from(bytes);
    const view = new DataView(encoded.buffer);
    const values = Array.from({ length: MULTIPLY_OTS * width }, (_, i) => readScalar(view, i));
    if (values.some((value) => value >= ORDER)) throw new RangeError("a scalar is below the group order");
    return seal(width, values, encoded);
  },

  wipe(rows) {
    const { values, encoded } = open(rows);
    values.fill(0n);
    encoded?.fill(0);
  },
};

function checked(rows: ScalarRows, width: number): BigIntRows {
  const own = open(rows);
  assert(own.width === width, `rows of ${width} scalars`);
  return own;
}

/** The `row`th choice bit, counted from the least significant bit of the first byte. */
const bitAt = (bits: Uint8Array, row: number): number => (bits[row >> 3]! >> (row & 7)) & 1;

function checkedBits(bits: Uint8Array): Uint8Array {
  assert(bits.length === CHOICE_BYTES, "a choice bit per extended OT");
  return bits;
}

/**
 * SHA-256 (FIPS 180-4) of prefix ‖ prefix ‖ message as an integer, with the state after the first block computed once: half
 * the work, and less than a call of OpenSSL costs.
 */
function prefixedHash(prefix: Uint8Array): (message: Uint8Array) => bigint {
  const start = sha256.create().update(prefix).update(prefix);
  const running = start.clone();
  const digest = new Uint8Array(SCALAR_BYTES);
  const view = new DataView(digest.buffer);
  return (message) => {
    start._cloneInto(running);
    running.update(message).digestInto(digest);
    return readScalar(view, 0);
  };
}

/** The `index`th scalar of 32 bytes, big-endian. */
function readScalar(view: DataView, index: number): bigint {
  const at = index * SCALAR_BYTES;
  const high = (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8);
  return (high << 128n) | (view.getBigUint64(at + 16) << 64n) | view.getBigUint64(at + 24);
}

function writeScalar(view: DataView, index: number, value: bigint): void {
  const at = index * SCALAR_BYTES;
  // A store keeps the low 64 bits of what it is given.
  view.setBigUint64(at, value >> 192n);
  view.setBigUint64(at + 8, value >> 128n);
  view.setBigUint64(at + 16, value >> 64n);
  view.setBigUint64(at + 24, value);
}
