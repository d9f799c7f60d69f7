import { binaryKernel } from "./binary-kernel.ts";
import type { OtKernel } from "./kernel.ts";
import { scalarKernel } from "./scalar-kernel.ts";

/** The OT kernel in plain TypeScript: runs everywhere, and defines what every other kernel must compute. */
export const portableOtKernel: OtKernel = { ...binaryKernel, ...scalarKernel };
