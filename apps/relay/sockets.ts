/** The binary WebSocket of a relay, `GET /v1/msg-relay`: frames in, messages out, text only to say what was refused. */
import type { IncomingMessage, Server } from "node:http";
import { MAX_MESSAGE_BYTES } from "@conclave/relay";
import type { Logger } from "pino";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import type { Backlog } from "./backlog.ts";
import { isFault, type Hub } from "./hub.ts";
import type { ServiceLimits } from "./options.ts";
import { endWithProblem } from "./problems.ts";
import { sourceOf } from "./source.ts";

export const SOCKET_PATHS: readonly string[] = ["/v1/msg-relay", "/v1/ws"];

/** Set by a relay that asks for its clients; what it asks is not asked on. */
export const PEER_HEADER = "conclave-relay-peer";

/** WebSocket close codes (RFC 6455 §7.4.1). */
const CLOSE = { goingAway: 1001, unsupportedData: 1003, policy: 1008 } as const;
/** A client that missed so many pings in a row is gone. Three, because it may be computing. */
const MISSED_PINGS = 3;
export interface Sockets {
  readonly count: number;
  /** Tells everybody to go, and cuts who has not gone after a while. */
  close(): Promise<void>;
}

export function serveSockets(
  server: Server,
  { hub, backlog, limits, log }: { hub: Hub; backlog: Backlog; limits: ServiceLimits; log: Logger },
): Sockets {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    // Messages are sealed and do not compress; each compressor would cost more memory than a connection.
    perMessageDeflate: false,
  });
  server.on("upgrade", (request, stream, head) => {
    const path = (request.url ?? "").split("?")[0]!;
    if (!SOCKET_PATHS.includes(path)) {
      endWithProblem(stream, 404, `WebSockets are at ${SOCKET_PATHS[0]}.`);
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => attend(socket, request));
  });
  sockets.on("wsClientError", (error, stream) =>
    endWithProblem(stream, 400, `No WebSocket handshake: ${error.message}.`),
  );

  function attend(socket: WebSocket, request: IncomingMessage): void {
    const source = sourceOf(request.socket.remoteAddress);
    const peer = request.headers[PEER_HEADER] !== undefined;
    let faults = 0;
    let missed = 0;
    const cut = (reason: string): void => {
      hub.metrics.cut.inc({ reason });
      log.debug({ reason, peer }, "connection cut");
      socket.terminate();
    };
    const refuse = (code: number, reason: string, label: string): void => {
      hub.metrics.cut.inc({ reason: label });
      log.debug({ reason: label, peer }, "connection refused");
      socket.close(code, reason);
      hub.leave(id);
    };
    const line = backlog.open(() => cut("does not read"));
    const send = (data: Uint8Array | string): void => {
      line.sent(data.length);
      // An error is followed by `close`, where everything is taken back.
      socket.send(data, () => line.left(data.length));
    };
    const id = hub.join({
      source,
      peer,
      receiver: {
        deliver: send,
        refuse: (messageId, error) => {
          if (isFault(error)) faults += 1;
          if (faults > limits.badFrames) refuse(CLOSE.policy, "too many frames that are none", "bad frames");
          else send(JSON.stringify({ id: messageId, error }));
        },
      },
    });
    const timer = setInterval(() => {
      missed += 1;
      if (missed > MISSED_PINGS) cut("does not answer");
      else socket.ping();
    }, limits.pingIntervalMs);
    log.debug({ peer }, "connected");
    socket.on("pong", () => (missed = 0));
    socket.on("message", (data: RawData, binary: boolean) => {
      missed = 0;
      if (socket.readyState !== socket.OPEN) return;
      if (binary) hub.frame(id, data as Buffer);
      else refuse(CLOSE.unsupportedData, "frames are binary: a question, or a message", "text");
    });
    socket.on("error", (error) => log.debug({ error: error.message, peer }, "connection failed"));
    socket.on("close", () => {
      clearInterval(timer);
      line.close();
      hub.leave(id);
      log.debug({ peer }, "disconnected");
    });
  }

  return {
    get count() {
      return sockets.clients.size;
    },
    async close() {
      for (const socket of sockets.clients) socket.close(CLOSE.goingAway, "the relay stops");
      const deadlineMs = performance.now() + limits.closingMs;
      while (sockets.clients.size > 0 && performance.now() < deadlineMs) await pause();
      for (const socket of sockets.clients) socket.terminate();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
    },
  };
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));
