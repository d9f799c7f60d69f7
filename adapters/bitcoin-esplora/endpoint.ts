import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/** The configured server address cannot be used. Says why and what to change. */
export class EndpointInvalid extends Error {
  override readonly name = "EndpointInvalid";
}

/** Addresses inside this machine or a private network; a wallet server may only stand there if the operator says so. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet("0.0.0.0", 8);
PRIVATE.addSubnet("10.0.0.0", 8);
PRIVATE.addSubnet("100.64.0.0", 10);
PRIVATE.addSubnet("127.0.0.0", 8);
PRIVATE.addSubnet("172.16.0.0", 12);
PRIVATE.addSubnet("192.168.0.0", 16);
PRIVATE.addAddress("::", "ipv6");
PRIVATE.addAddress("::1", "ipv6");
PRIVATE.addSubnet("fc00::", 7, "ipv6");

/** Link-local, where clouds keep their credential services: never a Bitcoin server. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("169.254.0.0", 16);
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");

/** A base URL without a slash at its end. Throws `EndpointInvalid` for anything but plain http or https. */
export function parseBaseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new EndpointInvalid("the Esplora address is not a URL; expected https://host/api");
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new EndpointInvalid(`the Esplora address begins with ${url.protocol}; expected https: or http:`);
  }
  if (url.username !== "" || url.password !== "")
    throw new EndpointInvalid("the Esplora address must not hold a password");
  if (url.search !== "" || url.hash !== "") throw new EndpointInvalid("the Esplora address must not hold ? or #");
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

/**
 * Resolves the host and refuses link-local addresses, and private ones unless `allowPrivate`. A name that changes
 * between this check and the request is not caught; redirects are, because none is followed.
 */
export async function checkHost(url: URL, { allowPrivate }: { allowPrivate: boolean }): Promise<void> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
  for (const address of addresses) {
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (LINK_LOCAL.check(address, family)) throw new EndpointInvalid(`${host} is the link-local address ${address}`);
    if (!allowPrivate && PRIVATE.check(address, family)) {
      throw new EndpointInvalid(`${host} is the private address ${address}; allow private hosts to use it`);
    }
  }
}
