/** History names payments and people: nobody but this account may read it, and nobody may put a link in its place. */
import { closeSync, lstatSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { StoreUnavailable } from "@conclave/node";

const GROUP_AND_OTHERS = 0o077;

/** Throws `StoreUnavailable` unless `path` is a real file (or folder) without rights for group and others. */
function checkPrivate(path: string, kind: "file" | "folder"): void {
  const stats = lstatSync(path);
  const refuse = (reason: string): never => {
    throw new StoreUnavailable("unavailable", `${path} ${reason}`);
  };
  if (stats.isSymbolicLink()) refuse("is a symbolic link: give the real path");
  if (kind === "file" ? !stats.isFile() : !stats.isDirectory())
    refuse(`is not a ${kind === "file" ? "regular file" : "folder"}`);
  if ((stats.mode & GROUP_AND_OTHERS) !== 0)
    refuse(`is open to other accounts. Run: chmod ${kind === "file" ? 600 : 700} ${JSON.stringify(path)}`);
}

/** Makes the file (mode 0600) and its folder (0700) where they are missing, and checks both. Never opens a file it finds. */
export function preparePrivateFile(file: string): void {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  checkPrivate(folder, "folder");
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) closeSync(openSync(file, "wx", 0o600));
  checkPrivate(file, "file");
}
