import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Everything a chain needs to go on after a restart. Blocks and transactions as hex; the first block is not stored. */
export interface Snapshot {
  readonly blocks: readonly string[];
  readonly mempool: readonly string[];
  readonly extraNonce: number;
}

/** A chain file that cannot be used: torn, changed, or something else altogether. */
export class SnapshotCorrupt extends Error {
  override readonly name = "SnapshotCorrupt";
  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file}: ${reason}. Restore it from a copy, or move it away to start a new regtest chain.`, options);
  }
}

/** Broadcasts are written together: a mempool, unlike a block, may be lost in a crash. */
const SAVE_DELAY_MS = 100;

/** The file of one chain, or none: then nothing is ever written. */
export class ChainFile {
  readonly #file: string | undefined;
  readonly #take: () => Snapshot;
  #pending: NodeJS.Timeout | undefined;

  constructor(file: string | undefined, take: () => Snapshot) {
    this.#file = file;
    this.#take = take;
  }

  /** Null if there is no file yet. Throws `SnapshotCorrupt`. */
  read(): Snapshot | null {
    return this.#file === undefined ? null : readSnapshot(this.#file);
  }

  save(): void {
    clearTimeout(this.#pending);
    this.#pending = undefined;
    if (this.#file !== undefined) writeSnapshot(this.#file, this.#take());
  }

  /** Saves within moments, together with what else changes until then. */
  saveSoon(): void {
    if (this.#file === undefined) return;
    this.#pending ??= setTimeout(() => this.save(), SAVE_DELAY_MS);
  }

  /** Saves now what `saveSoon` put off. */
  flush(): void {
    if (this.#pending !== undefined) this.save();
  }

  /** The file is whole, but no chain: `cause` says why. */
  corrupt(cause: Error): SnapshotCorrupt {
    return new SnapshotCorrupt(this.#file ?? "", cause.message, { cause });
  }
}

const HEADING = "conclave regtest chain, version 1, sha256 ";

/**
 * Writes a snapshot so that after a crash the file holds either the old or the new one whole: a file beside it, synced,
 * renamed over it, and the folder synced so that the rename lasts.
 */
export function writeSnapshot(file: string, snapshot: Snapshot): void {
  const body = JSON.stringify(snapshot);
  const temporary = `${file}.new`;
  const handle = openSync(temporary, "w", 0o600);
  try {
    writeAll(handle, Buffer.from(`${HEADING}${digest(body)}\n${body}\n`));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function writeAll(handle: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(handle, bytes, written);
}

/** Reads what `writeSnapshot` wrote; null if there is no file yet. Throws `SnapshotCorrupt` on anything else. */
export function readSnapshot(file: string): Snapshot | null {
  const text = readText(file);
  if (text === null) return null;
  const end = text.indexOf("\n");
  if (!text.startsWith(HEADING) || end < 0) throw new SnapshotCorrupt(file, "this is not a regtest chain of ours");
  const body = text.slice(end + 1, -1);
  if (text.at(-1) !== "\n" || digest(body) !== text.slice(HEADING.length, end)) {
    throw new SnapshotCorrupt(file, "the checksum does not match; the file is torn or was changed");
  }
  return parse(file, body);
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw cause;
  }
}

function parse(file: string, body: string): Snapshot {
  const value = JSON.parse(body) as Partial<Snapshot> | null;
  const { blocks, mempool, extraNonce } = value ?? {};
  if (!isHexList(blocks) || !isHexList(mempool) || !Number.isSafeInteger(extraNonce)) {
    throw new SnapshotCorrupt(file, "blocks, mempool or extraNonce is missing");
  }
  return { blocks, mempool, extraNonce: extraNonce! };
}

const isHexList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string" && /^(?:[0-9a-f]{2})+$/.test(item));

const digest = (body: string): string => createHash("sha256").update(body).digest("hex");
