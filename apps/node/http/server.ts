/** A node's HTTP API: Fastify, with every route taken from the table in `@conclave/api`. */
import { randomUUID } from "node:crypto";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import underPressure from "@fastify/under-pressure";
import {
  fillPath,
  IDEMPOTENCY_KEY_HEADER,
  idempotencyKey,
  invoke,
  openApiDocument,
  type Operation,
  OPERATIONS,
  type Route,
  routeOf,
  ServiceError,
  strictFields,
} from "@conclave/api";
import fastify, { type FastifyInstance, type FastifyRequest, type RouteShorthandOptions } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { z } from "zod";
import { checkMediaType, checkToken, hostGuard, tokenGuard } from "./guards.ts";
import { addOperatorRoutes, METRICS_PATH, operatorPaths } from "./operator-routes.ts";
import { DEFAULT_LIMITS, type HttpLimits, type HttpOptions } from "./options.ts";
import { answerBrokenRequest, answerProblem, listenFailure } from "./problems.ts";

export interface HttpServer {
  /** Such as `http://127.0.0.1:8080`: no slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Stops listening and closes every connection. May be called twice. */
  close(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const OPENAPI_PATH = "/openapi.json";

/** Serves `service` until `close`. Throws `PortUnavailable`, or `RangeError` for an unsafe token. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  checkToken(options.token);
  const { host = DEFAULT_HOST, port } = options;
  const app = await build(options);
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw listenFailure(error, { host, port });
  }
  const address = app.server.address();
  const listening = typeof address === "object" && address !== null ? address.port : port;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${listening}`;
  return { url, port: listening, close: () => app.close() };
}

async function build(options: HttpOptions): Promise<FastifyInstance> {
  const limits: HttpLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const app = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    // Trace ids and addresses that a caller could choose would be worth nothing.
    requestIdHeader: false,
    trustProxy: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    forceCloseConnections: true,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      maxHeaderSize: limits.headerBytes,
    },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => void answerProblem(error, request, reply, options.log),
  });
  app.server.maxConnections = limits.connections;
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, request, reply) => answerProblem(error, request, reply, options.log));
  addHooks(app, options);
  await addPlugins(app, options, limits);
  for (const operation of OPERATIONS) addRoute(app, operation, options, limits);
  addOperatorRoutes(app, options, limits);
  addOpenApi(app, options);
  // Unknown paths are counted like any other: guessing them must not be free.
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, async (request, reply) => {
    const methods = methodsAt(request.url, operatorPaths(options));
    if (methods.length === 0) {
      throw new ServiceError("route-not-found", `There is nothing here. ${OPENAPI_PATH} lists what there is.`);
    }
    reply.header("allow", methods.join(", "));
    throw new ServiceError(
      "method-not-allowed",
      `${request.method} is not possible here: use ${methods.join(" or ")}.`,
    );
  });
  return app;
}

function addHooks(app: FastifyInstance, options: HttpOptions): void {
  const checkHost = hostGuard(options);
  app.addHook("onRequest", async (request, reply) => {
    reply.header("trace-id", request.id).header("cache-control", "no-store");
    checkHost(request);
  });
  app.addHook("onResponse", async (request, reply) => {
    const { method, id, routeOptions } = request;
    const ms = Math.round(reply.elapsedTime);
    options.operator?.answered(routeOptions.url ?? "none", reply.statusCode);
    options.log.info(
      { method, route: routeOptions.url ?? null, status: reply.statusCode, ms, trace_id: id },
      "request",
    );
  });
}

async function addPlugins(app: FastifyInstance, options: HttpOptions, limits: HttpLimits): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    // Plain HTTP on this machine; whoever puts TLS before it sets this there.
    strictTransportSecurity: false,
  });
  if (options.allowedOrigins !== undefined && options.allowedOrigins.length > 0) {
    await app.register(cors, {
      origin: [...options.allowedOrigins],
      methods: ["GET", "POST"],
      allowedHeaders: ["authorization", "content-type", IDEMPOTENCY_KEY_HEADER, "traceparent"],
      exposedHeaders: ["location", "retry-after", "trace-id", "traceparent"],
      credentials: false,
    });
  }
  await app.register(rateLimit, {
    max: limits.readsPerMinute,
    timeWindow: 60_000,
    errorResponseBuilder: (_, { after, ttl }) =>
      new ServiceError("too-many-requests", `This address asks too often: try again in ${after}.`, {
        retryAfterSeconds: Math.ceil(ttl / 1000),
      }),
  });
  await app.register(underPressure, { maxEventLoopDelay: limits.eventLoopDelayMs, pressureHandler: overloaded });
}

/** Supervisors must hear that the process lives, and operators how busy it is, even while it turns work away. */
async function overloaded({ routeOptions }: FastifyRequest): Promise<void> {
  if (routeOptions.url === routeOf("health").path || routeOptions.url === METRICS_PATH) return;
  throw new ServiceError("overloaded", "The node is too busy: try again in a few seconds.", { retryAfterSeconds: 5 });
}

function addRoute(app: FastifyInstance, operation: Operation, options: HttpOptions, limits: HttpLimits): void {
  const route = routeOf(operation);
  const checkAccess = tokenGuard(options);
  app.route({
    method: route.method,
    url: route.path,
    schema: schemaOf(route),
    ...(route.maxBodyBytes === undefined ? {} : { bodyLimit: Math.max(limits.bodyBytes, route.maxBodyBytes) }),
    config: { rateLimit: { max: route.access === "change" ? limits.changesPerMinute : limits.readsPerMinute } },
    // After the rate limit, so that tokens cannot be tried quickly, and before a single byte of the body is read.
    preParsing: async (request) => {
      checkAccess(request, route);
      if (route.body) checkMediaType(request);
    },
    handler: async (request, reply) => {
      const startMs = Date.now();
      const answer = await invoke(options.service, operation, inputOf(route, request));
      const { status, location } = route.success;
      const trace = traceparentOf(route, { options, request, answer, startMs });
      if (trace !== null) reply.header("traceparent", trace);
      reply.status(status);
      if (location) reply.header("location", fillPath(location, answer as Readonly<Record<string, unknown>>));
      return answer;
    },
  });
}

/** For a request that the cluster goes on with. Its id is the answer's: `txid` of a payment, `id` of a message, else `request`. */
function traceparentOf(
  route: Route,
  {
    options: { operator },
    request,
    answer,
    startMs,
  }: { options: HttpOptions; request: FastifyRequest; answer: unknown; startMs: number },
): string | null {
  if (operator === undefined || route.method !== "POST" || route.success.status !== 201) return null;
  const { txid, id, request: named } = answer as Readonly<Record<string, unknown>>;
  const made = txid ?? id ?? named;
  if (typeof made !== "string" || !/^[0-9a-f]{64}$/.test(made)) return null;
  const { traceparent } = request.headers;
  return operator.asked(made, { traceparent: typeof traceparent === "string" ? traceparent : null, startMs });
}

const schemaOf = (route: Route): NonNullable<RouteShorthandOptions["schema"]> => ({
  ...(route.params ? { params: route.params } : {}),
  ...(route.query ? { querystring: route.query } : { querystring: strictFields({}, "query parameter") }),
  ...(route.body ? { body: route.body } : {}),
  ...(route.idempotent ? { headers: z.looseObject({ [IDEMPOTENCY_KEY_HEADER]: idempotencyKey.optional() }) } : {}),
  // Only what the schema lists is written: a field that slipped into an answer stays here.
  response: { [route.success.status]: route.success.schema },
});

/** Everything in it has passed the route's schemas. */
const inputOf = (
  route: Route,
  { params, query, body, headers }: FastifyRequest,
): Readonly<Record<string, unknown>> => ({
  ...(params as object),
  ...(query as object),
  ...(route.body ? { body } : {}),
  ...(route.idempotent ? { idempotencyKey: headers[IDEMPOTENCY_KEY_HEADER] ?? randomUUID() } : {}),
});

function addOpenApi(app: FastifyInstance, { service }: HttpOptions): void {
  app.get(OPENAPI_PATH, async ({ host }) => {
    const { version } = await service.health();
    return openApiDocument({ version, serverUrl: `http://${host}` });
  });
}

/** The methods that a path takes; none if there is no such path. */
function methodsAt(url: string, readPaths: readonly string[]): string[] {
  const isAt = (path: string): boolean =>
    new RegExp(`^${path.replace(/:\w+/g, "[^/]+")}$`).test(url.split("?")[0] ?? "");
  const listed = OPERATIONS.map(routeOf).filter(({ path }) => isAt(path));
  return [...listed.map(({ method }) => method), ...(readPaths.some(isAt) ? ["GET"] : [])];
}
