/**
 * The QUIC library hands keys to its TLS stack through files: it writes `http3_<pid>_qkey.pem` into the system's folder for
 * temporary files, readable as the umask says and without asking whether the file was there, loads it and deletes it. Whoever
 * shares that folder could read the key, or own the file beforehand. So the library finds, for the moment in which it does
 * that, a folder of our own as the place for temporary files, and a umask that keeps others out.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

const OWNER_ONLY = 0o077;

let inside = 0;
let before: { readonly folder: string | undefined; readonly umask: number; readonly made: string } | null = null;

/**
 * Runs `begin`, and leaves the private folder in place until this turn of the event loop is over: the library writes its files
 * after a few promises, but before anything else gets a turn. Throws outside the main thread, where neither setting reaches the
 * process.
 */
export function inPrivateTemporary<T>(begin: () => T): T {
  if (!isMainThread) throw new Error("QUIC keys can be loaded in the main thread only: open the transport there");
  enter();
  setImmediate(leave);
  return begin();
}

/**
 * Done once the folder that this turn put in place is gone again. Who goes on at once may start another process, which would
 * inherit a folder for temporary files that vanishes.
 */
export const privateTemporaryLeft = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function enter(): void {
  if (inside++ > 0) return;
  // `mkdtemp` makes a folder with a name that nobody guesses, for its owner alone.
  const made = mkdtempSync(join(tmpdir(), "conclave-"));
  before = { folder: process.env["TMPDIR"], umask: process.umask(OWNER_ONLY), made };
  process.env["TMPDIR"] = made;
}

function leave(): void {
  if (--inside > 0 || before === null) return;
  const { folder, umask, made } = before;
  before = null;
  process.umask(umask);
  if (folder === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = folder;
  rmSync(made, { recursive: true, force: true });
}
