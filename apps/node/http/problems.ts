/** Every error becomes problem details (RFC 9457): known ones with their reason, ours with a trace id and nothing else. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { randomUUID } from "node:crypto";
import { type FieldError, PROBLEM_MEDIA_TYPE, problemOf, ServiceError } from "@conclave/api";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors, type ZodFastifySchemaValidationError } from "fastify-type-provider-zod";
import type { HttpLog } from "./options.ts";

/** Answers `request` with what went wrong; mistakes of ours are logged with the trace id that the caller is given. */
export function answerProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: HttpLog,
): FastifyReply {
  const known = knownError(error);
  if (known === undefined) log.error({ err: error, trace_id: request.id }, "a request failed by our mistake");
  const problem = known ?? ownMistake();
  if (problem.retryAfterSeconds !== undefined) reply.header("retry-after", problem.retryAfterSeconds);
  if (problem.problem === "unauthorized") reply.header("www-authenticate", 'Bearer realm="conclave"');
  // What is left of a refused body is not worth reading.
  if (!request.raw.complete) reply.header("connection", "close");
  return reply
    .status(problem.status)
    .type(PROBLEM_MEDIA_TYPE)
    .serializer(JSON.stringify)
    .send(problemOf(problem, request.id));
}

const ownMistake = (): ServiceError =>
  new ServiceError(
    "internal",
    "The node made a mistake and wrote it to its log under this trace id. Whether the request took effect is not known: look before you repeat it.",
  );

function knownError(error: unknown): ServiceError | undefined {
  if (error instanceof ServiceError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) return invalidFields(error);
  switch ((error as Partial<FastifyError> | null)?.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new ServiceError(
        "body-too-large",
        "The body is larger than this node reads: a request has a few hundred bytes.",
      );
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new ServiceError(
        "media-type-unsupported",
        "Send the body as JSON, with the header Content-Type: application/json.",
      );
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return new ServiceError("body-not-json", "The body is empty: send a JSON object.");
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return new ServiceError("body-not-json", "The body is not JSON: check quotes, commas and brackets.");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new ServiceError("request-malformed", "The body is not as long as its Content-Length says.");
    case "FST_ERR_BAD_URL":
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new ServiceError(
        "request-malformed",
        "The path of the request cannot be read: check its % signs and length.",
      );
    default:
      return undefined;
  }
}

type ValidationFailure = Pick<FastifyError, "validationContext"> & {
  readonly validation: readonly ZodFastifySchemaValidationError[];
};

function invalidFields(error: ValidationFailure): ServiceError {
  const errors = error.validation.map(({ instancePath, message = "is wrong" }): FieldError => ({
    pointer: instancePath === "/" ? "" : instancePath,
    detail: message,
  }));
  const detail = errors.map(({ detail }) => sentence(detail)).join(" ");
  return new ServiceError(error.validationContext === "body" ? "request-invalid" : "parameters-invalid", detail, {
    errors,
  });
}

const sentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`);

/** Bytes that are no HTTP request, or that come too slowly, never reach a route: they are answered on the bare socket. */
export function answerBrokenRequest(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const problem = brokenRequest(error.code);
  const body = JSON.stringify(problemOf(problem, randomUUID()));
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `content-type: ${PROBLEM_MEDIA_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  // A peer that never closes its side must not keep the connection.
  socket.once("finish", () => socket.destroy());
}

function brokenRequest(code: string | undefined): ServiceError {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new ServiceError("request-timeout", "The request took too long to arrive: send it in one piece.");
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    return new ServiceError(
      "headers-too-large",
      "The headers are larger than this node reads: send fewer or shorter ones.",
    );
  }
  return new ServiceError("request-malformed", "This is not a valid HTTP/1.1 request.");
}

/** The port cannot be had. The message says what to do. */
export class PortUnavailable extends Error {
  override readonly name = "PortUnavailable";
  readonly port: number;
  constructor(port: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.port = port;
  }
}

/** What a failed `listen` means; errors that are not about the port come back as they are. */
export function listenFailure(
  error: unknown,
  { host, port }: { readonly host: string; readonly port: number },
): unknown {
  const advice = `choose another one: "api_port" in a node's config.json, or conclave up --port-base ${port < 9000 ? 9080 : 8080} for a whole network.`;
  switch ((error as NodeJS.ErrnoException | null)?.code) {
    case "EADDRINUSE":
      return new PortUnavailable(
        port,
        `Port ${port} on ${host} is taken, perhaps by a node that already runs. Stop that program, or ${advice}`,
        { cause: error },
      );
    case "EACCES":
      return new PortUnavailable(port, `Port ${port} needs rights that this user does not have: ${advice}`, {
        cause: error,
      });
    default:
      return error;
  }
}
