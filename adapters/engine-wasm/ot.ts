/**
 * The OT kernel on SIMD WebAssembly (`assembly/ot`). Scalars stay in bytes from one call to the next; bigint appears only
 * where the contract has it. The memory has one size for ever, and every call wipes what it used of it. What no program can
 * wipe remains: registers that the machine spilled, and garbage that bigint left.
 */
import { assert } from "@conclave/bytes";
import {
  BASE_OTS,
  CHECK_BLOCKS,
  CHECK_BYTES,
  CHOICE_BYTES,
  COLUMN_BYTES,
  columnHashPrefix,
  COLUMNS,
  gadgetPrefix,
  LEAVES,
  MULTIPLY_OTS,
  type OtKernel,
  ROW_BYTES,
  type ScalarRows,
  SEED_BYTES,
  streamStart,
  TREES,
} from "@conclave/crypto";
import { Arena, type CompiledKernel, encodingOf, instantiate, rowsBytes, SCALAR_BYTES, widthOf } from "./ot-arena.ts";

/** `checksums` works on so many rows at once. */
const CHECKED_TOGETHER = 16;

/**
 * A kernel with a memory of its own. Throws what the platform throws where SIMD is missing, or where a page's main thread may
 * not compile 45 KB at once.
 */
export const wasmOtKernel = (): OtKernel => wasmOtKernelOn(instantiate());

/** The same on an instance whose memory the caller can look into. */
export const wasmOtKernelOn = (kernel: CompiledKernel): OtKernel => new WasmOtKernel(kernel);

class WasmOtKernel implements OtKernel {
  readonly #kernel: CompiledKernel;
  readonly #arena: Arena;

  constructor(kernel: CompiledKernel) {
    this.#kernel = kernel;
    this.#arena = new Arena(kernel);
  }

  #run<Result>(work: (kernel: CompiledKernel, arena: Arena) => Result): Result {
    try {
      return work(this.#kernel, this.#arena);
    } finally {
      this.#arena.wipe();
    }
  }

