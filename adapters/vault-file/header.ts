/**
 * The header: how the password becomes the key-encryption key, and under that key the vault's own keys. Opening them is
 * the check of the password. Records are encrypted under a vault key, so that a new password replaces one small file.
 */
import { randomBytes } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { bytes, codec, concatBytes, fixedBytes, record, toHex, transcriptBytes, type SchemaOf } from "@conclave/bytes";
import { VaultError } from "@conclave/custody";
import { corrupt } from "./failures.ts";
import { FORMAT_VERSION, frame, unframe } from "./frame.ts";
import { checkStrength, kdfStrength, type KdfStrength, type KeyDerivation } from "./kdf.ts";

/** A key that encrypts records, and the random id by which records name it. */
export interface VaultKey {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly key: Uint8Array;
}

/** The current key first; after it, while records are moved to it, the one before. */
export type KeyRing = readonly [VaultKey] | readonly [VaultKey, VaultKey];

/** What seals the header: the key of a password, and how it was made. */
export interface PasswordKey {
  readonly strength: KdfStrength;
  readonly salt: Uint8Array;
  readonly key: Uint8Array;
}

const ID_BYTES = 16;
const KEY_BYTES = 32;
const ENTRY_BYTES = ID_BYTES + KEY_BYTES;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;

const headerRecord = record({
  kdf: kdfStrength,
  salt: fixedBytes(32),
  nonce: fixedBytes(NONCE_BYTES),
  sealedKeys: bytes({ min: ENTRY_BYTES + TAG_BYTES, max: 2 * ENTRY_BYTES + TAG_BYTES }),
});
const headerCodec = codec<SchemaOf<typeof headerRecord>>(headerRecord);

/** Everything in the header outside of the ciphertext is bound to it. */
const associated = ({ logN, r, p }: KdfStrength, salt: Uint8Array): Uint8Array =>
  transcriptBytes("vault-file/header", { version: FORMAT_VERSION, logN, r, p, salt });

export const newVaultKey = (): VaultKey => ({
  id: toHex(randomBytes(ID_BYTES)),
  key: new Uint8Array(randomBytes(KEY_BYTES)),
});

/** Derives a key for a new header, under a salt of its own. Throws `RangeError` on an empty password or a bad strength. */
export function newPasswordKey(derive: KeyDerivation, password: string, strength: KdfStrength): PasswordKey {
  if (password === "") throw new RangeError("the password of a vault is not empty");
  checkStrength(strength);
  const salt = new Uint8Array(randomBytes(32));
  return { strength, salt, key: derive(password, salt, strength) };
}

/** The header file's bytes. */
export function sealHeader({ strength, salt, key }: PasswordKey, ring: KeyRing): Uint8Array {
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const plain = concatBytes(...ring.flatMap(({ id, key }) => [Buffer.from(id, "hex"), key]));
  const sealedKeys = xchacha20poly1305(key, nonce, associated(strength, salt)).encrypt(plain);
  plain.fill(0);
  return frame("CNCVKEYS", headerCodec.encode({ kdf: strength, salt, nonce, sealedKeys }));
}

/** Opens a header with a password. Throws `VaultError`: `wrong-password`, `corrupt`, or `unavailable` if it is newer. */
export function openHeader(
  derive: KeyDerivation,
  file: string,
  content: Uint8Array,
  password: string,
): { readonly passwordKey: PasswordKey; readonly ring: KeyRing } {
  const { kdf: strength, salt, nonce, sealedKeys } = parseHeader(file, content);
  const key = derive(password, salt, strength);
  const plain = decrypted(key, nonce, associated(strength, salt), sealedKeys);
  if (plain === undefined) {
    key.fill(0);
    // The checksum was right, so the file is as it was written: it is the password that does not fit.
    throw new VaultError("wrong-password", `the password does not open vault ${file}`);
  }
  const ring = parseRing(plain);
  plain.fill(0);
  if (ring === undefined) throw corrupt(file, "its keys have an unknown form");
  return { passwordKey: { strength, salt, key }, ring };
}

function parseHeader(file: string, content: Uint8Array): SchemaOf<typeof headerRecord> {
  const body = unframe("CNCVKEYS", content, file);
  try {
    const header = headerCodec.decode(body);
    checkStrength(header.kdf);
    return header;
  } catch (cause) {
    throw corrupt(file, "its fields cannot be read", { cause });
  }
}

function parseRing(plain: Uint8Array): KeyRing | undefined {
  const entry = (at: number): VaultKey => ({
    id: toHex(plain.subarray(at, at + ID_BYTES)),
    key: plain.slice(at + ID_BYTES, at + ENTRY_BYTES),
  });
  if (plain.length === ENTRY_BYTES) return [entry(0)];
  return plain.length === 2 * ENTRY_BYTES ? [entry(0), entry(ENTRY_BYTES)] : undefined;
}

/** The plaintext, or undefined if key, nonce, associated bytes and ciphertext do not belong together. */
export function decrypted(
  key: Uint8Array,
  nonce: Uint8Array,
  associatedBytes: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  const cipher = xchacha20poly1305(key, nonce, associatedBytes);
  try {
    return cipher.decrypt(ciphertext);
  } catch {
    // With a key and nonce of the right length the cipher throws for one reason: the tag does not match.
    return undefined;
  }
}
