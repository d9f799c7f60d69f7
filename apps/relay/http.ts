/** The HTTP side of a relay: for browsers and scripts that would rather not hold a socket. */
import { concatBytes, fromHex, isHex } from "@conclave/bytes";
import cors from "@fastify/cors";
import { FLAG_MAILBOX, ID_BYTES, MAX_MESSAGE_BYTES, MAX_TTL_SECONDS, type Refusal } from "@conclave/relay";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Logger } from "pino";
import type { Backlog } from "./backlog.ts";
import type { Hub } from "./hub.ts";
import type { ServiceLimits } from "./options.ts";
import { endWithProblem, REFUSALS, sendProblem } from "./problems.ts";
import { sourceOf } from "./source.ts";

export interface HttpParts {
  readonly hub: Hub;
  readonly backlog: Backlog;
  readonly limits: ServiceLimits;
  readonly log: Logger;
  readonly stats: () => object;
  /** What is wrong, if something is. */
  readonly trouble: () => string | null;
  /** True once the relay stops: nobody waits any longer. */
  readonly stopping: AbortSignal;
}

/** The longest that a request waits for a message; proxies give up after about that. */
export const MAX_WAIT_SECONDS = 60;
/** Requests carry an id and a few numbers. */
const MAX_HEADER_BYTES = 8_192;
/** Requests that take too long are looked for this often. */
const LATE_CHECK_MS = 5_000;
const OCTETS = "application/octet-stream";

export async function buildHttp(parts: HttpParts): Promise<FastifyInstance> {
  const { hub, limits, log } = parts;
  const app = fastify({
    logger: false,
    trustProxy: false,
    bodyLimit: MAX_MESSAGE_BYTES,
    requestTimeout: limits.requestTimeoutMs,
    forceCloseConnections: true,
    http: {
      headersTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.requestTimeoutMs, LATE_CHECK_MS),
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    clientErrorHandler: (error, socket) => {
      const late = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
      endWithProblem(socket, late ? 408 : 400, late ? "Send requests faster." : "This is no HTTP request.");
    },
  });
  await app.register(cors, { origin: "*", methods: ["GET", "POST"], allowedHeaders: ["content-type"], maxAge: 86_400 });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(OCTETS, { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.addHook("onSend", async (_, reply) => void reply.header("cache-control", "no-store"));
  app.setErrorHandler((error, _, reply) => answerError(error, reply, log));
  app.setNotFoundHandler((_, reply) =>
    sendProblem(reply, {
      status: 404,
      detail: "There is nothing here: see /v1/msg-relay, /v1/msg, /v1/msg-stats, /health and /metrics.",
    }),
  );
  app.get("/", async () => "ok");
  app.get("/health", async (_, reply) => {
    const trouble = parts.trouble();
    return reply.send(trouble === null ? { status: "ok" } : { status: "degraded", detail: trouble });
  });
  app.get("/v1/msg-stats", async () => parts.stats());
  app.get("/metrics", async (_, reply) =>
    reply.type(hub.metrics.registry.contentType).send(await hub.metrics.registry.metrics()),
  );
  for (const path of ["/v1/msg-relay", "/v1/ws"])
    app.get(path, async (_, reply) =>
      sendProblem(reply.header("upgrade", "websocket"), {
        status: 426,
        detail: "This is a WebSocket: ask for an upgrade.",
      }),
    );
  app.post("/v1/msg", async (request, reply) => publish(parts, request, reply));
  // Asking for a mailbox empties it: who wants no body must not.
  app.get("/v1/msg/:id", { exposeHeadRoute: false }, async (request, reply) => fetchMessage(parts, request, reply));
  return app;
}

function publish({ hub }: HttpParts, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!(request.body instanceof Uint8Array)) {
    return sendProblem(reply, { status: 415, detail: `Send the message as the body, with content-type ${OCTETS}.` });
  }
  const nobody = { deliver: () => {}, refuse: () => {} };
  const from = hub.join({ source: sourceOf(request.ip), peer: false, receiver: nobody });
  try {
    const { outcome, delivered } = hub.publish(from, request.body);
    if (outcome === "accepted") return reply.code(201).send({ delivered });
    if (outcome === "repeated") return reply.code(200).send({ delivered });
    return sendProblem(reply, { ...REFUSALS[outcome], error: outcome, delivered });
  } finally {
    hub.leave(from);
  }
}

interface Wish {
  readonly id: Uint8Array;
  readonly mailbox: boolean;
  readonly waitMs: number;
  /** How long the peers look out for it, if that is longer. */
  readonly ttlSeconds: number;
}

async function fetchMessage(parts: HttpParts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const wish = wishOf(request.params as { id: string }, request.query as Readonly<Record<string, unknown>>);
  if (typeof wish === "string") return sendProblem(reply, { status: 400, detail: wish });
  const found = await collect(parts, wish, { source: sourceOf(request.ip), reply });
  if (typeof found === "string") return sendProblem(reply, { ...REFUSALS[found], error: found });
  if (found.length === 0) return reply.code(204).send();
  const body = wish.mailbox ? concatBytes(...found.flatMap((message) => [lengthOf(message), message])) : found[0]!;
  const line = parts.backlog.open(() => {
    parts.hub.metrics.cut.inc({ reason: "does not read" });
    reply.raw.destroy();
  });
  reply.raw.once("close", () => line.close());
  line.sent(body.length);
  return reply.type(OCTETS).send(Buffer.from(body.buffer, body.byteOffset, body.length));
}

/** Asks, and waits if nothing is there. */
function collect(
  { hub, stopping }: HttpParts,
  { id, mailbox, waitMs, ttlSeconds }: Wish,
  { source, reply }: { source: string; reply: FastifyReply },
): Promise<readonly Uint8Array[] | Refusal> {
  return new Promise((resolve) => {
    const found: Uint8Array[] = [];
    let asked = false;
    let refusal: Refusal | null = null;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      stopping.removeEventListener("abort", end);
      reply.raw.off("close", end);
      hub.leave(asker);
      resolve(refusal ?? found);
    };
    const asker = hub.join({
      source,
      peer: false,
      receiver: {
        deliver: (bytes) => {
          found.push(bytes);
          // What comes later finds nobody, and is kept for the next request.
          if (asked) end();
        },
        refuse: (_, error) => (refusal = error),
      },
    });
    hub.ask(asker, {
      id,
      ttlSeconds: Math.max(Math.ceil(waitMs / 1_000), ttlSeconds),
      flags: mailbox ? FLAG_MAILBOX : 0,
    });
    asked = true;
    if (found.length > 0 || refusal !== null || waitMs === 0 || stopping.aborted) {
      end();
      return;
    }
    timer = setTimeout(end, waitMs);
    stopping.addEventListener("abort", end);
    reply.raw.once("close", end);
  });
}

