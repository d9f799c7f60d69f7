import { VaultError } from "@conclave/custody";

/** Bytes of a file are not what was written. */
export const corrupt = (file: string, reason: string, options?: ErrorOptions): VaultError =>
  new VaultError(
    "corrupt",
    `vault file ${file} is damaged: ${reason}. Restore this file from a backup of the same epoch, or let the node rejoin`,
    options,
  );

/** An error of the file system or of SQLite, as `VaultError`. Our own mistakes pass through as they are. */
export function unavailable(what: string, cause: unknown): unknown {
  if (cause instanceof VaultError || !(cause instanceof Error) || !("code" in cause)) return cause;
  return new VaultError("unavailable", `${what}: ${cause.message}`, { cause });
}
