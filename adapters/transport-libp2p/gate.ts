/** Who may connect: nodes of the roster, in either direction, a few times each. Everybody else is refused by their proven identity. */
import type { ConnectionGater, MultiaddrConnection, PeerId } from "@libp2p/interface";
import type { NodeId } from "@conclave/consensus";
import { MAX_CONNECTION_BUFFER_BYTES, MAX_CONNECTIONS_PER_PEER } from "./limits.ts";

export interface GateOptions {
  /** Roster: libp2p's peer ids as text. */
  readonly nodes: ReadonlyMap<string, NodeId>;
  /** Connections of this peer that are open now. */
  readonly openTo: (peerId: PeerId) => number;
  readonly stranger: (direction: "inbound" | "outbound", peerId: string, address: string) => void;
  readonly tooMany: (peer: NodeId) => void;
  /** A connection of our own begins, to be closed if nothing comes of it. */
  readonly dialling: (peerId: string, connection: MultiaddrConnection) => void;
}

/** The gate, as libp2p asks it. Before encryption an identity is only claimed; after it, proven. */
export function gateOf(options: GateOptions): ConnectionGater {
  const isStranger = (peerId: PeerId): boolean => !options.nodes.has(peerId.toString());
  const refusesInbound = (peerId: PeerId, connection: MultiaddrConnection): boolean => {
    const node = options.nodes.get(peerId.toString());
    if (node === undefined) {
      options.stranger("inbound", peerId.toString(), connection.remoteAddr.toString());
      return true;
    }
    if (options.openTo(peerId) < MAX_CONNECTIONS_PER_PEER) return false;
    options.tooMany(node);
    return true;
  };
  const refusesOutbound = (peerId: PeerId, connection: MultiaddrConnection): boolean => {
    if (!isStranger(peerId)) return false;
    options.stranger("outbound", peerId.toString(), connection.remoteAddr.toString());
    return true;
  };
  return {
    denyDialPeer: isStranger,
    denyInboundConnection(connection) {
      prepare(connection);
      return false;
    },
    denyOutboundConnection(peerId, connection) {
      prepare(connection);
      options.dialling(peerId.toString(), connection);
      return refusesOutbound(peerId, connection);
    },
    denyInboundEncryptedConnection: refusesInbound,
    denyOutboundEncryptedConnection: refusesOutbound,
    denyInboundUpgradedConnection: refusesInbound,
    denyOutboundUpgradedConnection: refusesOutbound,
    denyInboundRelayReservation: () => true,
    denyInboundRelayedConnection: () => true,
    denyOutboundRelayedConnection: () => true,
    // Addresses come from the roster and the registry; libp2p remembers none of its own.
    filterMultiaddrForPeer: () => false,
  };
}

/** A socket that libp2p aborts as a WebSocket: it asks for a close code that no WebSocket accepts, and leaves it open. */
interface WebSocketLike {
  close(): void;
  terminate?(): void;
}

function prepare(connection: MultiaddrConnection): void {
  connection.maxWriteBufferLength = MAX_CONNECTION_BUFFER_BYTES;
  const socket = Reflect.get(connection, "websocket") as WebSocketLike | undefined;
  if (socket === undefined) return;
  connection.addEventListener("close", () => {
    if (socket.terminate === undefined) socket.close();
    else socket.terminate();
  });
}
