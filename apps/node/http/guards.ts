/** Who may come in: the right host name, the right token, the right kind of body. Each refuses with a `ServiceError`. */
import { createHash, timingSafeEqual } from "node:crypto";
import { ServiceError, type Route } from "@conclave/api";
import type { FastifyRequest } from "fastify";
import { type HttpOptions, isLoopback } from "./options.ts";

const TOKEN = /^[A-Za-z0-9_.~+/=-]{32,256}$/;

/** Throws `RangeError` for a token that is short enough to be guessed or cannot stand in a header. */
export function checkToken(token: string): void {
  if (!TOKEN.test(token)) throw new RangeError("an API token has 32 to 256 letters, digits or - _ . ~ + / =");
}

/** Refuses requests whose `Host` is not ours: a web page whose own name was pointed at this address sends its own name. */
export function hostGuard({ host = "127.0.0.1", allowedHosts = [] }: HttpOptions): (request: FastifyRequest) => void {
  const allowed = new Set([host, ...allowedHosts].map((name) => name.toLowerCase()));
  return ({ raw }) => {
    const name = /^(?:\[(?<v6>[0-9a-f:]+)\]|(?<name>[^:[\]]+))(?::\d{1,5})?$/i.exec(raw.headers.host ?? "")?.groups;
    const asked = (name?.["v6"] ?? name?.["name"] ?? "").toLowerCase();
    if (asked !== "" && (isLoopback(asked) || allowed.has(asked))) return;
    throw new ServiceError(
      "host-refused",
      "The Host header names another machine. Ask this node by its address, such as 127.0.0.1, or have its operator allow the name.",
    );
  };
}

/**
 * Refuses callers without the token where the route needs it. A wrong token is refused also where none is needed: who sends
 * one expects it to count. The answer is the same for a missing, malformed, wrong or revoked token.
 */
export function tokenGuard({
  host = "127.0.0.1",
  token,
}: HttpOptions): (request: FastifyRequest, route: Route) => void {
  const expected = digest(token);
  const readsAreOpen = isLoopback(host);
  return ({ headers: { authorization } }, { access }) => {
    if (access === "open") return;
    if (authorization === undefined && access === "read" && readsAreOpen) return;
    const sent = /^Bearer +(?<token>[^\s]+)$/i.exec(authorization ?? "")?.groups?.["token"];
    // Digests have one length, so that the comparison takes the same time for every token. No token is empty.
    if (timingSafeEqual(digest(sent ?? ""), expected)) return;
    throw new ServiceError(
      "unauthorized",
      "Send the node's API token: Authorization: Bearer <content of the file api-token in the node's data folder>.",
    );
  };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Bodies are JSON in clear: other types are what web forms send, and compressed ones can be bombs. */
export function checkMediaType({ headers }: FastifyRequest): void {
  const mediaType = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") {
    throw new ServiceError(
      "media-type-unsupported",
      "Send the body as JSON, with the header Content-Type: application/json.",
    );
  }
  if ((headers["content-encoding"] ?? "identity") !== "identity") {
    throw new ServiceError("media-type-unsupported", "Send the body uncompressed, without a Content-Encoding header.");
  }
}
