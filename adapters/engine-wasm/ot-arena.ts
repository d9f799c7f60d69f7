/** The compiled OT kernel, the memory that one call hands it, and the matrices that live between calls. */
import { assert } from "@conclave/bytes";
import { COLUMNS, mod, MULTIPLY_OTS, type ScalarRows, secp256k1Group } from "@conclave/crypto";
import { OT_WASM_BASE64 } from "./ot.wasm.ts";

export const SCALAR_BYTES = 32;

/** Every address is a multiple of a vector's size. */
const ALIGNMENT = 16;
/** Buffers that are kept for the next matrices: one multiplication in both roles has no more at a time. */
const SPARE_BUFFERS = 8;
const EMPTY = new Uint8Array(0);
const ORDER = secp256k1Group.order;

/** What `assembly/ot/index.ts` exports. Numbers are addresses, but for `width` and `count`. */
export interface CompiledKernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly ARENA: { readonly value: number };
  readonly ARENA_BYTES: { readonly value: number };
  wipe(used: number): void;
  expandLeaves(start: number, leaves: number, planes: number, sums: number): void;
  checksums(rows: number, count: number, challenges: number, result: number): void;
  columns(rows: number, result: number): void;
  hashColumns(prefix: number, columns: number, width: number, result: number): void;
  gadget(prefix: number, result: number): void;
  selectedSum(gadget: number, bits: number, result: number): void;
  correct(zero: number, one: number, constants: number, width: number): void;
  applyCorrections(rows: number, bits: number, corrections: number, width: number): void;
  weigh(rows: number, weights: number, bits: number, added: number, result: number): void;
  innerProducts(gadget: number, rows: number, result: number): void;
  encode(scalars: number, count: number): void;
  decode(scalars: number, count: number): number;
}

/** The part of the platform's WebAssembly that this file uses; neither Node's types nor es2024 declare it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

let compiled: object | undefined;

/** An instance with a memory of its own. */
export function instantiate(): CompiledKernel {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(OT_WASM_BASE64), (character) => character.charCodeAt(0)));
  return new WebAssembly.Instance(compiled).exports as CompiledKernel;
}

/** 512 rows of `width` scalars, each 32 bytes little-endian: any number below 2^256 with the right remainder mod q. */
class WasmRows implements ScalarRows {
  declare readonly __brand: "ScalarRows";
  readonly width: number;
  /** Empty once the rows were wiped. */
  scalars: Uint8Array;
  /** The canonical encoding, kept from the first time that somebody asked for it: a message's rows are both sent and hashed. */
  encoded: Uint8Array = EMPTY;

  constructor(width: number, scalars: Uint8Array) {
    this.width = width;
    this.scalars = scalars;
  }
}

/** How many scalars wide `rows` are. */
export const widthOf = (rows: ScalarRows): number => own(rows).width;

/** A copy of the encoding of `rows`, which `compute` gives if it is not known yet. */
export function encodingOf(rows: ScalarRows, compute: () => Uint8Array): Uint8Array {
  const encoding = own(rows);
  if (encoding.encoded === EMPTY) encoding.encoded = compute();
  return encoding.encoded.slice();
}

/** Bytes of a matrix. */
export function rowsBytes(width: number): number {
  assert(
    Number.isInteger(width) && width > 0 && width <= COLUMNS,
    `rows are 1 to ${COLUMNS} scalars wide, not ${width}`,
  );
  return MULTIPLY_OTS * width * SCALAR_BYTES;
}

function own(rows: ScalarRows): WasmRows {
  assert(rows instanceof WasmRows, "rows that another engine made");
  return rows;
}

/** The kernel's memory during one call: filled from the front, wiped at the end. */
export class Arena {
  readonly #kernel: CompiledKernel;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  #top: number;
  /** Zeros. To allocate 48 KB anew costs as much as to add two matrices. */
  readonly #spare: Uint8Array[] = [];

  constructor(kernel: CompiledKernel) {
    this.#kernel = kernel;
    this.#bytes = new Uint8Array(kernel.memory.buffer);
    this.#start = kernel.ARENA.value;
    this.#end = this.#start + kernel.ARENA_BYTES.value;
    this.#top = this.#start;
  }

  /** The address of `length` bytes, all zero. */
  reserve(length: number): number {
    const at = this.#top;
    this.#top += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    assert(this.#top <= this.#end, "a call fits the kernel's memory");
    return at;
  }

  /** The address of a copy of `bytes`, which must be `length` bytes. */
  place(bytes: Uint8Array, length: number): number {
    assert(bytes.length === length, `${bytes.length} bytes for the OT kernel instead of ${length}`);
    const at = this.reserve(length);
    this.#bytes.set(bytes, at);
    return at;
  }

  /** The address of a copy of rows that are `width` wide. */
  placeRows(rows: ScalarRows, width: number): number {
    const { scalars, width: actual } = own(rows);
    assert(actual === width, `rows of ${actual} scalars instead of ${width}`);
    assert(scalars !== EMPTY, "rows that were wiped");
    return this.place(scalars, rowsBytes(width));
  }

  /** The address of integers mod q, 32 bytes little-endian each. */
  placeScalars(values: readonly bigint[]): number {
    const at = this.reserve(values.length * SCALAR_BYTES);
    const view = new DataView(this.#bytes.buffer, at);
    for (const [i, value] of values.entries()) {
      const scalar = mod(value, ORDER);
      // A store keeps the low 64 bits of what it is given.
      for (let k = 0; k < 4; k++) view.setBigUint64(i * SCALAR_BYTES + 8 * k, scalar >> BigInt(64 * k), true);
    }
    return at;
  }

  copy(at: number, length: number): Uint8Array {
    return this.#bytes.slice(at, at + length);
  }

  copyRows(at: number, width: number): ScalarRows {
    const length = rowsBytes(width);
    const index = this.#spare.findIndex((spare) => spare.length === length);
    const scalars = index < 0 ? new Uint8Array(length) : this.#spare.splice(index, 1)[0]!;
    scalars.set(this.#bytes.subarray(at, at + length));
    return new WasmRows(width, scalars);
  }

  /** The integer at `at`, 32 bytes little-endian. */
  scalar(at: number): bigint {
    const view = new DataView(this.#bytes.buffer, at);
    const high = (view.getBigUint64(24, true) << 64n) | view.getBigUint64(16, true);
    return (high << 128n) | (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
  }

  /** Zeros over all that was placed and reserved, and over what the kernel worked on. */
  wipe(): void {
    this.#kernel.wipe(this.#top - this.#start);
    this.#top = this.#start;
  }

  /** Zeros over rows, whose buffer other rows may then take. Rows that were wiped before stay as they are. */
  wipeRows(rows: ScalarRows): void {
    const wiped = own(rows);
    const { scalars, encoded } = wiped;
    if (scalars === EMPTY) return;
    for (const bytes of [scalars, encoded]) bytes.fill(0);
    wiped.scalars = EMPTY;
    wiped.encoded = EMPTY;
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(scalars);
  }
}
