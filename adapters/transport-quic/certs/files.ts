/** Certificates on disk: one folder per node, keys that nobody else can read. */
import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CertificateError } from "./x509.ts";

/** Names inside a node's folder, and of the authority's key in its own. */
export const FILES = {
  ca: "ca.crt",
  caKey: "ca.key",
  certificate: "node.crt",
  key: "node.key",
  request: "node.csr",
  /** The key of a request under way; becomes `key` when its certificate is installed. */
  nextKey: "node.next.key",
} as const;

const FOLDER_MODE = 0o700;
const KEY_MODE = 0o600;
const PUBLIC_MODE = 0o644;
/** A chain of a few certificates; whatever is longer is another file. */
const MAX_FILE_BYTES = 64 * 1024;

/** Makes the folder, for its owner alone, if it is not there. */
export function makeFolder(folder: string): void {
  if (mkdirSync(folder, { recursive: true, mode: FOLDER_MODE }) !== undefined) chmodSync(folder, FOLDER_MODE);
}

/** Writes a private key. Throws `CertificateError` if there is one already: a lost key cannot be made again. */
export const writeKey = (path: string, pem: string): void => write(path, pem, { mode: KEY_MODE, isNew: true });

/** Writes or replaces what everybody may see. */
export const writePublic = (path: string, pem: string): void => write(path, pem, { mode: PUBLIC_MODE, isNew: false });

/** Whole or not at all: what reads the folder at the same time sees the old file or the new one. */
function write(path: string, text: string, { mode, isNew }: { readonly mode: number; readonly isNew: boolean }): void {
  if (isNew && exists(path))
    throw new CertificateError(`${path} exists and is not overwritten: move it away if it is not needed any more`);
  const made = `${path}.${process.pid}.tmp`;
  const file = openSync(made, "wx", mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  moveInto(made, path);
}

/** Renames durably. */
export function moveInto(from: string, to: string): void {
  renameSync(from, to);
  const folder = openSync(dirname(to), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

export const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** Reads a certificate or request. Throws `CertificateError` saying which file. */
export const readPublic = (path: string): string => read(path, () => {});

/**
 * Reads a private key. Throws `CertificateError`, with the command that mends it, if anybody but the owner can read the file
 * or change its folder: such a key has to be thought known to others.
 */
export function readKey(path: string): string {
  return read(path, (mode) => {
    if ((mode & 0o077) !== 0)
      throw new CertificateError(
        `${path} can be read by others (mode ${octal(mode)}): run \`chmod 600 ${path}\`, and ask for a new key if they may have read it`,
      );
    const folder = dirname(resolve(path));
    const folderMode = statSync(folder).mode;
    if ((folderMode & 0o022) !== 0)
      throw new CertificateError(
        `${folder} can be changed by others (mode ${octal(folderMode)}): run \`chmod 700 ${folder}\``,
      );
  });
}

function read(path: string, check: (mode: number) => void): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    throw new CertificateError(`${path} cannot be opened: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  try {
    // Of the open file, so that what is checked is what is read.
    const { mode, size } = fstatSync(file);
    check(mode);
    if (size > MAX_FILE_BYTES) throw new CertificateError(`${path} is too long for what it should hold`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(3, "0");

export const inFolder = (folder: string, name: keyof typeof FILES): string => join(folder, FILES[name]);
