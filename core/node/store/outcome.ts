/** How a call to the store can end, besides with what was asked for. */

/**
 * The store could not be read or written.
 * - `unavailable`: the database or the file system refused
 * - `locked`: another process holds it
 * - `newer`: it was written by a newer version of this program
 * - `damaged`: it holds what no version of this program writes
 */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly code: "unavailable" | "locked" | "newer" | "damaged";
  constructor(code: StoreUnavailable["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What an insert found: nothing, the very same content, or other content under the same name. */
export type Saved = "saved" | "known" | "conflict";
