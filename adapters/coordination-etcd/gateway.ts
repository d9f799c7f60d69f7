/**
 * etcd's JSON gateway over several endpoints. One that fails or lies is left for the next; what all of them fail to do is the
 * caller's to try again. Every question here may be asked twice without harm.
 */
import { CODES, EtcdLied, EtcdRefused, EtcdUnreachable, shown } from "./errors.ts";
import { AnswerTooLong, Endpoint, NoAnswer, type Answer, type Stream } from "./http.ts";
import { MAX_ANSWER_BYTES } from "./limits.ts";
import type { EtcdCredentials } from "./options.ts";
import { parseError, parseJson, parseToken } from "./shapes.ts";

export interface GatewayParts {
  readonly endpoints: readonly Endpoint[];
  readonly credentials?: EtcdCredentials | undefined;
  readonly deadlineMs: number;
  readonly answered: (endpoint: string) => void;
  readonly lied: (endpoint: string, lie: EtcdLied) => void;
}

type Fields = Readonly<Record<string, unknown>>;

/** etcd cannot do it here and now; another member, or the same one later, may. */
const ELSEWHERE: ReadonlySet<number> = new Set([
  CODES.unknown,
  CODES.deadlineExceeded,
  CODES.aborted,
  CODES.internal,
  CODES.unavailable,
]);

/** Refusals that are answers: every member would say the same. After any other one the next question goes elsewhere. */
const ANSWERS: ReadonlySet<number> = new Set([CODES.notFound, CODES.outOfRange]);

/** One endpoint is asked twice: a connection that was kept open may have been closed by the other side meanwhile. */
const LEAST_TRIES = 2;

export class EtcdGateway {
  readonly #parts: GatewayParts;
  #at = 0;
  #token: string | null = null;
  #isClosed = false;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  /** Name of the endpoint that is asked first. */
  get endpoint(): string {
    return this.#parts.endpoints[this.#at]!.name;
  }

  /**
   * Ask, and read the answer with `parse`. Throws `EtcdUnreachable` and `EtcdRefused`, and `AnswerTooLong` if `asksForMuch`,
   * where it need not be a lie.
   */
  call<T>(
    path: string,
    question: Fields,
    parse: (answer: Fields) => T,
    { deadlineMs = this.#parts.deadlineMs, maxBytes = MAX_ANSWER_BYTES, asksForMuch = false } = {},
  ): Promise<T> {
    const body = JSON.stringify(question);
    return this.#anywhere(async (endpoint) => {
      const token = await this.#tokenFor(endpoint);
      const { status, text } = await endpoint.ask({ path, body, token, deadlineMs, maxBytes });
      if (status !== 200) throw this.#refusal(endpoint, { status, text });
      return parse(parseJson(text));
    }, asksForMuch);
  }

  /** Begin a watch. Throws as `call`; the messages throw `NoAnswer` and `EtcdLied`. */
  stream(path: string, question: Fields): Promise<Stream> {
    const body = JSON.stringify(question);
    return this.#anywhere(async (endpoint) => {
      const token = await this.#tokenFor(endpoint);
      const stream = await endpoint.stream({ path, body, token, deadlineMs: this.#parts.deadlineMs });
      if (stream.status === 200) return stream;
      const { value } = await stream.lines.next().finally(() => stream.close());
      throw this.#refusal(endpoint, { status: stream.status, text: typeof value === "string" ? value : "" });
    });
  }

  /** Something is wrong with an endpoint that only the caller saw: the next question goes to another one. */
  avoid(name: string): void {
    const { endpoints } = this.#parts;
    if (this.endpoint === name) this.#at = (this.#at + 1) % endpoints.length;
  }

  close(): void {
    this.#isClosed = true;
    for (const endpoint of this.#parts.endpoints) endpoint.close();
  }

  async #anywhere<T>(work: (endpoint: Endpoint) => Promise<T>, asksForMuch = false): Promise<T> {
    const { endpoints, answered, lied } = this.#parts;
    const reasons = new Map<string, string>();
    for (let left = Math.max(LEAST_TRIES, endpoints.length); left > 0 && !this.#isClosed; left--) {
      const endpoint = endpoints[this.#at]!;
      try {
        const result = await this.#withFreshToken(endpoint, work);
        answered(endpoint.name);
        return result;
      } catch (error) {
        if (error instanceof EtcdRefused && !ELSEWHERE.has(error.code)) {
          if (!ANSWERS.has(error.code)) this.avoid(endpoint.name);
          throw error;
        }
        if (error instanceof AnswerTooLong && asksForMuch) throw error;
        if (!(error instanceof EtcdRefused || error instanceof NoAnswer || error instanceof EtcdLied)) throw error;
        if (error instanceof EtcdLied) lied(endpoint.name, error);
        reasons.set(endpoint.name, error.message);
        this.avoid(endpoint.name);
      }
    }
    throw new EtcdUnreachable(reasons);
  }

  /** A token that etcd does not know any more is replaced once. */
  async #withFreshToken<T>(endpoint: Endpoint, work: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    const token = this.#token;
    try {
      return await work(endpoint);
    } catch (error) {
      if (this.#parts.credentials === undefined || !(error instanceof EtcdRefused) || !isAboutToken(error)) throw error;
      if (this.#token === token) this.#token = null;
      return work(endpoint);
    }
  }

  async #tokenFor(endpoint: Endpoint): Promise<string | null> {
    const { credentials, deadlineMs } = this.#parts;
    if (credentials === undefined || this.#token !== null) return this.#token;
    const body = JSON.stringify({ name: credentials.user, password: credentials.password });
    const question = { path: "/v3/auth/authenticate", body, token: null, deadlineMs, maxBytes: MAX_TOKEN_ANSWER_BYTES };
    const { status, text } = await endpoint.ask(question);
    if (status === 200) return (this.#token = parseToken(parseJson(text)));
    const refusal = this.#refusal(endpoint, { status, text });
    if (!(refusal instanceof EtcdRefused) || ELSEWHERE.has(refusal.code)) throw refusal;
    const reason =
      refusal.code === CODES.failedPrecondition
        ? "its authentication is not enabled: enable it, or configure no user"
        : "it does not accept the user or its password";
    throw new EtcdRefused(endpoint.name, CODES.unauthenticated, reason);
  }

  /** Whatever came with a status that is no success: etcd's own refusal, or something else that listens there. */
  #refusal(endpoint: Endpoint, { status, text }: Answer): Error {
    try {
      const error = parseError(parseJson(text));
      return new EtcdRefused(endpoint.name, error.code, shown(this.#withoutSecrets(error.text)));
    } catch (error) {
      if (!(error instanceof EtcdLied)) throw error;
      const said = shown(this.#withoutSecrets(text).trim());
      return new NoAnswer(`it answers with status ${status}, not as an etcd of version 3.4 or later does: "${said}"`);
    }
  }

  /** Who was given a password may write it into an error, which would end up in a log. */
  #withoutSecrets(text: string): string {
    const secrets = [this.#parts.credentials?.password, this.#token].filter((secret) => typeof secret === "string");
    return secrets.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, "…")), text);
  }
}

/** A token has some dozens of bytes, a signed one some hundreds. */
const MAX_TOKEN_ANSWER_BYTES = 16 << 10;

const isAboutToken = ({ code, message }: EtcdRefused): boolean =>
  code === CODES.unauthenticated || /invalid auth token|auth store is old|user name is empty/.test(message);
