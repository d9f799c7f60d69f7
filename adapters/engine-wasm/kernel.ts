/** The compiled secp256k1 module: its interface, its memory, and one instance per thread. */
import { SECP256K1_WASM_BASE64 } from "./secp256k1.wasm.ts";

/** At most this many points go in or out in one call. */
export const MAX_POINTS = 32;
/** 32-bit words from one point to the next, and words that mean something: three coordinates of nine limbs. */
export const POINT_STRIDE_WORDS = 28;
export const POINT_WORDS = 27;
export const ENCODED_BYTES = 33;

const SCALAR_BYTES = 32;

interface Address {
  readonly value: number;
}

/** What `assembly/secp256k1/index.ts` exports; it says what each function does. */
export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly points: Address;
  readonly scalars: Address;
  readonly encodings: Address;
  readonly low: Address;
  readonly high: Address;
  initialize(): void;
  multiplyBaseSecret(): void;
  multiplySecret(): void;
  combine(count: number): void;
  add(): void;
  double(): void;
  equals(): number;
  isIdentity(): number;
  encode(count: number): void;
  decode(): number;
  hashToCurve(): void;
  splitScalar(): void;
  fieldMul(out: number, a: number, b: number): void;
  fieldMulSum(out: number, a: number, b: number, c: number, d: number): void;
  fieldSquare(out: number, a: number): void;
  fieldScale(out: number, a: number, factor: number): void;
  fieldCanonical(out: number, a: number): void;
  fieldInvert(out: number, a: number): void;
  fieldSquareRoot(out: number, a: number): number;
  fieldFromBytes(out: number, bytes: number): number;
  fieldToBytes(bytes: number, a: number): void;
}

/** An instance with views on its memory, which never grows. */
export interface Kernel {
  readonly run: KernelExports;
  readonly points: Int32Array;
  /** Four words per scalar, least significant first. */
  readonly scalars: BigUint64Array;
  readonly encodings: Uint8Array;
}

/** The part of the platform's WebAssembly that this file uses; neither Node's types nor es2024 declare it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

let kernel: Kernel | undefined;

/** This thread's instance, made on the first call: some milliseconds. Between two calls of a group it holds no state. */
export function threadKernel(): Kernel {
  kernel ??= makeKernel();
  return kernel;
}

function makeKernel(): Kernel {
  const code = Uint8Array.from(atob(SECP256K1_WASM_BASE64), (character) => character.charCodeAt(0));
  const run = new WebAssembly.Instance(new WebAssembly.Module(code)).exports as KernelExports;
  run.initialize();
  const { buffer } = run.memory;
  return {
    run,
    points: new Int32Array(buffer, run.points.value, MAX_POINTS * POINT_STRIDE_WORDS),
    scalars: new BigUint64Array(buffer, run.scalars.value, ((MAX_POINTS + 1) * SCALAR_BYTES) / 8),
    encodings: new Uint8Array(buffer, run.encodings.value, MAX_POINTS * ENCODED_BYTES),
  };
}
