/** Files that hold what only this node's account may read, written whole or not at all. */
import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A file of the node cannot be used as it is. The message says what to do. */
export class FileUnusable extends Error {
  override readonly name = "FileUnusable";
}

/** Durable before it returns: a crash leaves the old file or the new one. Mode 0600, in a folder of mode 0700. */
export function writePrivate(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.new`;
  const descriptor = openSync(draft, "w", 0o600);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** The file's text. Throws `FileUnusable` for a link, or one that other accounts can read or write. */
export function readPrivate(file: string): string {
  checkPrivate(file);
  return readFileSync(file, "utf8");
}

/** Throws `FileUnusable` unless it is a plain file of mode 0600 or less. */
export function checkPrivate(file: string): void {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (stats === undefined) throw new FileUnusable(`${file} is not there`);
  if (!stats.isFile()) throw new FileUnusable(`${file} is not a regular file: give the real one`);
  if ((stats.mode & 0o077) !== 0)
    throw new FileUnusable(`${file} is open to other accounts. Run: chmod 600 ${JSON.stringify(file)}`);
}
