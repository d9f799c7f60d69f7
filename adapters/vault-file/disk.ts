/** The steps of the file system that decide about durability, one by one, so that a test can stop between any two. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";

export interface Disk {
  /** A new file for writing, mode 0600. Fails if there is anything of that name. */
  readonly create: (path: string) => number;
  /** A file that is there, for overwriting in place. */
  readonly reopen: (path: string) => number;
  /** Writes all bytes from the start of the file. */
  readonly write: (descriptor: number, bytes: Uint8Array) => void;
  readonly sync: (descriptor: number) => void;
  readonly close: (descriptor: number) => void;
  readonly rename: (from: string, to: string) => void;
  readonly unlink: (path: string) => void;
  /** Makes the folder's entries durable: creations, renames, removals. */
  readonly syncFolder: (path: string) => void;
}

/** Links are never followed: O_NOFOLLOW fails with ELOOP. */
export const nodeDisk: Disk = {
  create: (path) =>
    openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600),
  reopen: (path) => openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW),
  write: (descriptor, bytes) => {
    for (let written = 0; written < bytes.length;)
      written += writeSync(descriptor, bytes, written, bytes.length - written, written);
  },
  sync: fsyncSync,
  close: closeSync,
  rename: renameSync,
  unlink: unlinkSync,
  syncFolder: (path) => {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },
};

/** A whole file, without following links. Throws `RangeError` beyond `maxBytes`. */
export function readWhole(path: string, maxBytes: number): Uint8Array {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = fstatSync(descriptor);
    if (size > maxBytes) throw new RangeError(`${size} bytes where at most ${maxBytes} are expected`);
    const bytes = new Uint8Array(size);
    let read = 0;
    while (read < size) {
      const count = readSync(descriptor, bytes, read, size - read, read);
      if (count === 0) break;
      read += count;
    }
    return bytes.subarray(0, read);
  } finally {
    closeSync(descriptor);
  }
}
