/** The vault's in-memory twin, on a simulated disk that outlives the process that wrote it. */
import { assert } from "@conclave/bytes";
import { VaultError, type Vault } from "../ports.ts";

/** What a vault's disk holds. Passing it to `memoryVault` again models a restart of the process. */
export interface VaultDisk {
  records: ReadonlyMap<string, Uint8Array>;
  /** The handle that opened this disk last. Earlier ones belong to a process that is dead. */
  holder: symbol;
}

/** A vault whose disk can be copied, rolled back and made to fail. */
export interface MemoryVault extends Vault {
  readonly disk: VaultDisk;
  /** What is on disk now; later changes do not touch it. */
  snapshot(): ReadonlyMap<string, Uint8Array>;
  /** Puts an earlier snapshot back, as restoring a backup does. */
  restore(snapshot: ReadonlyMap<string, Uint8Array>): void;
  /** The next `put`, `get` or `erase` throws `VaultError` "unavailable" with this cause and changes nothing. */
  failNext(cause: Error): void;
}

const NAME = /^[a-z0-9-]+(?:\/[a-z0-9-]+){0,3}$/;

export function memoryVault(disk: VaultDisk = { records: new Map(), holder: Symbol("nobody") }): MemoryVault {
  const self = Symbol("vault handle");
  disk.holder = self;
  let closed = false;
  let pending: Error | undefined;

  const checkUsable = (): void => {
    if (closed) throw new VaultError("unavailable", "the vault is closed");
    if (disk.holder !== self) throw new VaultError("unavailable", "the vault was opened again by another process");
  };
  const enter = (name: string): void => {
    assert(NAME.test(name), `not a vault name: ${JSON.stringify(name)}`);
    checkUsable();
    if (pending === undefined) return;
    const cause = pending;
    pending = undefined;
    throw new VaultError("unavailable", `record ${name}: the disk refused`, { cause });
  };
  const change = (edit: (records: Map<string, Uint8Array>) => void): void => {
    const records = new Map(disk.records);
    edit(records);
    disk.records = records;
  };

  return {
    disk,
    list(prefix) {
      checkUsable();
      return [...disk.records.keys()].filter((name) => name.startsWith(prefix)).sort();
    },
    put(name, secret, { replace = false } = {}) {
      enter(name);
      if (!replace && disk.records.has(name))
        throw new VaultError("exists", `record ${name} exists and is not to be replaced`);
      change((records) => records.set(name, Uint8Array.from(secret)));
    },
    get(name) {
      enter(name);
      const secret = disk.records.get(name);
      if (secret === undefined) throw new VaultError("unknown", `no record ${name} in this vault`);
      return Uint8Array.from(secret);
    },
    erase(name) {
      enter(name);
      change((records) => records.delete(name));
    },
    close() {
      closed = true;
    },
    snapshot: () => disk.records,
    restore(snapshot) {
      disk.records = snapshot;
    },
    failNext(cause) {
      pending = cause;
    },
  };
}
