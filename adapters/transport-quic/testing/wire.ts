/** Lines between two nodes that a test can cut, as when a machine dies: over UDP in silence, over TCP with a reset. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Wire {
  /** Where to dial. */
  readonly address: string;
  /** Where that leads: a port of this machine. */
  target: number | null;
  cut(): void;
  mend(): void;
  close(): void;
}

/** A wire for datagrams, leading nowhere yet. */
export async function openUdpWire(): Promise<Wire> {
  const near = createSocket("udp4").unref();
  /** One socket towards the target for each sender, so that the target tells them apart. */
  const far = new Map<string, UdpSocket>();
  let isCut = false;
  near.bind(0, "127.0.0.1");
  await once(near, "listening");
  const wire: Wire = {
    address: `127.0.0.1:${near.address().port}`,
    target: null,
    cut: () => {
      isCut = true;
    },
    mend: () => {
      isCut = false;
    },
    close: () => {
      near.close();
      for (const socket of far.values()) socket.close();
    },
  };
  const farOf = (from: RemoteInfo, target: number): UdpSocket => {
    const key = `${from.port} ${target}`;
    const known = far.get(key);
    if (known !== undefined) return known;
    const socket = createSocket("udp4").unref();
    socket.on("message", (packet) => {
      if (!isCut && wire.target === target) near.send(packet, from.port, from.address);
    });
    far.set(key, socket);
    return socket;
  };
  near.on("message", (packet, from) => {
    if (!isCut && wire.target !== null) farOf(from, wire.target).send(packet, wire.target, "127.0.0.1");
  });
  return wire;
}

/** A wire for connections, leading nowhere yet. */
export async function openTcpWire(): Promise<Wire> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    if (isCut || wire.target === null) return void near.destroy();
    const far = connect({ port: wire.target, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.unref();
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  server.unref().listen(0, "127.0.0.1");
  await once(server, "listening");
  const wire: Wire = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: null,
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => {
      isCut = false;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return wire;
}
