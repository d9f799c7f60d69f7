import type { Engine } from "@conclave/crypto";
import { wasmOtKernel } from "./ot.ts";
import { wasmSecp256k1 } from "./secp256k1.ts";

/** The part of the platform's WebAssembly that this file uses; neither Node's types nor es2024 declare it. */
declare const WebAssembly: undefined | { validate(bytes: Uint8Array): boolean };

/**
 * The smallest module with a vector instruction in it. Header; one type () → (v128); one function of it; its body:
 * i32.const 0, i8x16.splat, end.
 */
// oxfmt-ignore
const VECTOR_MODULE = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 5, 1, 0x60, 0, 1, 0x7b,
  3, 2, 1, 0,
  10, 8, 1, 6, 0, 0x41, 0, 0xfd, 15, 0x0b,
);

/** True if this platform runs the kernels: WebAssembly with 128-bit vectors, as every browser since 2023 and Node since 16.4. */
export const kernelsSupported = (): boolean => typeof WebAssembly === "object" && WebAssembly.validate(VECTOR_MODULE);

/**
 * `base` with its secp256k1 group and its OT replaced by WebAssembly kernels. To be called where `kernelsSupported()`, once per
 * thread: points of the engine's group and of the base's cannot be mixed.
 */
export const withKernels = (base: Engine): Engine => ({
  ...base,
  name: `${base.name}+wasm`,
  secp256k1: wasmSecp256k1(base.secp256k1, (bytes) => base.sha256(bytes)),
  ot: wasmOtKernel(),
});
