/** One secret in one file: XChaCha20-Poly1305 under a vault key, bound to the record's name. */
import { randomBytes } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import {
  assert,
  bytes,
  codec,
  fixedBytes,
  fromHex,
  record,
  text,
  toHex,
  transcriptBytes,
  type Codec,
  type SchemaOf,
} from "@conclave/bytes";
import { corrupt } from "./failures.ts";
import { FORMAT_VERSION, frame, unframe } from "./frame.ts";
import { decrypted, type KeyRing, type VaultKey } from "./header.ts";

const NAME = /^[a-z0-9-]+(?:\/[a-z0-9-]+){0,3}$/;
const SUFFIX = ".sealed";

/** File names have at most 255 bytes, and a temporary one is 21 longer than the record's own. */
const MAX_NAME_LENGTH = 220;

/** Key shares and pairwise setups stay far below. */
export const MAX_SECRET_BYTES = 16 << 20;

/** Longest file of a vault: the largest secret with everything around it. */
export const MAX_FILE_BYTES = MAX_SECRET_BYTES + 1_024;

/** Throws `AssertionError` unless `name` is a path of one to four parts of [a-z0-9-], 220 characters in all. */
export function checkName(name: string): void {
  assert(
    NAME.test(name) && name.length <= MAX_NAME_LENGTH,
    `not a vault name: ${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))}`,
  );
}

/** Names have no dots, so that this has an inverse. */
export const fileOf = (name: string): string => `${name.replaceAll("/", ".")}${SUFFIX}`;

/** The record's name, or undefined for a file that is no record. */
export function nameOf(file: string): string | undefined {
  if (!file.endsWith(SUFFIX)) return undefined;
  const name = file.slice(0, -SUFFIX.length).replaceAll(".", "/");
  return NAME.test(name) && name.length <= MAX_NAME_LENGTH ? name : undefined;
}

const itemRecord = record({
  name: text({ max: MAX_NAME_LENGTH, pattern: NAME }),
  key: fixedBytes(16),
  nonce: fixedBytes(24),
  ciphertext: bytes({ min: 16, max: MAX_SECRET_BYTES + 16 }),
});
const itemCodec: Codec<SchemaOf<typeof itemRecord>> = codec(itemRecord, { maxBytes: MAX_FILE_BYTES });

const associated = (name: string, key: Uint8Array): Uint8Array =>
  transcriptBytes("vault-file/record", { version: FORMAT_VERSION, name, key });

/** The file's bytes for a secret under a name. */
export function sealRecord({ id, key }: VaultKey, name: string, secret: Uint8Array): Uint8Array {
  assert(secret.length <= MAX_SECRET_BYTES, `a vault record has at most ${MAX_SECRET_BYTES} bytes`);
  const nonce = new Uint8Array(randomBytes(24));
  const keyId = fromHex(id);
  const ciphertext = xchacha20poly1305(key, nonce, associated(name, keyId)).encrypt(secret);
  return frame("CNCVITEM", itemCodec.encode({ name, key: keyId, nonce, ciphertext }));
}

/**
 * The secret that was sealed under `name`, as a fresh copy, and the id of the key that opened it.
 * Throws `VaultError` "corrupt" for anything else.
 */
export function openRecord(
  ring: KeyRing,
  name: string,
  content: Uint8Array,
): { readonly secret: Uint8Array; readonly keyId: string } {
  const file = fileOf(name);
  const body = unframe("CNCVITEM", content, file);
  const item = parseItem(file, body);
  if (item.name !== name) throw corrupt(file, `it is the record ${item.name}`);
  const keyId = toHex(item.key);
  const vaultKey = ring.find(({ id }) => id === keyId);
  if (vaultKey === undefined) throw corrupt(file, "it was sealed by another vault, or before the last password change");
  const secret = decrypted(vaultKey.key, item.nonce, associated(name, item.key), item.ciphertext);
  if (secret === undefined) throw corrupt(file, "it was not sealed by this vault as it is");
  return { secret, keyId };
}

function parseItem(file: string, body: Uint8Array): SchemaOf<typeof itemRecord> {
  try {
    return itemCodec.decode(body);
  } catch (cause) {
    throw corrupt(file, "its fields cannot be read", { cause });
  }
}
