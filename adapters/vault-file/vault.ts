/**
 * A vault in a folder. `vault.header` holds the vault's keys under the password, each record is a file of its own, and
 * nothing is ever changed in place: a file is replaced as a whole or not at all.
 *
 * What it cannot notice by itself is that a file was replaced by its own earlier version; epochs and the journal do.
 */
import { resolve } from "node:path";
import { VaultError, type Vault } from "@conclave/custody";
import { nodeDisk, type Disk } from "./disk.ts";
import { corrupt, unavailable } from "./failures.ts";
import { checkPrivate, CleanFailure, Folder } from "./folder.ts";
import {
  newPasswordKey,
  newVaultKey,
  openHeader,
  sealHeader,
  type KeyRing,
  type PasswordKey,
  type VaultKey,
} from "./header.ts";
import { DEFAULT_KDF, deriveKey, type KdfStrength, type KeyDerivation } from "./kdf.ts";
import { acquireLock, type VaultLock } from "./lock.ts";
import { checkName, fileOf, nameOf, openRecord, sealRecord } from "./record.ts";

const HEADER_FILE = "vault.header";

export interface VaultOptions {
  /** The vault's folder; only this account may enter it. */
  readonly dir: string;
  readonly password: string;
}

/** What a vault needs of the machine. Tests give their own, to stop between two steps or to spare the derivation's time. */
export interface Machine {
  readonly disk: Disk;
  readonly derive: KeyDerivation;
}

const NODE: Machine = { disk: nodeDisk, derive: deriveKey };

/**
 * Makes an empty vault and opens it. `kdf` makes guessing the password dearer than the default of about 100 ms.
 * Throws `VaultError` "exists" if there is a vault, `RangeError` on an empty password or a weak `kdf`.
 */
export function createVault(options: VaultOptions & { readonly kdf?: KdfStrength }, machine: Machine = NODE): Vault {
  const folder = new Folder(resolve(options.dir), machine.disk);
  return guarded(folder, () => {
    folder.make();
    return locked(folder, (lock) => {
      if (folder.has(HEADER_FILE))
        throw new VaultError("exists", `there is a vault in ${folder.path}: open it, or choose another folder`);
      // Records without a header would be taken for damaged ones of the new vault.
      if (folder.files().some((file) => nameOf(file) !== undefined))
        throw corrupt(HEADER_FILE, `${folder.path} holds records, but the header is gone`);
      const passwordKey = newPasswordKey(machine.derive, options.password, options.kdf ?? DEFAULT_KDF);
      const ring: KeyRing = [newVaultKey()];
      folder.write(HEADER_FILE, sealHeader(passwordKey, ring));
      return new FileVault(folder, lock, passwordKey, ring);
    });
  });
}

/** Opens a vault. The strength of its key derivation is the header's. Throws `VaultError`. */
export function openVault(options: VaultOptions, machine: Machine = NODE): Vault {
  return openFileVault(options, machine);
}

/**
 * Gives a vault another password, and every record another key, so that an old copy of the header with the old password
 * opens nothing that is written from now on. Until the new header is in place the old password opens the vault, from then
 * on the new one; what is left to re-encrypt after a crash is done at the next opening. The vault must not be open.
 * Throws `VaultError`; `RangeError` on an empty password or a weak `kdf`.
 */
export function changePassword(
  {
    dir,
    from,
    to,
    kdf,
  }: { readonly dir: string; readonly from: string; readonly to: string; readonly kdf?: KdfStrength },
  machine: Machine = NODE,
): void {
  const vault = openFileVault({ dir, password: from }, machine);
  try {
    vault.rekey((strength) => newPasswordKey(machine.derive, to, kdf ?? strength));
  } finally {
    vault.close();
  }
}

function openFileVault({ dir, password }: VaultOptions, { disk, derive }: Machine): FileVault {
  const folder = new Folder(resolve(dir), disk);
  return guarded(folder, () => {
    checkPrivate(folder.path, "folder");
    if (!folder.has(HEADER_FILE))
      throw new VaultError("unavailable", `there is no vault in ${folder.path}: ${HEADER_FILE} is missing`);
    return locked(folder, (lock) => {
      const { passwordKey, ring } = openHeader(derive, HEADER_FILE, folder.read(HEADER_FILE), password);
      const vault = new FileVault(folder, lock, passwordKey, ring);
      vault.finishRekeying();
      return vault;
    });
  });
}

/** Runs `open` under the vault's lock, on a folder that is private and free of half-done work. */
function locked(folder: Folder, open: (lock: VaultLock) => FileVault): FileVault {
  checkPrivate(folder.path, "folder");
  const lock = acquireLock(folder.path);
  try {
    for (const file of folder.files())
      if (file === HEADER_FILE || nameOf(file) !== undefined) checkPrivate(`${folder.path}/${file}`, "file");
    folder.removeTemporaries();
    return open(lock);
  } catch (cause) {
    lock.release();
    throw cause;
  }
}

