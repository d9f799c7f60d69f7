/** Every secret that a node's folder holds, and where bytes occur that ought not to. */
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { keyShareCodec } from "@conclave/keys";
import { openVault } from "@conclave/vault-file";
import { engine } from "../../../engine.ts";
import { readNetworkKeys } from "../../network-keys.ts";
import { nodeFolderAt } from "../../node-folder.ts";

export interface Secret {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** Files under a folder. */
export const filesIn = (dir: string): readonly string[] =>
  readdirSync(dir, { recursive: true, encoding: "utf8" })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile());

/** In the clear, as far as the password and the keys in the folder open them. */
export function secretsIn(dir: string, passwordFile: string): readonly Secret[] {
  const password = readFileSync(passwordFile, "utf8").trim();
  const { networkKeysFile, certificatesDir } = nodeFolderAt(dir);
  const keys = readNetworkKeys(networkKeysFile);
  const tls = createPrivateKey(readFileSync(join(certificatesDir, "node.key"))).export({ format: "jwk" });
  const files = filesIn(join(dir, "vault")).filter((path) => /\.(?:sealed|header)$/.test(path));
  return [
    { what: "password", bytes: Buffer.from(password) },
    { what: "API token", bytes: Buffer.from(readFileSync(join(dir, "api-token"), "utf8").trim()) },
    { what: "libp2p seed", bytes: keys.libp2p },
    { what: "relay signing seed", bytes: keys.relaySign },
    { what: "relay sealing secret", bytes: keys.relaySeal },
    { what: "TLS key", bytes: Buffer.from(tls.d!, "base64url") },
    ...files.map((path) => ({ what: path, bytes: readFileSync(path) })),
    ...vaultSecrets(join(dir, "vault"), password),
  ];
}

function vaultSecrets(dir: string, password: string): readonly Secret[] {
  const vault = openVault({ dir, password });
  try {
    return vault.list("").flatMap((name): readonly Secret[] => {
      const bytes = vault.get(name);
      const whole = { what: name, bytes };
      if (name === "identity")
        // Two strings of 32 bytes in a list: each has a head of two bytes (RFC 8949, section 3).
        return [
          { what: "identity seed", bytes: bytes.slice(3, 35) },
          { what: "vote seed", bytes: bytes.slice(37, 69) },
        ];
      if (!name.startsWith("share/")) return [whole];
      const { secret } = keyShareCodec(engine.secp256k1).decode(bytes);
      const scalar = Buffer.from(secret.toString(16).padStart(64, "0"), "hex");
      return [
        whole,
        { what: `${name}: scalar`, bytes: scalar },
        { what: `${name}: reversed`, bytes: scalar.toReversed() },
      ];
    });
  } finally {
    vault.close();
  }
}

/** As they are, or as text in hexadecimal or base64: the last digits of base64 depend on what follows. */
const needlesOf = ({ bytes }: Secret): readonly Buffer[] => {
  const buffer = Buffer.from(bytes);
  const texts = (["hex", "base64", "base64url"] as const).map((text) => buffer.toString(text).replace(/.?=*$/, ""));
  return [buffer, ...texts.map((text) => Buffer.from(text))];
};

/** Which of the secrets occur in which of the files, in the order of the secrets. */
export function occurrences(secrets: readonly Secret[], files: readonly string[]): readonly string[] {
  const contents = files.map((path) => ({ path, content: readFileSync(path) }));
  return secrets.flatMap((secret) => {
    const needles = needlesOf(secret);
    return contents
      .filter(({ content }) => needles.some((needle) => content.includes(needle)))
      .map(({ path }) => `${secret.what} is in ${path}`);
  });
}
