/** libp2p as anybody runs it: any identity, no gate, every limit far away. What a test attacks with. */
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { webSockets } from "@libp2p/websockets";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { PROTOCOL, STREAM_WINDOW_BYTES } from "../limits.ts";

const PLENTY = 100_000;

export async function outsider(seed: Uint8Array, listen: readonly string[] = []): Promise<Libp2p> {
  const streamOptions = { initialStreamWindowSize: STREAM_WINDOW_BYTES, maxStreamWindowSize: STREAM_WINDOW_BYTES };
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", seed),
    addresses: { listen: [...listen] },
    transports: [tcp(), webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxOutboundStreams: PLENTY, maxInboundStreams: PLENTY, streamOptions })],
    connectionMonitor: { enabled: false },
    connectionManager: { inboundConnectionThreshold: PLENTY, maxConnections: PLENTY, reconnectRetries: 0 },
  });
}

/** A connection to an address, whoever is there. */
export const dialled = (from: Libp2p, address: string): Promise<Connection> =>
  from.dial(multiaddr(address), { force: true, signal: AbortSignal.timeout(5_000) });

/** A stream of our protocol on it. */
export const streamOn = (connection: Connection): Promise<Stream> =>
  connection.newStream(PROTOCOL, { maxOutboundStreams: PLENTY, signal: AbortSignal.timeout(5_000) });

/** Resolves when the other side, or the network, has ended it. */
export async function ended(what: Pick<Connection, "status"> & EventTarget): Promise<void> {
  if (what.status !== "open") return;
  await new Promise((resolve) => what.addEventListener("close", resolve, { once: true }));
}
