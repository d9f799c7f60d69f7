/** The certificate authority of a local network: it signs the nodes that `conclave up` starts, and its key stays in the folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readPrivate, writePrivate } from "../cluster/private-files.ts";
import type { Folder } from "./folder.ts";

export interface LocalAuthority {
  /** PEM. */
  readonly certificate: string;
  /** A certificate for the key that the request is signed with. PEM. */
  sign(name: string, request: string): Promise<string>;
}

/** The folder's authority, made if it is not there. `network` names it. */
export async function localAuthority({ root }: Folder, network: string): Promise<LocalAuthority> {
  const { createAuthority, signRequest } = await import("@conclave/transport-quic");
  const [certificateFile, keyFile] = [join(root, "ca", "ca.crt"), join(root, "ca", "ca.key")];
  if (!existsSync(certificateFile)) {
    const made = await createAuthority({ name: network, nowMs: Date.now() });
    writePrivate(keyFile, made.privateKey);
    writePrivate(certificateFile, made.certificate);
  }
  const authority = { certificate: readPrivate(certificateFile), privateKey: readPrivate(keyFile) };
  return {
    certificate: authority.certificate,
    sign: (name, request) =>
      signRequest(authority, { request, name, hosts: ["127.0.0.1", "localhost"], nowMs: Date.now() }),
  };
}
