/** A disk of a few MiB that a node lives on: a file system in memory, which only root may make. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BALLAST = "ballast";

/** Why this machine cannot have one; null if it can. */
export function whyNoSmallDisk(): string | null {
  const place = mkdtempSync(join(tmpdir(), "conclave-disk-"));
  try {
    makeSmallDisk(place, 1)();
    return null;
  } catch (error) {
    return `a small disk cannot be mounted here: ${(error as Error).message.split("\n")[0]}`;
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** Mounts one at this folder. Returns how to take it away again. Throws where that is not allowed. */
export function makeSmallDisk(place: string, sizeMib: number): () => void {
  mkdirSync(place, { recursive: true, mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMib}m,mode=700`, "conclave-test", place], { stdio: "pipe" });
  return () => void execFileSync("umount", ["--lazy", place], { stdio: "pipe" });
}

/** Leaves so many bytes free, or fewer: what others write meanwhile counts. */
export function fill(place: string, freeBytes: number): void {
  const { bavail, bsize } = statfsSync(place);
  try {
    writeFileSync(join(place, BALLAST), Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
  } catch (error) {
    // Full it is.
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  }
}

export const makeRoom = (place: string): void => rmSync(join(place, BALLAST), { force: true });
