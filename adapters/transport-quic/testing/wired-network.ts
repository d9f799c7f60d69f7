/** Three nodes for the contract, each two joined by a wire: a crash is no goodbye, which an engine that is closed would say. */
import type { NodeId } from "@conclave/consensus";
import type { Transport } from "@conclave/node";
import type { TransportNetwork } from "@conclave/node/testing";
import { openNode, peersOf, type OpenNode, type TestCluster, type TestNode } from "./cluster.ts";
import { openTcpWire, openUdpWire, type Wire } from "./wire.ts";

export async function wiredNetwork(mode: "quic" | "tls", cluster: TestCluster): Promise<TransportNetwork> {
  const wires: { readonly dialler: NodeId; readonly listener: NodeId; readonly wire: Wire }[] = [];
  for (const dialler of cluster.nodes)
    for (const listener of cluster.nodes)
      if (dialler.id < listener.id) {
        const wire = await (mode === "quic" ? openUdpWire : openTcpWire)();
        wires.push({ dialler: dialler.id, listener: listener.id, wire });
      }
  const wiresAt = (id: NodeId) => wires.filter(({ dialler, listener }) => dialler === id || listener === id);
  const live = new Map<NodeId, OpenNode>();
  const leaving: Promise<void>[] = [];

  const leave = (id: NodeId): void => {
    const open = live.get(id);
    live.delete(id);
    open?.certificates.stop();
    if (open !== undefined) leaving.push(open.transport.close());
  };
  const join = async (id: NodeId): Promise<Transport> => {
    const node = cluster.nodes.find((node) => node.id === id)!;
    const addressOf = (peer: TestNode): string =>
      wires.find(({ dialler, listener }) => dialler === id && listener === peer.id)?.wire.address ?? "127.0.0.1:1";
    const open = await openNode(node, mode, peersOf(node, cluster.nodes, addressOf), {
      observe: (event) => {
        if (event.kind !== "listening") return;
        for (const { listener, wire } of wiresAt(id)) {
          wire.mend();
          if (listener === id) wire.target = Number(event.address.split(":")[1]);
        }
      },
    });
    live.set(id, open);
    return open.transport;
  };
  return {
    nodes: cluster.nodes.map(({ id }) => id),
    join,
    crash: async (id) => {
      for (const { wire } of wiresAt(id)) wire.cut();
      leave(id);
    },
    dispose: async () => {
      for (const id of live.keys()) leave(id);
      await Promise.all(leaving);
      for (const { wire } of wires) wire.close();
    },
  };
}
