/** Connections that peers open: counted, given a few seconds for their stream, handed to the mesh as soon as they have it. */
import type { Connection as PeerConnection, Libp2p } from "@libp2p/interface";
import type { NodeId } from "@conclave/consensus";
import type { Clock, Connection, Timer } from "@conclave/node";
import { MAX_CONNECTIONS_PER_PEER, MAX_STREAMS_PER_CONNECTION, PROTOCOL, STREAM_MS } from "./limits.ts";
import type { Porch } from "./porch.ts";
import { StreamConnection } from "./stream-connection.ts";

export interface ReceptionOptions {
  readonly nodes: ReadonlyMap<string, NodeId>;
  readonly porch: Porch;
  readonly clock: Clock;
  readonly accept: (peer: NodeId, connection: Connection) => void;
  readonly excess: (peer: NodeId, reason: string) => void;
}

/** Receive on a libp2p that is not started yet. */
export async function receiveOn(libp2p: Libp2p, options: ReceptionOptions): Promise<void> {
  const { nodes, porch, clock, accept, excess } = options;
  const streamless = new Map<PeerConnection, Timer>();
  const settled = (connection: PeerConnection): void => {
    streamless.get(connection)?.cancel();
    streamless.delete(connection);
  };
  libp2p.addEventListener("connection:open", ({ detail: connection }) => {
    if (connection.direction !== "inbound") return;
    const end = remoteEnd(connection);
    if (end !== null) porch.admit(end.host, end.port);
    const peer = nodes.get(connection.remotePeer.toString());
    // The gate asks before a connection counts; many that arrive together are all asked before any does.
    if (peer === undefined || libp2p.getConnections(connection.remotePeer).length > MAX_CONNECTIONS_PER_PEER) {
      if (peer !== undefined) excess(peer, `it has more than ${MAX_CONNECTIONS_PER_PEER} connections`);
      return connection.abort(new Error("one connection too many"));
    }
    const late = clock.schedule(STREAM_MS, () => {
      excess(peer, `its connection had no stream within ${STREAM_MS} ms`);
      connection.abort(new Error(`no stream within ${STREAM_MS} ms`));
    });
    streamless.set(connection, late);
    connection.addEventListener("close", () => settled(connection));
  });
  await libp2p.handle(
    PROTOCOL,
    (stream, connection) => {
      settled(connection);
      const peer = nodes.get(connection.remotePeer.toString());
      if (peer === undefined) return stream.abort(new Error("no node of the roster"));
      accept(peer, new StreamConnection(stream, connection));
    },
    { maxInboundStreams: MAX_STREAMS_PER_CONNECTION, maxOutboundStreams: MAX_STREAMS_PER_CONNECTION },
  );
}

/** Whence a connection comes, as the socket says it. */
function remoteEnd(connection: PeerConnection): { readonly host: string; readonly port: number } | null {
  const parts = connection.remoteAddr.getComponents();
  const host = parts.find(({ name }) => name === "ip4" || name === "ip6")?.value;
  const port = parts.find(({ name }) => name === "tcp")?.value;
  return host === undefined || port === undefined ? null : { host, port: Number(port) };
}
