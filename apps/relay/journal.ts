/**
 * The messages of a relay on disk, so that they outlive it. A message is written before it is handed out or confirmed: what a
 * killed process leaves is complete. The file is synced once a second: a loss of power may take the last second. A disk that
 * does not take it is no reason to stop passing messages: the relay says so and tries again.
 */
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Mailroom } from "@conclave/relay";
import type { Logger } from "pino";
import { lockFile } from "./file-lock.ts";
import { WrongUsage } from "./options.ts";
import { FIRST_LINE, forgetRecord, keepRecord, readRecords, RECORD_OVERHEAD_BYTES } from "./records.ts";

/** Written anew when it has grown to twice what is kept, and by this much more. */
const SLACK_BYTES = 8 << 20;
/** After a failure the whole is written anew, so often. */
const RETRY_MS = 10_000;
/** Records are written in pieces of about this size when the file is written anew. */
const PIECE_BYTES = 1 << 20;
const OWNER_ONLY = 0o600;

export interface JournalParts {
  readonly log: Logger;
  readonly failed: () => void;
  readonly retryMs?: number;
  readonly slackBytes?: number;
}

export class Journal {
  readonly #file: string;
  readonly #parts: JournalParts;
  readonly #unlock: () => void;
  #fd: number;
  #size: number;
  #dirty = false;
  #syncing = false;
  #trouble: string | null = null;
  #triedMs = 0;

  /** Opens or makes the file. Throws `InUse` if another relay has it, `WrongUsage` if it cannot be had or is no journal. */
  constructor(file: string, parts: JournalParts) {
    this.#file = file;
    this.#parts = parts;
    this.#fd = namingFile(file, () => openJournal(file));
    try {
      this.#unlock = lockFile(file);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
    this.#size = fstatSync(this.#fd).size;
  }

  /** Why messages are not being written; null if they are. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Puts back what was kept and has time left; cuts off what a crash tore. */
  load(mailroom: Mailroom, nowMs: number): void {
    const kept = new Map<string, { readonly message: Uint8Array; readonly untilSecond: number }>();
    let end = FIRST_LINE.length;
    for (const { record, end: behind } of readRecords(this.#fd, end)) {
      end = behind;
      if (record.kind === "forget") kept.delete(record.signature);
      else if (record.untilSecond * 1_000 > nowMs) kept.set(record.signature, record);
    }
    let restored = 0;
    for (const { message, untilSecond } of kept.values()) {
      if (mailroom.restore(message, untilSecond, nowMs)) restored += 1;
    }
    const torn = this.#size - end;
    if (torn > 0) this.#parts.log.warn({ bytes: torn }, "the end of the journal is torn and was cut off");
    ftruncateSync(this.#fd, end);
    this.#size = end;
    this.#parts.log.info({ messages: restored, dropped: kept.size - restored }, "messages restored");
    this.tidy(mailroom);
  }

  keep(message: Uint8Array, untilSecond: number): void {
    this.#append(keepRecord(message, untilSecond));
  }

  /** `signature` in hexadecimal. */
  forget(signature: string): void {
    this.#append(forgetRecord(signature));
  }

  /** To be called every second: syncs, and writes the file anew if most of it is dead or a write failed. */
  tidy(mailroom: Mailroom): void {
    const { bytes, messages } = mailroom.stats;
    const live = bytes + messages * RECORD_OVERHEAD_BYTES;
    const { retryMs = RETRY_MS, slackBytes = SLACK_BYTES } = this.#parts;
    const retry = this.#trouble !== null && performance.now() - this.#triedMs >= retryMs;
    if (retry || (this.#trouble === null && this.#size > 2 * live + slackBytes)) this.#rewrite(mailroom);
    if (!this.#dirty || this.#syncing) return;
    this.#dirty = false;
    this.#syncing = true;
    fsync(this.#fd, (error) => {
      this.#syncing = false;
      // Closed under it, because the file was written anew and synced.
      if (error !== null && error.code !== "EBADF") this.#fail(error);
    });
  }

  close(): void {
    try {
      fsyncSync(this.#fd);
    } catch (error) {
      this.#fail(error);
    }
    closeSync(this.#fd);
    this.#unlock();
  }

  #append(record: Buffer): void {
    if (this.#trouble !== null) return;
    try {
      const written = writeSync(this.#fd, record, 0, record.length, this.#size);
      if (written !== record.length) throw new Error("the disk took only a part of a record");
      this.#size += record.length;
      this.#dirty = true;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The new file takes the old one's place only when it is complete and synced. */
  #rewrite(mailroom: Mailroom): void {
    this.#triedMs = performance.now();
    const path = `${this.#file}.new`;
    let fd: number | null = null;
    try {
      rmSync(path, { force: true });
      fd = openSync(path, "wx+", OWNER_ONLY);
      const size = writeAll(fd, mailroom);
      fsyncSync(fd);
      renameSync(path, this.#file);
      syncFolder(dirname(this.#file));
      const old = this.#fd;
      [this.#fd, this.#size, this.#dirty, this.#trouble] = [fd, size, false, null];
      closeSync(old);
      this.#parts.log.debug({ bytes: size }, "journal written anew");
    } catch (error) {
      if (fd !== null && fd !== this.#fd) closeSync(fd);
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#trouble = `Messages are not written to disk and will not outlive the relay: ${reason}. Make room or mend the disk.`;
    this.#triedMs = performance.now();
    this.#parts.failed();
    this.#parts.log.error({ error: reason }, "the journal cannot be written");
  }
}

function openJournal(file: string): number {
  const fd = openSync(file, "a+", OWNER_ONLY);
  closeSync(fd);
  const own = openSync(file, "r+");
  try {
    fchmodSync(own, OWNER_ONLY);
    const head = Buffer.alloc(FIRST_LINE.length);
    const length = readSync(own, head, 0, head.length, 0);
    // A crash while the file was made may have left a part of the first line.
    if (!FIRST_LINE.subarray(0, length).equals(head.subarray(0, length))) {
      throw new WrongUsage(`${file} is no journal of a relay and is left alone: choose another file with --persist`);
    }
    if (length < FIRST_LINE.length) writeSync(own, FIRST_LINE, 0, FIRST_LINE.length, 0);
    return own;
  } catch (error) {
    closeSync(own);
    throw error;
  }
}

/** Returns how many bytes it wrote. */
function writeAll(fd: number, mailroom: Mailroom): number {
  let pieces: Buffer[] = [FIRST_LINE];
  let pending = FIRST_LINE.length;
  let size = 0;
  const flush = (): void => {
    const piece = Buffer.concat(pieces);
    if (writeSync(fd, piece, 0, piece.length, size) !== piece.length) throw new Error("the disk took only a part");
    size += piece.length;
    [pieces, pending] = [[], 0];
  };
  for (const { bytes, untilSecond } of mailroom.kept()) {
    const record = keepRecord(bytes, untilSecond);
    pieces.push(record);
    pending += record.length;
    if (pending >= PIECE_BYTES) flush();
  }
  flush();
  return size;
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What keeps a file from being opened is said with its name. */
function namingFile<T>(file: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    const known =
      cause instanceof Error &&
      "code" in cause &&
      ["ENOENT", "ENOTDIR", "EISDIR", "EACCES", "EROFS", "EPERM"].includes(String(cause.code));
    if (!known) throw cause;
    throw new WrongUsage(`${file} cannot be opened (${cause.message}): choose another file with --persist`, { cause });
  }
}
