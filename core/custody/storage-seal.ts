/** Encryption of what the host stores for custody (results): the store holds history, never readable signatures. */
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { CodecError, concatBytes, utf8, type Rng } from "@conclave/bytes";
import type { Vault } from "./ports.ts";

export interface StorageSeal {
  seal(plain: Uint8Array): Uint8Array;
  /** Throws `CodecError` on anything that `seal` did not make. */
  open(sealed: Uint8Array): Uint8Array;
}

const VAULT_NAME = "storage-key";
const NONCE_BYTES = 24;
const ASSOCIATED = utf8("conclave/store/v1");

/** Uses the vault's storage key, drawing one in a vault that has none. */
export function openStorageSeal(vault: Vault, rng: Rng): StorageSeal {
  if (!vault.list("").includes(VAULT_NAME)) vault.put(VAULT_NAME, rng(32));
  const key = vault.get(VAULT_NAME);
  return {
    seal(plain) {
      const nonce = rng(NONCE_BYTES);
      return concatBytes(nonce, xchacha20poly1305(key, nonce, ASSOCIATED).encrypt(plain));
    },
    open(sealed) {
      try {
        return xchacha20poly1305(key, sealed.subarray(0, NONCE_BYTES), ASSOCIATED).decrypt(
          sealed.subarray(NONCE_BYTES),
        );
      } catch (cause) {
        throw new CodecError("a stored result is damaged or was made by another node", { cause });
      }
    },
  };
}
