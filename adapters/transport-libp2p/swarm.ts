/** libp2p itself, and nothing that is not needed of it. Loaded only when this transport is started: it costs a fifth of a second. */
import type { EventEmitter } from "node:events";
import { noise } from "@chainsafe/libp2p-noise";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type {
  ComponentLogger,
  ConnectionGater,
  Libp2p,
  Metrics,
  Transport,
  TypedEventTarget,
  Libp2pEvents,
} from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { webSockets } from "@libp2p/websockets";
import { createLibp2p } from "libp2p";
import {
  ADDRESS_DIAL_MS,
  DIAL_MS,
  MAX_CONNECTIONS_PER_PEER,
  MAX_DIAL_ADDRESSES,
  MAX_HTTP_HEADER_BYTES,
  MAX_UNPROVEN,
  MAX_WEBSOCKET_MESSAGE_BYTES,
  PROOF_MS,
  STREAM_MS,
} from "./limits.ts";
import { boundedYamux } from "./muxer.ts";
import type { Porch } from "./porch.ts";

export interface SwarmOptions {
  readonly seed: Uint8Array;
  readonly listen: readonly string[];
  readonly peerCount: number;
  readonly gate: ConnectionGater;
  readonly porch: Porch;
}

/** Parts that a transport of libp2p is made of. */
interface TransportParts {
  readonly logger: ComponentLogger;
  readonly events: TypedEventTarget<Libp2pEvents>;
  readonly metrics?: Metrics;
}

/** libp2p, not started. No DHT, no relay, no identify, no ping, no dialling of its own, no address but ours. */
export async function makeSwarm(options: SwarmOptions): Promise<Libp2p> {
  const { seed, listen, peerCount, gate, porch } = options;
  return createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed("Ed25519", seed),
    addresses: { listen: [...listen] },
    transports: [
      guarded(porch, tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })),
      guarded(porch, webSockets({ http: { maxHeaderSize: MAX_HTTP_HEADER_BYTES } })),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [boundedYamux],
    connectionGater: gate,
    connectionMonitor: { enabled: false },
    connectionManager: {
      // The gate counts per peer; this is the sum, and never reached while it does.
      maxConnections: (peerCount + 1) * (MAX_CONNECTIONS_PER_PEER + 1),
      maxParallelDials: peerCount + 1,
      maxDialQueueLength: 2 * (peerCount + 1),
      maxPeerAddrsToDial: MAX_DIAL_ADDRESSES,
      dialTimeout: DIAL_MS,
      addressDialTimeout: ADDRESS_DIAL_MS,
      // The registry's addresses first, then the roster's: as they were given.
      addressSorter: () => 0,
      inboundStreamProtocolNegotiationTimeout: STREAM_MS,
      outboundStreamProtocolNegotiationTimeout: STREAM_MS,
      // The porch bounds who waits, and does not lock honest peers out with strangers: these three only stand behind it.
      inboundUpgradeTimeout: 2 * PROOF_MS,
      maxIncomingPendingConnections: 2 * MAX_UNPROVEN,
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
      // The mesh redials.
      reconnectRetries: 0,
    },
  });
}

/** A transport whose listeners have a porch, and whose WebSockets take nothing that none of ours sends. */
function guarded(porch: Porch, make: (parts: TransportParts) => Transport): (parts: TransportParts) => Transport {
  return (parts) => {
    const transport = make(parts);
    const createListener = transport.createListener.bind(transport);
    transport.createListener = (options) => {
      const listener = createListener(options);
      porch.guard(listener);
      const webSockets: unknown = Reflect.get(listener, "wsServer");
      if (webSockets !== undefined) boundWebSockets(webSockets as WebSocketServer);
      return listener;
    };
    return transport;
  };
}

/** What is needed of the `ws` server inside a listener. */
interface WebSocketServer {
  readonly options: { maxPayload: number };
  handleUpgrade(
    request: unknown,
    socket: unknown,
    head: unknown,
    done: (webSocket: EventEmitter, request: unknown) => void,
  ): void;
}

/**
 * libp2p leaves the longest message at 100 MiB, and does not listen to a WebSocket's errors: one frame that breaks the
 * protocol, from any stranger, would end this process.
 */
function boundWebSockets(server: WebSocketServer): void {
  server.options.maxPayload = MAX_WEBSOCKET_MESSAGE_BYTES;
  const handleUpgrade = server.handleUpgrade.bind(server);
  server.handleUpgrade = (request, socket, head, done) =>
    handleUpgrade(request, socket, head, (webSocket, upgraded) => {
      // The socket closes after it, and libp2p does hear that.
      webSocket.on("error", () => {});
      done(webSocket, upgraded);
    });
}
