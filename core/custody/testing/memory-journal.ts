/** The journal's in-memory twin, on a simulated disk that outlives the process that wrote it. */
import { JournalUnavailable, type Journal, type JournalRecord } from "../ports.ts";

/** What a journal's disk holds. Passing it to `memoryJournal` again models a restart of the process. */
export interface JournalDisk {
  records: readonly Uint8Array[];
  /** The handle that opened this disk last. Earlier ones belong to a process that is dead. */
  holder: symbol;
}

/** A journal whose disk can be copied, rolled back and made to fail. */
export interface MemoryJournal extends Journal {
  readonly disk: JournalDisk;
  /** What is on disk now; later appends do not change it. */
  snapshot(): readonly Uint8Array[];
  /** Puts an earlier snapshot back, as restoring a backup does. Reopen the disk afterwards, as a real node would. */
  restore(snapshot: readonly Uint8Array[]): void;
  /**
   * The next append throws and seals this handle. `stored` decides whether its records are on disk after a restart:
   * a failed fsync promises neither.
   */
  failNext(cause: Error, options?: { readonly stored?: boolean }): void;
}

export function memoryJournal(disk: JournalDisk = { records: [], holder: Symbol("nobody") }): MemoryJournal {
  const self = Symbol("journal handle");
  disk.holder = self;
  let closed = false;
  let sealedBy: Error | undefined;
  let pending: { readonly cause: Error; readonly stored: boolean } | undefined;

  const checkUsable = (): void => {
    if (sealedBy !== undefined)
      throw new JournalUnavailable("sealed after a failed append: restart the node", { cause: sealedBy });
    if (closed) throw new JournalUnavailable("the journal is closed");
    if (disk.holder !== self) throw new JournalUnavailable("the journal was opened again by another process");
  };
  const store = (records: readonly Uint8Array[]): void => {
    disk.records = [...disk.records, ...records.map((record) => Uint8Array.from(record))];
  };

  return {
    disk,
    read() {
      checkUsable();
      return numbered(disk.records);
    },
    append(records) {
      checkUsable();
      if (pending !== undefined) {
        sealedBy = pending.cause;
        if (pending.stored) store(records);
        throw new JournalUnavailable("append failed", { cause: pending.cause });
      }
      store(records);
      return disk.records.length;
    },
    close() {
      closed = true;
    },
    snapshot: () => disk.records,
    restore(snapshot) {
      disk.records = snapshot;
    },
    failNext(cause, { stored = false } = {}) {
      pending = { cause, stored };
    },
  };
}

function* numbered(records: readonly Uint8Array[]): Generator<JournalRecord> {
  for (const [i, record] of records.entries()) yield { position: i + 1, record: Uint8Array.from(record) };
}
