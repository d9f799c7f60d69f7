/** From the operator's password to the key-encryption key: scrypt (RFC 7914). */
import { scryptSync } from "node:crypto";
import { assert, record, transcript, uint, utf8, type Schema } from "@conclave/bytes";

/** Cost of guessing one password. Memory is 128 · 2^logN · r bytes, time grows with memory · p. */
export interface KdfStrength {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB and about 100 ms; also the least that is accepted. */
export const DEFAULT_KDF: KdfStrength = { logN: 15, r: 8, p: 1 };

// Upper bounds, so that a header cannot make us allocate or wait without end: 1 GiB, and minutes.
const MAX_LOG_N = 20;
const MAX_R = 32;
const MAX_P = 16;
const MAX_MEMORY_BYTES = 2 ** 30;

/** Strength as written in a header. Refuses less than the default and more than a machine should be asked for. */
export const kdfStrength: Schema<KdfStrength> = record({
  logN: uint({ min: DEFAULT_KDF.logN, max: MAX_LOG_N }),
  r: uint({ min: DEFAULT_KDF.r, max: MAX_R }),
  p: uint({ min: DEFAULT_KDF.p, max: MAX_P }),
});

export const memoryBytes = ({ logN, r }: KdfStrength): number => 128 * 2 ** logN * r;

/** Throws `RangeError` for a strength below the least or above what any header may ask for. */
export function checkStrength(strength: KdfStrength): void {
  const { logN, r, p } = strength;
  const whole = [logN, r, p].every(Number.isInteger);
  const enough = logN >= DEFAULT_KDF.logN && r >= DEFAULT_KDF.r && p >= DEFAULT_KDF.p;
  const bounded = logN <= MAX_LOG_N && r <= MAX_R && p <= MAX_P && memoryBytes(strength) <= MAX_MEMORY_BYTES;
  if (!whole || !enough || !bounded)
    throw new RangeError(
      `scrypt with logN ${logN}, r ${r}, p ${p}: logN is ${DEFAULT_KDF.logN} to ${MAX_LOG_N}, r 8 to ${MAX_R}, p 1 to ${MAX_P}, with at most 1 GiB of memory`,
    );
}

/** How a password becomes a key. The one that counts is `deriveKey`; tests of other things may take a cheaper one. */
export type KeyDerivation = (password: string, salt: Uint8Array, strength: KdfStrength) => Uint8Array;

/**
 * The bytes that scrypt gets: a hash of the password in Unicode's normal form C (as RFC 8265 takes it), so that it is the
 * same on every keyboard. Nothing else is changed, spaces and NUL included. Without the hash a password and the same with
 * NUL behind it would be one, because HMAC fills its key up with zeros.
 */
export function passwordBytes(password: string): Uint8Array {
  const encoded = utf8(password.normalize("NFC"));
  try {
    return transcript("vault-file/password", { password: encoded });
  } finally {
    encoded.fill(0);
  }
}

/** The key-encryption key of a password, 32 bytes. The caller wipes it. */
export const deriveKey: KeyDerivation = (password, salt, strength) => {
  assert(salt.length === 32, "a vault's salt has 32 bytes");
  const secret = passwordBytes(password);
  try {
    const { logN, r, p } = strength;
    // OpenSSL counts a little more than the formula says.
    return new Uint8Array(scryptSync(secret, salt, 32, { N: 2 ** logN, r, p, maxmem: 2 * memoryBytes(strength) }));
  } finally {
    secret.fill(0);
  }
};
