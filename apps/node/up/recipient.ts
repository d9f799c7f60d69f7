import { assert, concatBytes } from "@conclave/bytes";
import { networks, printAddress } from "@conclave/bitcoin";

/** P2WPKH (BIP141): version 0 and a program of 20 bytes, here all 0x42. Nobody has its key, and on regtest nobody needs it. */
const script = concatBytes(Uint8Array.of(0, 20), new Uint8Array(20).fill(0x42));
const address = printAddress(script, networks.regtest);
assert(address !== undefined, "a P2WPKH script has an address");

/** Whom the first payment of a local network goes to. */
export const DEMO_RECIPIENT: string = address;
