/** What operators and their machines ask of a node: routes that answer in other forms than the API's table. */
import { routeOf, ServiceError } from "@conclave/api";
import type { FastifyInstance } from "fastify";
import { Readable } from "node:stream";
import { tokenGuard } from "./guards.ts";
import type { HttpLimits, HttpOptions } from "./options.ts";

export const METRICS_PATH = "/metrics";
const VERSION_PATH = "/version";
/** Document 000's name of `/health`. */
const HEALTHZ_PATH = "/healthz";
/** A running node holds its history alone: whoever wants its audit log asks it. */
export const AUDIT_PATH = "/api/v1/audit";
const TRACE_PATH = "/api/v1/debug/traces/:id";

/** Their paths, for answers to methods that they do not take. All are read. */
export const operatorPaths = ({ operator }: HttpOptions): readonly string[] =>
  operator === undefined ? [HEALTHZ_PATH] : [HEALTHZ_PATH, METRICS_PATH, VERSION_PATH, AUDIT_PATH, TRACE_PATH];

export function addOperatorRoutes(app: FastifyInstance, options: HttpOptions, limits: HttpLimits): void {
  const { service, operator } = options;
  const checkAccess = tokenGuard(options);
  const reads = { config: { rateLimit: { max: limits.readsPerMinute } } };
  const guarded = {
    ...reads,
    preParsing: async (request: Parameters<typeof checkAccess>[0]) => checkAccess(request, routeOf("clusterStatus")),
  };
  app.get(HEALTHZ_PATH, reads, () => service.health());
  if (operator === undefined) return;
  app.get(VERSION_PATH, reads, async () => operator.version());
  app.get(METRICS_PATH, guarded, async (_, reply) => {
    const { contentType, text } = await operator.metrics();
    return reply.type(contentType).send(text);
  });
  app.get(AUDIT_PATH, guarded, (_, reply) =>
    reply.type("application/x-ndjson").send(Readable.from(ended(operator.audit()), { objectMode: false })),
  );
  app.get(TRACE_PATH, guarded, (request, reply) => {
    const { id } = request.params as { readonly id: string };
    const trace = /^[0-9a-f]{32}(?:[0-9a-f]{32})?$/.test(id) ? operator.trace(id) : null;
    if (trace === null)
      throw new ServiceError(
        "route-not-found",
        "No such trace: its name is a request's id, or the first half of one, and a node remembers the latest only.",
      );
    return reply.send(trace);
  });
}

async function* ended(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}
