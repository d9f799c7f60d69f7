/** Two nodes, each in a process of its own, over any of the networks: keys from their numbers, certificates in a folder. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "@conclave/bytes";
import type { NodeId, TransportName } from "@conclave/consensus";
import { nodeEngine } from "@conclave/engine-node";
import type { Clock, Transport } from "@conclave/node";

/** What both processes are told. */
export interface Setup {
  readonly transport: TransportName;
  /** Of the first and of the second node. */
  readonly ports: readonly [number, number];
  /** With the certificates of `node-1` and `node-2`. */
  readonly folder: string;
  readonly relay: string;
}

/** The first measures, the second echoes. */
export type Place = 0 | 1;

const seed = (place: Place, purpose: number): Uint8Array => new Uint8Array(32).fill(1 + place + 16 * purpose);

const IDENTITY = 0;
const LIBP2P = 1;
const RELAY_SIGN = 2;
const RELAY_SEAL = 3;

/** The second node's id is higher, so that the first dials. */
export const idOf = (place: Place): NodeId => `${place}${toHex(seed(place, IDENTITY)).slice(1)}` as NodeId;

const clock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export async function openEnd(setup: Setup, place: Place): Promise<Transport> {
  const { transport, ports, folder, relay } = setup;
  const peer: Place = place === 0 ? 1 : 0;
  const common = {
    self: idOf(place),
    rosterHash: new Uint8Array(32),
    life: new Uint8Array(randomBytes(16)),
    clock,
  };
  if (transport === "quic" || transport === "tls") {
    const { CertManager, openQuicTransport, tlsKeyOf } = await import("@conclave/transport-quic");
    const nameOf = (of: Place): string => `node-${of + 1}`;
    const certificates = await CertManager.load({ folder: join(folder, nameOf(place)), name: nameOf(place), clock });
    const tlsKey = tlsKeyOf(readFileSync(join(folder, nameOf(peer), "node.crt"), "utf8"));
    return openQuicTransport({
      ...common,
      name: nameOf(place),
      peers: new Map([[idOf(peer), { name: nameOf(peer), address: `127.0.0.1:${ports[peer]}`, tlsKey }]]),
      listen: `127.0.0.1:${ports[place]}`,
      certificates,
      mode: transport,
    });
  }
  if (transport === "libp2p") {
    const { openLibp2pTransport } = await import("@conclave/transport-libp2p");
    const address = (of: Place): string => `/ip4/127.0.0.1/tcp/${ports[of]}`;
    const peerKey = nodeEngine.ed25519Signer(seed(peer, LIBP2P)).publicKey;
    return openLibp2pTransport({
      ...common,
      peers: new Map([[idOf(peer), { peerKey, addresses: [address(peer)] }]]),
      seed: seed(place, LIBP2P),
      listen: [address(place)],
    });
  }
  const { openRelayTransport } = await import("@conclave/transport-relay");
  const signKey = nodeEngine.ed25519Signer(seed(peer, RELAY_SIGN)).publicKey;
  const sealKey = nodeEngine.x25519Public(seed(peer, RELAY_SEAL));
  return openRelayTransport({
    self: common.self,
    rosterHash: common.rosterHash,
    peers: new Map([[idOf(peer), { signKey, sealKey }]]),
    signSeed: seed(place, RELAY_SIGN),
    sealSecret: seed(place, RELAY_SEAL),
    urls: [relay],
    mode: "websocket",
    engine: nodeEngine,
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
  });
}
