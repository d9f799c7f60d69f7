/** A disk of a few mebibytes that can be filled up. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SmallDisk {
  /** An empty folder on it. */
  readonly folder: string;
  /** Leaves no room at all. */
  fill(): void;
  /** Takes back what `fill` took. */
  free(): void;
  dispose(): void;
}

/** Null where this account may not mount one. */
export function smallDisk(mebibytes: number): SmallDisk | null {
  const root = mkdtempSync(join(tmpdir(), "conclave-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", root]);
  if (mounted.status !== 0) {
    rmSync(root, { recursive: true });
    return null;
  }
  const [folder, padding] = [join(root, "room"), join(root, "padding")];
  mkdirSync(folder);
  return {
    folder,
    fill() {
      // Down to the last page, so that nothing fits any more.
      for (const size of [1 << 16, 1 << 12])
        try {
          for (;;) writeFileSync(padding, Buffer.alloc(size, 1), { flag: "a" });
        } catch (error) {
          if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
        }
    },
    free: () => rmSync(padding, { force: true }),
    dispose() {
      spawnSync("umount", ["-l", root]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
