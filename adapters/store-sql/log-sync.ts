/** Brings SQLite's write-ahead log to the disk, off the thread that writes it. */
import { close, fdatasync, open } from "node:fs";
import { promisify } from "node:util";

const [openFile, syncFile, closeFile] = [promisify(open), promisify(fdatasync), promisify(close)];

/** A signature is dozens of writes: one sync for all of them costs the disk, and who shares it, less. */
const SOON_MS = 50;

/**
 * One sync at a time: whoever asks while one is under way waits for the next, together with everybody else who asked meanwhile.
 * SQLite takes its locks on the database and not on the log, so that opening and closing the log drops none of them.
 */
export class LogSync {
  readonly #file: string;
  /** How many changes were made so far. */
  readonly #changes: () => number;
  #descriptor: Promise<number> | null = null;
  #running: Promise<void> | null = null;
  #later: NodeJS.Timeout | null = null;
  /** Changes that are on the disk for certain. */
  #synced = 0;
  /** After a disk said that it could not, nobody knows what it kept: it is not asked again. */
  #failure: { readonly error: unknown } | null = null;

  constructor(file: string, changes: () => number) {
    this.#file = file;
    this.#changes = changes;
  }

  /** Resolves once every change made before this call survives a power cut. Rejects for ever after a sync that failed. */
  async now(): Promise<void> {
    const wanted = this.#changes();
    while (this.#synced < wanted) {
      if (this.#failure !== null) throw this.#failure.error;
      this.#running ??= this.#sync(this.#changes());
      await this.#running;
    }
  }

  /** The same a moment from now, with whatever is written until then. Nobody waits for it: who has to, asks `now`. */
  soon(): void {
    this.#later ??= setTimeout(() => {
      this.#later = null;
      this.now().catch(() => {});
    }, SOON_MS).unref();
  }

  /** After the last sync. The database may be closed before. */
  async close(): Promise<void> {
    if (this.#later !== null) clearTimeout(this.#later);
    await this.#running;
    if (this.#descriptor !== null) await closeFile(await this.#descriptor);
  }

  async #sync(changes: number): Promise<void> {
    try {
      this.#descriptor ??= openFile(this.#file, "r+");
      await syncFile(await this.#descriptor);
      this.#synced = changes;
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#running = null;
    }
  }
}
