/** The vault's folder: private files, replaced as a whole, removed for good. */
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { VaultError } from "@conclave/custody";
import { readWhole, type Disk } from "./disk.ts";
import { corrupt, unavailable } from "./failures.ts";
import { MAX_FILE_BYTES } from "./record.ts";

const GROUP_AND_OTHERS = 0o077;
const TEMPORARY = ".tmp";

/** A write failed before anything that counts was touched: the old bytes are there, and the next write may succeed. */
export class CleanFailure extends VaultError {
  constructor(message: string, options?: ErrorOptions) {
    super("unavailable", message, options);
  }
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Throws `VaultError` unless `path` is a real file (or folder) without rights for group and others. */
export function checkPrivate(path: string, kind: "file" | "folder"): void {
  const stats = statsOf(path);
  const refuse = (reason: string): never => {
    throw new VaultError("unavailable", `${path} ${reason}`);
  };
  if (stats === undefined) return refuse(`is not there: no ${kind} of this name`);
  if (stats.isSymbolicLink()) refuse("is a symbolic link: give the real path");
  if (kind === "file" ? !stats.isFile() : !stats.isDirectory())
    refuse(`is not a ${kind === "file" ? "regular file" : "folder"}`);
  if ((stats.mode & GROUP_AND_OTHERS) !== 0)
    refuse(`is open to other accounts. Run: chmod ${kind === "file" ? 600 : 700} ${JSON.stringify(path)}`);
}

export class Folder {
  readonly path: string;
  readonly #disk: Disk;

  constructor(path: string, disk: Disk) {
    this.path = path;
    this.#disk = disk;
  }

  /** Makes the folder and those above it, mode 0700, as far as they are missing; durable when it returns. */
  make(): void {
    const first = mkdirSync(this.path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let folder = this.path; folder.length >= first.length; folder = dirname(folder))
      this.#disk.syncFolder(dirname(folder));
  }

  /** True if there is anything of this name, a dangling link included. */
  has(file: string): boolean {
    return statsOf(join(this.path, file)) !== undefined;
  }

  files(): readonly string[] {
    return readdirSync(this.path).filter((file) => !file.endsWith(TEMPORARY));
  }

  /** The file's bytes. Throws `VaultError`: `corrupt` if it is too long to be ours, else `unavailable`. */
  read(file: string): Uint8Array {
    const path = join(this.path, file);
    try {
      checkPrivate(path, "file");
      return readWhole(path, MAX_FILE_BYTES);
    } catch (cause) {
      if (cause instanceof RangeError) throw corrupt(file, cause.message, { cause });
      throw unavailable(`vault file ${path}`, cause);
    }
  }

  /**
   * Puts `bytes` in the place of `file`, durably: after a crash it holds the old bytes or these. Throws `CleanFailure` if
   * nothing happened; any other error leaves open which of the two are on disk.
   */
  write(file: string, bytes: Uint8Array): void {
    const temporary = this.#temporary(file);
    const descriptor = this.#writeTemporary(temporary, bytes);
    try {
      this.#disk.sync(descriptor);
    } finally {
      this.#disk.close(descriptor);
    }
    this.#disk.rename(temporary, join(this.path, file));
    this.#disk.syncFolder(this.path);
  }

  #writeTemporary(path: string, bytes: Uint8Array): number {
    let descriptor: number | undefined;
    try {
      descriptor = this.#disk.create(path);
      this.#disk.write(descriptor, bytes);
      return descriptor;
    } catch (cause) {
      this.#discard(path, descriptor);
      throw new CleanFailure(`vault ${this.path}: ${cause instanceof Error ? cause.message : "cannot write"}`, {
        cause,
      });
    }
  }

  /** Takes a half-written file away. If even that fails, the next opening of the vault does it. */
  #discard(path: string, descriptor: number | undefined): void {
    try {
      if (descriptor === undefined) return;
      this.#disk.close(descriptor);
      this.#disk.unlink(path);
    } catch {
      // The failure that led here is the one to report.
    }
  }

  /** Removes a file for good: first its name, then its bytes as far as the file system lets us reach them. */
  remove(file: string): void {
    if (!this.has(file)) return;
    const temporary = this.#temporary(file);
    this.#disk.rename(join(this.path, file), temporary);
    this.#disk.syncFolder(this.path);
    this.#shred(temporary);
  }

  /** Finishes what a crash interrupted: files that were being written or removed. */
  removeTemporaries(): void {
    for (const file of readdirSync(this.path).filter((name) => name.endsWith(TEMPORARY))) {
      const path = join(this.path, file);
      checkPrivate(path, "file");
      this.#shred(path);
    }
  }

  #shred(path: string): void {
    const size = statsOf(path)?.size ?? 0;
    const descriptor = this.#disk.reopen(path);
    try {
      this.#disk.write(descriptor, randomBytes(Math.min(size, MAX_FILE_BYTES)));
      this.#disk.sync(descriptor);
    } finally {
      this.#disk.close(descriptor);
    }
    this.#disk.unlink(path);
    this.#disk.syncFolder(this.path);
  }

  #temporary(file: string): string {
    return join(this.path, `${file}.${randomBytes(4).toString("hex")}${TEMPORARY}`);
  }
}
