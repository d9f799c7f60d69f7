/** The certificate library with Node's own cryptography behind it; every other file here takes it from this one. */
// The library's decorators look for this polyfill while they load.
import "reflect-metadata";
import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto, type KeyObject } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

export { x509 };

/** P-256 alone: the QUIC library takes no Ed25519 certificates. */
export const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export const DAY_MS = 86_400_000;

/** A file or request that is not what its name says, or options that contradict each other. Never holds a secret. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

/** A new private key as PEM (PKCS #8). */
export const newPrivateKey = (): string =>
  generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }).privateKey;

/** Both halves of a key for signing certificates and requests. Throws `CertificateError` for anything but a P-256 key. */
export async function keyPairOf(privateKey: string): Promise<webcrypto.CryptoKeyPair> {
  const key = parsePrivateKey(privateKey);
  const pkcs8 = key.export({ format: "der", type: "pkcs8" });
  const spki = spkiOf(createPublicKey(key));
  return {
    privateKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]),
    publicKey: await webcrypto.subtle.importKey("spki", spki, ALGORITHM, true, ["verify"]),
  };
}

/** Throws `CertificateError` for anything but an unencrypted P-256 key in PEM. */
export function parsePrivateKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause would say what the parser saw: not for a log.
    throw new CertificateError(
      "the private key is no PEM that can be read: restore it, or ask for a certificate with a new key",
    );
  }
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw new CertificateError("the private key is not for P-256, the only curve that both QUIC and TLS take here");
  return key;
}

/** A public key as rosters pin it: SubjectPublicKeyInfo, DER. */
export const spkiOf = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ format: "der", type: "spki" }));

/** Every certificate of a PEM file, in order. Throws `CertificateError` if there is none or one cannot be read. */
export function parseCertificates(pem: string, what: string): readonly x509.X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new CertificateError(`${what} holds no certificate in PEM`);
  try {
    return blocks.map((block) => new x509.X509Certificate(block));
  } catch (cause) {
    throw new CertificateError(`${what} holds a certificate that cannot be read`, { cause });
  }
}

/** A certificate or request as a PEM file. */
export const pemOf = (item: { toString(format: "pem"): string }): string => `${item.toString("pem")}\n`;
