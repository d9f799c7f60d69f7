/** Disks that kill the process at a chosen write: before the bytes are on disk, or just after. */
import { VaultError, type Journal, type Vault } from "../ports.ts";

/** The process died: no answer, no error handling, nothing after it. */
export class Killed extends Error {
  override readonly name = "Killed";
}

export interface Crash {
  /** Which write from now on, counted over journal and vault together; 1 is the next one. */
  readonly at: number;
  /** Whether that write is on disk afterwards. */
  readonly stored: boolean;
}

/** What is to become of a process's writes. */
export interface WritePlan {
  count: number;
  crash: Crash | null;
  /** The vault's next write throws `VaultError`. */
  failVault: boolean;
}

/** Counts the writes of both disks and dies as planned. */
export function crashable(
  journal: Journal,
  vault: Vault,
  writes: WritePlan,
): { readonly journal: Journal; readonly vault: Vault } {
  const write = <T>(store: () => T): T => {
    writes.count += 1;
    const dies = writes.crash?.at === writes.count;
    if (dies && !writes.crash!.stored) throw new Killed("killed before a write");
    const result = store();
    if (dies) throw new Killed("killed after a write");
    return result;
  };
  return {
    journal: {
      read: () => journal.read(),
      append: (records) => write(() => journal.append(records)),
      close: () => journal.close(),
    },
    vault: {
      list: (prefix) => vault.list(prefix),
      get: (name) => vault.get(name),
      put(name, secret, options) {
        if (writes.failVault) {
          writes.failVault = false;
          throw new VaultError("unavailable", "the disk is full");
        }
        write(() => vault.put(name, secret, options));
      },
      erase: (name) => write(() => vault.erase(name)),
      close: () => vault.close(),
    },
  };
}
