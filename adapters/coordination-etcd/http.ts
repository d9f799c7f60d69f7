/** One endpoint over HTTP: bounded answers, deadlines, streams of lines. Follows no redirect and keeps no cookie. */
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type AgentOptions } from "node:https";
import type { Clock } from "@conclave/node";
import { EtcdLied, shown } from "./errors.ts";
import { MAX_WATCH_MESSAGE_BYTES } from "./limits.ts";

/** How a TLS connection is made; what is absent is as Node does it. */
export interface EtcdTls {
  /** PEM of the authority that etcd's certificates must come from; the system's authorities unless given. */
  readonly ca?: string;
  /** PEM of this node's certificate and key, for an etcd that asks clients for one. */
  readonly cert?: string;
  readonly key?: string;
}

export interface Question {
  readonly path: string;
  readonly body: string;
  readonly token: string | null;
  readonly deadlineMs: number;
  readonly maxBytes: number;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Messages of a watch as they come. Whoever stops reading stops the sender. */
export interface Stream {
  readonly endpoint: string;
  readonly lines: AsyncIterableIterator<string>;
  close(): void;
}

/** No answer. `message` says why without a secret. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** Connections of one endpoint that are open at once: writes, a watch, and what keeps leases alive. */
const MAX_SOCKETS = 16;

export class Endpoint {
  readonly name: string;
  readonly #url: URL;
  readonly #agent: HttpAgent;
  readonly #clock: Clock;
  readonly #active = new Set<ClientRequest>();

  constructor(url: URL, tls: EtcdTls, clock: Clock) {
    this.#url = url;
    this.name = url.host;
    this.#clock = clock;
    const options: AgentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agent = url.protocol === "https:" ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options);
  }

  /** Throws `NoAnswer`, and `EtcdLied` for an answer that is too long. */
  async ask({ path, body, token, deadlineMs, maxBytes }: Question): Promise<Answer> {
    const request = this.#open(path, body, token);
    const reason = `no full answer within ${deadlineMs} ms`;
    const timer = this.#clock.schedule(deadlineMs, () => request.destroy(new NoAnswer(reason)));
    try {
      const response = await responseOf(request);
      return { status: statusOf(response), text: await bodyOf(response, maxBytes) };
    } catch (cause) {
      throw named(cause);
    } finally {
      timer.cancel();
      this.#active.delete(request);
    }
  }

  /** Throws `NoAnswer` unless the stream begins within the deadline. Its lines throw `NoAnswer` and `EtcdLied`. */
  async stream({ path, body, token, deadlineMs }: Omit<Question, "maxBytes">): Promise<Stream & { status: number }> {
    const request = this.#open(path, body, token);
    const timer = this.#clock.schedule(deadlineMs, () =>
      request.destroy(new NoAnswer(`no stream within ${deadlineMs} ms`)),
    );
    const close = (): void => {
      timer.cancel();
      this.#active.delete(request);
      request.destroy();
    };
    try {
      const response = await responseOf(request);
      const status = statusOf(response);
      // A refusal is an answer, and has to end in time.
      if (status === 200) timer.cancel();
      return { endpoint: this.name, status, lines: linesOf(response), close };
    } catch (cause) {
      close();
      throw named(cause);
    }
  }

  close(): void {
    for (const request of this.#active) request.destroy(new NoAnswer("closed"));
    this.#agent.destroy();
  }

  #open(path: string, body: string, token: string | null): ClientRequest {
    const send = this.#url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send(new URL(path, this.#url), {
      method: "POST",
      agent: this.#agent,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        ...(token === null ? {} : { authorization: token }),
      },
    });
    this.#active.add(request);
    // Whatever comes after somebody listened for it: a request that was destroyed may fail a second time.
    request.on("error", () => {});
    request.end(body);
    return request;
  }
}

const responseOf = (request: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.once("error", reject);
    request.once("close", () => reject(new NoAnswer("the connection ended")));
    request.once("response", (response) => {
      // As above: an error of a body that nobody reads any more is nobody's.
      response.on("error", () => {});
      resolve(response);
    });
  });

function statusOf(response: IncomingMessage): number {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    response.destroy();
    throw new NoAnswer(`it redirects (status ${status}), which is not followed: set the right address`);
  }
  return status;
}

async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop destroys the response, and with it the connection.
    if (size > maxBytes) throw new AnswerTooLong(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString("utf8");
}

/** An answer was longer than what is allowed for it: a lie, unless so much was asked for. */
export class AnswerTooLong extends EtcdLied {}

const NEWLINE = 0x0a;

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        const line = Buffer.concat([...parts, chunk.subarray(from, at)]).toString("utf8");
        [parts, size, from] = [[], 0, at + 1];
        yield line;
      }
      parts.push(chunk.subarray(from));
      size += chunk.length - from;
      if (size > MAX_WATCH_MESSAGE_BYTES)
        throw new AnswerTooLong(`a watch message of more than ${MAX_WATCH_MESSAGE_BYTES} bytes`);
    }
  } catch (cause) {
    throw named(cause);
  }
}

/** What Node says of a failed connection, which names addresses and certificates and nothing secret. */
function named(cause: unknown): Error {
  if (cause instanceof NoAnswer || cause instanceof EtcdLied) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const explained = EXPLAINED.get(code ?? "") ?? (CLIENT_REFUSED.test(code ?? "") ? CLIENT_ADVICE : null);
  return new NoAnswer(explained ?? shown(`${code ?? "failed"}: ${message}`), { cause });
}

/** The alerts by which servers end a handshake over the client's certificate. */
const CLIENT_REFUSED = /ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_REQUIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA)/;
const CLIENT_ADVICE = "it asks for a client certificate that it can trust: configure one of an authority that it knows";

const EXPLAINED: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "nothing listens there"],
  ["ECONNRESET", "the connection was cut; an etcd with TLS is asked by https"],
  ["ENOTFOUND", "its name is unknown"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its certificate comes from an authority that is not the one configured"],
  ["CERT_SIGNATURE_FAILURE", "its certificate comes from an authority that is not the one configured"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is self-signed: configure its authority"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its certificate comes from an authority that is not the one configured"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "its certificate comes from an authority that is not the one configured"],
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name: use the name it was made for"],
  ["EPROTO", "the TLS handshake failed; an etcd without TLS is asked by http"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "it speaks no TLS: ask it by http, or give it a certificate"],
]);
