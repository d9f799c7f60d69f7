/**
 * A relay that speaks the protocol and does with messages what its test likes. A relay of its own, after document 002 and not
 * after ours: no signatures looked at, no quotas, no expiry.
 */
import type { AddressInfo } from "node:net";
import { toHex } from "@conclave/bytes";
import { decodeHeader, FLAG_MAILBOX, HEADER_BYTES } from "@conclave/relay";
import { WebSocketServer, type WebSocket } from "ws";

/** A message on its way to a client, later by so many milliseconds. */
export interface Delivered {
  readonly bytes: Uint8Array;
  readonly delayMs?: number;
}

export interface HostileRelay {
  readonly url: string;
  /** Every message that came, in order. */
  readonly published: readonly Uint8Array[];
  /** Every question that came: its 36 bytes. */
  readonly asked: readonly Uint8Array[];
  /** What becomes of a message for a client. Default: it arrives. */
  tamper: (bytes: Uint8Array) => readonly Delivered[];
  /** Sends bytes or text to everybody who is connected. */
  inject(data: Uint8Array | string): void;
  /** Reads nothing from anybody any more, newcomers included, and goes on pretending to be there. */
  freeze(): void;
  /** How many clients there are at this moment. */
  readonly clients: number;
  close(): Promise<void>;
}

interface Place {
  readonly waiting: Set<WebSocket>;
  readonly kept: Uint8Array[];
}

export async function hostileRelay(): Promise<HostileRelay> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, path: "/v1/msg-relay" });
  await new Promise((resolve) => server.once("listening", resolve));
  const places = new Map<string, Place>();
  let frozen = false;
  const timers = new Set<NodeJS.Timeout>();
  const published: Uint8Array[] = [];
  const asked: Uint8Array[] = [];
  const deliver = (to: WebSocket, bytes: Uint8Array): void => {
    for (const { bytes: tampered, delayMs = 0 } of relay.tamper(bytes)) {
      if (delayMs === 0) {
        to.send(tampered);
        continue;
      }
      const timer = setTimeout(() => {
        timers.delete(timer);
        to.send(tampered);
      }, delayMs);
      timers.add(timer);
    }
  };
  const relay: HostileRelay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    published,
    asked,
    tamper: (bytes) => [{ bytes }],
    inject(data) {
      for (const socket of server.clients) socket.send(data);
    },
    freeze() {
      frozen = true;
      for (const socket of server.clients) socket.pause();
    },
    get clients() {
      return server.clients.size;
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of server.clients) socket.terminate();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
  server.on("connection", (socket) => {
    if (frozen) socket.pause();
    socket.on("close", () => {
      for (const { waiting } of places.values()) waiting.delete(socket);
    });
    socket.on("message", (data: Buffer) => {
      const bytes = new Uint8Array(data);
      const { id, flags } = decodeHeader(bytes);
      const mailbox = (flags & FLAG_MAILBOX) !== 0;
      const key = `${toHex(id)}${mailbox}`;
      const place = places.get(key) ?? { waiting: new Set(), kept: [] };
      places.set(key, place);
      if (bytes.length === HEADER_BYTES) {
        asked.push(bytes);
        const [first] = place.kept;
        for (const one of mailbox ? place.kept.splice(0) : place.kept.slice(0, 1)) deliver(socket, one);
        if (mailbox || first === undefined) place.waiting.add(socket);
        return;
      }
      published.push(bytes);
      if (!mailbox || place.waiting.size === 0) place.kept.push(bytes);
      for (const waiter of place.waiting) deliver(waiter, bytes);
      if (!mailbox) place.waiting.clear();
    });
  });
  return relay;
}