function wishOf({ id }: { id: string }, query: Readonly<Record<string, unknown>>): Wish | string {
  const { wait = "0", ttl = "0", mailbox = "0", ...unknown } = query;
  if (!isHex(id, ID_BYTES)) return `An id is ${2 * ID_BYTES} hexadecimal digits.`;
  if (Object.keys(unknown).length > 0) return "There are wait, ttl and mailbox, and nothing else.";
  if (typeof wait !== "string" || !/^\d{1,6}(?:\.\d{1,3})?$/.test(wait)) return "wait is a number of seconds.";
  if (typeof ttl !== "string" || !/^\d{1,6}$/.test(ttl))
    return `ttl is a whole number of seconds, at most ${MAX_TTL_SECONDS}.`;
  if (mailbox !== "0" && mailbox !== "1") return "mailbox is 1 or 0.";
  return {
    id: fromHex(id),
    mailbox: mailbox === "1",
    waitMs: Math.min(Number(wait), MAX_WAIT_SECONDS) * 1_000,
    ttlSeconds: Number(ttl),
  };
}

function lengthOf(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, message.length, true);
  return bytes;
}

function answerError(error: unknown, reply: FastifyReply, log: Logger): FastifyReply {
  const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
  if (status === 413)
    return sendProblem(reply, { status, detail: `A message has at most ${MAX_MESSAGE_BYTES} bytes.` });
  if (status === 415)
    return sendProblem(reply, { status, detail: `Send the message as the body, with content-type ${OCTETS}.` });
  if (status >= 400 && status < 500) return sendProblem(reply, { status, detail: "This request cannot be read." });
  log.error({ error: error instanceof Error ? error.stack : String(error) }, "request failed");
  return sendProblem(reply, { status: 500, detail: "The relay failed: try again, or use another relay." });
}
