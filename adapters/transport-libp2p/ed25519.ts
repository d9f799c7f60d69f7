/** Ed25519 (RFC 8032) by OpenSSL: keys as their 32 bytes. */
import { createPrivateKey, createPublicKey, sign as signWith, verify as verifyWith } from "node:crypto";
import { KEY_BYTES } from "./peer-id.ts";

/** DER before the 32 bytes of a seed (PKCS #8) and of a public key (SPKI), RFC 8410. */
const SEED_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const KEY_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

const privateKey = (seed: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([SEED_PREFIX, seed]), format: "der", type: "pkcs8" });

/** Throws `RangeError` for a seed that is not 32 bytes. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  if (seed.length !== KEY_BYTES) throw new RangeError(`the seed of a libp2p identity has ${KEY_BYTES} bytes`);
  const spki = createPublicKey(privateKey(seed)).export({ format: "der", type: "spki" });
  return new Uint8Array(spki.subarray(KEY_PREFIX.length));
}

export const sign = (seed: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array(signWith(null, message, privateKey(seed)));

export const verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  verifyWith(
    null,
    message,
    createPublicKey({ key: Buffer.concat([KEY_PREFIX, key]), format: "der", type: "spki" }),
    signature,
  );
