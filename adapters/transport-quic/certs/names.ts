/** Names that may stand in a certificate. */
import { isIP } from "node:net";
import { NODE_NAME } from "@conclave/consensus";
import { CertificateError } from "./x509.ts";

const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A node's name as in the roster. Throws `CertificateError`. */
export function checkName(name: string): string {
  // Libraries read a name of digits and dots as an address, and a certificate names addresses elsewhere.
  if (!NODE_NAME.test(name) || isIP(name) > 0)
    throw new CertificateError(`a node's name is 1 to 32 of a-z, 0-9, - and _, as in the roster; this is "${name}"`);
  return name;
}

/** Further names and addresses under which a node can be reached. Throws `CertificateError`. */
export function checkHosts(hosts: readonly string[]): readonly string[] {
  for (const host of hosts)
    if (isIP(host) === 0 && !HOST.test(host))
      throw new CertificateError(`"${host}" is neither a host name in lower case nor an IP address`);
  return hosts;
}
