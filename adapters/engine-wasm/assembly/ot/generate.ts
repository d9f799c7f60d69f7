/**
 * The kernel's unrolled code, written out as AssemblyScript when the kernel is built (`scripts/build-kernels.ts`) and never
 * checked in: rounds of ciphers and products of limbs, whose values then live in registers instead of memory.
 */
import { chachaSource } from "./generate-chacha.ts";
import { scalarSource } from "./generate-scalar.ts";
import { shaSource } from "./generate-sha.ts";

/** Source files by name. */
export const files = (): Readonly<Record<string, string>> => ({
  "chacha.ts": chachaSource(),
  "sha.ts": shaSource(),
  "scalar.ts": scalarSource(),
});
