/** The journal belongs to one account: nobody else may read it, and nobody may put a link in its place. */
import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { JournalUnavailable } from "@conclave/custody";

const GROUP_AND_OTHERS = 0o077;

/** Throws `JournalUnavailable` unless `path` is a real file (or folder) without rights for group and others. */
function checkPrivate(path: string, kind: "file" | "folder"): void {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) throw new JournalUnavailable(`${path} is a symbolic link: give the real path`);
  if (kind === "file" ? !stats.isFile() : !stats.isDirectory())
    throw new JournalUnavailable(`${path} is not a ${kind === "file" ? "regular file" : "folder"}`);
  if ((stats.mode & GROUP_AND_OTHERS) !== 0)
    throw new JournalUnavailable(
      `${path} is open to other accounts. Run: chmod ${kind === "file" ? 600 : 700} ${JSON.stringify(path)}`,
    );
}

/** True if there is anything at `path`, a dangling link included. */
export const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** Makes the journal's folder (mode 0700) and those above it as far as they are missing, durably, and checks it. */
export function preparePrivateFolder(file: string): void {
  const folder = dirname(file);
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first !== undefined)
    for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
  checkPrivate(folder, "folder");
}

/** Makes the entries of a folder durable: what was created in it, renamed or removed. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Checks the journal and the write-ahead log that SQLite keeps beside it. */
export function checkPrivateFile(file: string): void {
  checkPrivate(file, "file");
  if (exists(`${file}-wal`)) checkPrivate(`${file}-wal`, "file");
}
