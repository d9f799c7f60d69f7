/**
 * Where a party keeps what must outlive its process: identity, shares, what other parties certified, pairwise state. Secret
 * throughout; a vault is one. Synchronous, because a share has to be on disk before the bytes that promise it exist.
 */
export interface PartyStore {
  /** Names under a prefix (`share/`), sorted. */
  list(prefix: string): readonly string[];
  /** Durable and atomic: after a crash the record holds the old bytes or the new ones. Never overwrites unless `replace`. */
  put(name: string, secret: Uint8Array, options?: { readonly replace?: boolean }): void;
  /** A fresh copy, which the caller may wipe. Throws for a name that is not there. */
  get(name: string): Uint8Array;
  /** Durably gone. Unknown names are fine. */
  erase(name: string): void;
}
