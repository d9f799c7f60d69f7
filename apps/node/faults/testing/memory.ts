/** What processes hold in memory, as the kernel counts it. */
import { readFileSync } from "node:fs";

export interface Memory {
  readonly nowMib: number;
  /** The most that it ever held. */
  readonly peakMib: number;
}

const KIB_PER_MIB = 1_024;

/** Of a process of this machine. Throws if it is gone. Linux only, as the figures that are compared. */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / KIB_PER_MIB);
  return { nowMib: field("VmRSS"), peakMib: field("VmHWM") };
}
