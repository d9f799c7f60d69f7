/**
 * What custody needs from the machine: a journal for promises and a vault for secrets. Both are synchronous, because a
 * promise has to be on disk before the bytes that depend on it exist; custody runs in a worker of its own.
 */

/** Could not be read or written. Custody stops at once: after one failed fsync the page cache is not to be trusted. */
export class JournalUnavailable extends Error {
  override readonly name = "JournalUnavailable";
}

/** One promise of this node, at its position. */
export interface JournalRecord {
  /** 1, 2, 3, … without gaps: the node's generation counter. */
  readonly position: number;
  readonly record: Uint8Array;
}

/** Append-only list of this node's promises: locks, own votes, spent marks, certificates, bans. Holds no secrets. */
export interface Journal {
  /** Every record, in order. Throws `JournalUnavailable` if any is missing or damaged. */
  read(): Iterable<JournalRecord>;
  /** All or none, durable (fsynced) when it returns. Returns the last position. Throws `JournalUnavailable`. */
  append(records: readonly Uint8Array[]): number;
  close(): void;
}

export class VaultError extends Error {
  override readonly name = "VaultError";
  /**
   * - `wrong-password`: the header is intact but the password does not open it
   * - `corrupt`: bytes were changed, cut or swapped
   * - `unavailable`: the file system refused
   * - `unknown`: no such record
   * - `exists`: there is a record of that name, and `replace` was not given
   * - `locked`: another process holds the vault
   */
  readonly code: "wrong-password" | "corrupt" | "unavailable" | "unknown" | "exists" | "locked";
  constructor(code: VaultError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Where secrets rest, encrypted: identity seeds and key shares. A name is a path of up to four parts of [a-z0-9-], such as
 * `identity` or `share/<key>/<certificate>`; it is bound to the ciphertext, so that records cannot be swapped.
 */
export interface Vault {
  /** Names under a prefix (`share/`), sorted. */
  list(prefix: string): readonly string[];
  /** Durable and atomic: after a crash the record holds the old bytes or the new ones. Never overwrites unless `replace`. */
  put(name: string, secret: Uint8Array, options?: { readonly replace?: boolean }): void;
  /** A fresh copy: the caller wipes it. Throws `VaultError`. */
  get(name: string): Uint8Array;
  /** Durably gone, overwritten first as far as the file system allows. Unknown names are fine. */
  erase(name: string): void;
  close(): void;
}