function guarded<T>(folder: Folder, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw unavailable(`vault ${folder.path}`, cause);
  }
}

class FileVault implements Vault {
  readonly #folder: Folder;
  readonly #lock: VaultLock;
  #passwordKey: PasswordKey;
  #ring: KeyRing;
  #state: "open" | "sealed" | "closed" = "open";

  constructor(folder: Folder, lock: VaultLock, passwordKey: PasswordKey, ring: KeyRing) {
    this.#folder = folder;
    this.#lock = lock;
    this.#passwordKey = passwordKey;
    this.#ring = ring;
  }

  list(prefix: string): readonly string[] {
    this.#checkOpen();
    return guarded(this.#folder, () => this.#names().filter((name) => name.startsWith(prefix)));
  }

  put(name: string, secret: Uint8Array, { replace = false }: { readonly replace?: boolean } = {}): void {
    checkName(name);
    this.#checkOpen();
    const file = fileOf(name);
    if (!replace && this.#folder.has(file))
      throw new VaultError("exists", `record ${name} exists in vault ${this.#folder.path} and is not to be replaced`);
    this.#write(file, sealRecord(this.#ring[0], name, secret));
  }

  get(name: string): Uint8Array {
    checkName(name);
    this.#checkOpen();
    const file = fileOf(name);
    if (!this.#folder.has(file)) throw new VaultError("unknown", `no record ${name} in vault ${this.#folder.path}`);
    return openRecord(this.#ring, name, this.#folder.read(file)).secret;
  }

  erase(name: string): void {
    checkName(name);
    this.#checkOpen();
    this.#change(() => this.#folder.remove(fileOf(name)));
  }

  /** Wipes the keys and lets the vault go. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#passwordKey.key.fill(0);
    for (const { key } of this.#ring) key.fill(0);
    guarded(this.#folder, () => this.#lock.release());
  }

  /** Puts a new vault key under a new password, then moves the records to it. */
  rekey(makeKey: (strength: KdfStrength) => PasswordKey): void {
    const [current, previous] = this.#ring;
    if (previous !== undefined)
      throw corrupt(this.#unreadable(), "it still needs the key before the current one, so the password cannot change");
    const passwordKey = makeKey(this.#passwordKey.strength);
    const ring: KeyRing = [newVaultKey(), current];
    this.#write(HEADER_FILE, sealHeader(passwordKey, ring));
    this.#passwordKey.key.fill(0);
    this.#passwordKey = passwordKey;
    this.#ring = ring;
    this.finishRekeying();
  }

  /** Re-encrypts what an earlier key encrypted, then forgets that key; keeps it while a record cannot be read. */
  finishRekeying(): void {
    const [current, previous] = this.#ring;
    if (previous === undefined) return;
    const left = this.#names().filter((name) => !this.#moveTo(current, name));
    if (left.length > 0) return;
    this.#write(HEADER_FILE, sealHeader(this.#passwordKey, [current]));
    previous.key.fill(0);
    this.#ring = [current];
  }

  /** The first record that no key opens. */
  #unreadable(): string {
    const name = this.#names().find((name) => !this.#moveTo(this.#ring[0], name));
    return name === undefined ? HEADER_FILE : fileOf(name);
  }

  /** False if the record is damaged: it is left for an operator to look at. */
  #moveTo(current: VaultKey, name: string): boolean {
    try {
      const { secret, keyId } = openRecord(this.#ring, name, this.#folder.read(fileOf(name)));
      if (keyId !== current.id) this.#write(fileOf(name), sealRecord(current, name, secret));
      secret.fill(0);
      return true;
    } catch (cause) {
      if (cause instanceof VaultError && cause.code === "corrupt") return false;
      throw cause;
    }
  }

  #names(): readonly string[] {
    return this.#folder
      .files()
      .map(nameOf)
      .filter((name) => name !== undefined)
      .sort();
  }

  #write(file: string, bytes: Uint8Array): void {
    this.#change(() => this.#folder.write(file, bytes));
  }

  /** After a failed sync or rename nobody knows what is on disk, so nothing is read or written any more. */
  #change(step: () => void): void {
    try {
      step();
    } catch (cause) {
      if (!(cause instanceof CleanFailure)) this.#state = "sealed";
      throw unavailable(`vault ${this.#folder.path}`, cause);
    }
  }

  #checkOpen(): void {
    if (this.#state === "closed") throw new VaultError("unavailable", `vault ${this.#folder.path}: it is closed`);
    if (this.#state === "sealed")
      throw new VaultError(
        "unavailable",
        `vault ${this.#folder.path}: sealed, because a write failed before. Check the disk, then restart the node`,
      );
  }
}