  expandLeaves(session: Uint8Array, leaves: Uint8Array): { planes: Uint8Array; sums: Uint8Array } {
    const start = streamStart(session);
    return this.#run((kernel, arena) => {
      const seeds = arena.place(leaves, TREES * LEAVES * SEED_BYTES);
      const planes = arena.reserve(BASE_OTS * ROW_BYTES);
      const sums = arena.reserve(TREES * ROW_BYTES);
      kernel.expandLeaves(arena.place(start, start.length), seeds, planes, sums);
      return { planes: arena.copy(planes, BASE_OTS * ROW_BYTES), sums: arena.copy(sums, TREES * ROW_BYTES) };
    });
  }

  checksums(rows: Uint8Array, challenges: Uint8Array): Uint8Array {
    const count = rows.length / ROW_BYTES;
    assert(Number.isInteger(count) && count <= BASE_OTS, `${rows.length} bytes are not at most ${BASE_OTS} rows`);
    const padded = Math.ceil(count / CHECKED_TOGETHER) * CHECKED_TOGETHER;
    return this.#run((kernel, arena) => {
      const from = arena.place(rows, rows.length);
      arena.reserve((padded - count) * ROW_BYTES);
      const result = arena.reserve(padded * CHECK_BYTES);
      kernel.checksums(from, padded, arena.place(challenges, CHECK_BLOCKS * CHECK_BYTES), result);
      return arena.copy(result, count * CHECK_BYTES);
    });
  }

  columns(rows: Uint8Array): Uint8Array {
    return this.#run((kernel, arena) => {
      const result = arena.reserve(MULTIPLY_OTS * COLUMN_BYTES);
      kernel.columns(arena.place(rows, BASE_OTS * ROW_BYTES), result);
      return arena.copy(result, MULTIPLY_OTS * COLUMN_BYTES);
    });
  }

  hashColumns(session: Uint8Array, columns: Uint8Array, width: number): ScalarRows {
    const prefix = columnHashPrefix(session);
    return this.#run((kernel, arena) => {
      const from = arena.place(columns, MULTIPLY_OTS * COLUMN_BYTES);
      const result = arena.reserve(rowsBytes(width));
      kernel.hashColumns(arena.place(prefix, prefix.length), from, width, result);
      return arena.copyRows(result, width);
    });
  }

  gadget(session: Uint8Array): ScalarRows {
    const prefix = gadgetPrefix(session);
    return this.#run((kernel, arena) => {
      const result = arena.reserve(rowsBytes(1));
      kernel.gadget(arena.place(prefix, prefix.length), result);
      return arena.copyRows(result, 1);
    });
  }

  selectedSum(gadget: ScalarRows, bits: Uint8Array): bigint {
    return this.#run((kernel, arena) => {
      const result = arena.reserve(SCALAR_BYTES);
      kernel.selectedSum(arena.placeRows(gadget, 1), arena.place(bits, CHOICE_BYTES), result);
      return arena.scalar(result);
    });
  }

  correct(zero: ScalarRows, one: ScalarRows, inputs: readonly bigint[]): ScalarRows {
    const width = inputs.length;
    return this.#run((kernel, arena) => {
      const result = arena.placeRows(zero, width);
      // The kernel adds 2^256 − 1 − one instead of −one.
      const constants = arena.placeScalars(inputs.map((input) => input + 1n - (1n << 256n)));
      kernel.correct(result, arena.placeRows(one, width), constants, width);
      return arena.copyRows(result, width);
    });
  }

  applyCorrections(rows: ScalarRows, bits: Uint8Array, corrections: ScalarRows): ScalarRows {
    const width = widthOf(rows);
    return this.#run((kernel, arena) => {
      const result = arena.placeRows(rows, width);
      const selected = arena.place(bits, CHOICE_BYTES);
      kernel.applyCorrections(result, selected, arena.placeRows(corrections, width), width);
      return arena.copyRows(result, width);
    });
  }

  weigh(
    rows: ScalarRows,
    weights: readonly [bigint, bigint],
    selected?: { readonly bits: Uint8Array; readonly subtrahend: bigint },
  ): Uint8Array {
    return this.#run((kernel, arena) => {
      const bits = selected === undefined ? arena.reserve(CHOICE_BYTES) : arena.place(selected.bits, CHOICE_BYTES);
      const added = arena.placeScalars([-(selected?.subtrahend ?? 0n)]);
      const result = arena.reserve(MULTIPLY_OTS * SCALAR_BYTES);
      kernel.weigh(arena.placeRows(rows, COLUMNS), arena.placeScalars(weights), bits, added, result);
      return arena.copy(result, MULTIPLY_OTS * SCALAR_BYTES);
    });
  }

  innerProducts(gadget: ScalarRows, rows: ScalarRows): readonly [bigint, bigint] {
    return this.#run((kernel, arena) => {
      const result = arena.reserve(2 * SCALAR_BYTES);
      kernel.innerProducts(arena.placeRows(gadget, 1), arena.placeRows(rows, COLUMNS), result);
      return [arena.scalar(result), arena.scalar(result + SCALAR_BYTES)];
    });
  }

  encodeRows(rows: ScalarRows): Uint8Array {
    const width = widthOf(rows);
    const compute = (kernel: CompiledKernel, arena: Arena): Uint8Array => {
      const result = arena.placeRows(rows, width);
      kernel.encode(result, MULTIPLY_OTS * width);
      return arena.copy(result, rowsBytes(width));
    };
    return encodingOf(rows, () => this.#run(compute));
  }

  decodeRows(bytes: Uint8Array, width: number): ScalarRows {
    const expected = rowsBytes(width);
    if (bytes.length !== expected) {
      throw new RangeError(`rows of ${width} scalars are ${expected} bytes, not ${bytes.length}`);
    }
    return this.#run((kernel, arena) => {
      const result = arena.place(bytes, expected);
      if (kernel.decode(result, MULTIPLY_OTS * width) !== 0)
        throw new RangeError("a scalar is not below the group order");
      return arena.copyRows(result, width);
    });
  }

  wipe(rows: ScalarRows): void {
    this.#arena.wipeRows(rows);
  }
}
