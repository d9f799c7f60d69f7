/**
 * Looking at a node that is stopped, from outside: whoever opens its files or binds its ports for a moment would keep it from
 * starting in that moment. So the vault's lock is held meanwhile, for which a node that starts waits (`prepareNode`).
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { NodeDir } from "./node-dir.ts";

type Placed = Pick<NodeDir, "folder">;

/** SQLite's result code for a database that is held by somebody else (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;

/** Whether a process has the node's vault open: its lock is the system's, and ends with the process however that ends. */
export function isRunning(node: Placed): boolean {
  const release = hold(node);
  release?.();
  return release === null;
}

/** The node cannot start until `look` has ended, which has to be soon. Null if it runs: nothing was looked at. */
export async function whileStopped<T>(node: Placed, look: () => T | Promise<T>): Promise<T | null> {
  const release = hold(node);
  if (release === null) return null;
  try {
    return await look();
  } finally {
    release();
  }
}

/** How to let the vault go; null if another process holds it. A node that was never made has nothing to hold. */
function hold({ folder }: Placed): (() => void) | null {
  const lock = join(folder.root, "vault", "vault.lock");
  if (!existsSync(lock)) return () => {};
  const db = new DatabaseSync(lock, { timeout: 0 });
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return () => db.close();
  } catch (cause) {
    db.close();
    if (cause instanceof Error && "errcode" in cause && cause.errcode === SQLITE_BUSY) return null;
    throw cause;
  }
}
