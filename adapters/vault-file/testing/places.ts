import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeDisk, type Disk } from "../disk.ts";
import { createVault, type Machine } from "../vault.ts";

export const PASSWORD = "correct horse battery staple";

/** The real disk, and a derivation that costs nothing: for tests that open a vault many times. */
export const QUICK: Machine = {
  disk: nodeDisk,
  derive: (password, salt) => new Uint8Array(createHash("sha256").update(salt).update(password).digest()),
};

/** A folder of its own for one test (mode 0700), gone afterwards. */
export function withFolder(test: (folder: string) => void): () => void {
  return () => {
    const folder = mkdtempSync(join(tmpdir(), "conclave-vault-"));
    try {
      test(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

/** A folder with a closed vault in it, holding these records under `PASSWORD`. */
export const withVault = (
  records: Readonly<Record<string, Uint8Array>>,
  test: (dir: string, folder: string) => void,
  machine: Machine = QUICK,
) =>
  withFolder((folder) => {
    const dir = join(folder, "vault");
    const vault = createVault({ dir, password: PASSWORD }, machine);
    for (const [name, secret] of Object.entries(records)) vault.put(name, secret);
    vault.close();
    test(dir, folder);
  });

/** A copy of a closed vault, so that many cases start from one that was made once. */
export function copyOf(dir: string, copy: string): string {
  rmSync(copy, { recursive: true, force: true });
  cpSync(dir, copy, { recursive: true });
  chmodSync(copy, 0o700);
  return copy;
}

/** The process died here. */
export class Stopped extends Error {
  readonly code = "STOPPED";
}

/**
 * The real disk, until step number `stopAt` (from 0): that step does not happen, or happens by half if it writes bytes.
 * With `once` only this step fails; else every later one fails too, as in a process that died.
 */
export function stoppingDisk(
  stopAt: number,
  { once = false, error = new Stopped("stopped") }: { once?: boolean; error?: Error } = {},
) {
  const steps: string[] = [];
  const step =
    <Arguments extends readonly unknown[], Result>(
      name: string,
      real: (...values: Arguments) => Result,
      half?: (...values: Arguments) => void,
    ) =>
    (...values: Arguments): Result => {
      const number = steps.push(name) - 1;
      if (number < stopAt || (once && number > stopAt)) return real(...values);
      if (number === stopAt) half?.(...values);
      throw error;
    };
  const disk: Disk = {
    create: step("create", nodeDisk.create),
    reopen: step("reopen", nodeDisk.reopen),
    write: step("write", nodeDisk.write, (descriptor, bytes) =>
      nodeDisk.write(descriptor, bytes.subarray(0, bytes.length >> 1)),
    ),
    sync: step("sync", nodeDisk.sync),
    // Descriptors end with a process, so closing is no step that can be missed.
    close: nodeDisk.close,
    rename: step("rename", nodeDisk.rename),
    unlink: step("unlink", nodeDisk.unlink),
    syncFolder: step("sync folder", nodeDisk.syncFolder),
  };
  return { machine: { disk, derive: QUICK.derive }, steps };
}
