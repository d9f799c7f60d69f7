/** Where nodes listen: `host:port`, IPv6 in brackets. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port` or `[address]:port`. Throws `RangeError` saying what it should look like. */
export function parseAddress(text: string): Address {
  const form = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/;
  const { v6, host = v6, port } = form.exec(text)?.groups ?? {};
  if (host === undefined || (v6 !== undefined && isIP(v6) !== 6) || Number(port) > 65_535)
    throw new RangeError(`"${text}" is no address: write host:port, and an IPv6 address in brackets`);
  return { host, port: Number(port) };
}

export const printAddress = ({ host, port }: Address): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

/** The same with an IP address; asks the system for a name's. Throws what `dns.lookup` throws. */
export async function resolveAddress({ host, port }: Address): Promise<Address> {
  return { host: isIP(host) > 0 ? host : (await lookup(host)).address, port };
}
