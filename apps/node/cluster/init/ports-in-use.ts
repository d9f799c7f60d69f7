/** Whether the ports that a node listens on are free, or taken by this very node because it runs. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { Membership } from "../node-folder.ts";
import type { Check } from "./check.ts";
import type { NodeDir } from "./node-dir.ts";
import { whileStopped } from "./while-stopped.ts";

interface Place {
  readonly protocol: "tcp" | "udp";
  readonly host: string;
  readonly port: number;
}

export async function lookAtPorts(node: NodeDir, membership: Membership | null): Promise<readonly Check[]> {
  const { api_host: host, api_port: port } = node.config;
  const api = { check: "API port", place: { protocol: "tcp", host, port } satisfies Place };
  const mesh = meshPlaces(node, membership).map((place) => ({ check: "network port", place }));
  const places = [api, ...mesh];
  const found = await whileStopped(node, () => Promise.all(places.map(({ place }) => taken(place))));
  return places.map(({ check, place }, i) => {
    const where = `${place.protocol} ${place.host}:${place.port}`;
    // A running node holds all its ports, or it would not run.
    if (found === null) return { check, ok: true, detail: `${where} is in use by this node, which runs` };
    const why = found[i] ?? null;
    return why === null
      ? { check, ok: true, detail: `${where} is free` }
      : { check, ok: false, detail: `${where} cannot be had (${why}): stop what uses it, or set another one` };
  });
}

function meshPlaces({ config }: NodeDir, membership: Membership | null): readonly Place[] {
  const quic = (protocol: "tcp" | "udp"): readonly Place[] => {
    const at = config.listen_quic.lastIndexOf(":");
    const host = config.listen_quic.slice(0, at).replace(/^\[|\]$/g, "");
    return [{ protocol, host, port: Number(config.listen_quic.slice(at + 1)) }];
  };
  switch (membership?.charter.transport) {
    case "quic":
      return quic("udp");
    case "tls":
      return quic("tcp");
    case "libp2p":
      return config.listen_libp2p.flatMap((address) => {
        const [, , host = "", kind = "", port = ""] = address.split("/");
        return kind === "tcp" ? [{ protocol: "tcp" as const, host, port: Number(port) }] : [];
      });
    case "relay":
    case undefined:
      return [];
  }
}

/** The system's word for why the place cannot be had; null if it can. */
function taken({ protocol, host, port }: Place): Promise<string | null> {
  return new Promise((resolve) => {
    const failed = (cause: NodeJS.ErrnoException): void => resolve(cause.code ?? cause.message);
    if (protocol === "udp") {
      const socket = createSocket(host.includes(":") ? "udp6" : "udp4").once("error", failed);
      socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(null)));
    } else {
      const server = createServer().once("error", failed);
      server.listen({ host, port }, () => server.close(() => resolve(null)));
    }
  });
}
