/** A typed client of one node, made from the table of routes. The network is handed in: this module has none of its own. */
import { problem, problemName, PROBLEM_MEDIA_TYPE, type Problem, type ProblemName } from "./problem.ts";
import {
  IDEMPOTENCY_KEY_HEADER,
  OPERATIONS,
  routeOf,
  type Operation,
  type OutputOf,
  type Route,
  type SentInputOf,
} from "./routes.ts";

/** As much of the Fetch standard as is needed here. Deadlines are the caller's: wrap it and add a signal. */
export type Fetch = (
  url: string,
  request: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
    /** A redirect would carry the token to a stranger. */
    readonly redirect: "error";
  },
) => Promise<{ readonly status: number; text(): Promise<string> }>;

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8080`, with or without a slash at the end. */
  readonly baseUrl: string;
  readonly fetch: Fetch;
  /** The node's API token: needed to change anything. */
  readonly token?: string;
}

/** One method per route; fields that have a default may be left out. */
export type Client = {
  readonly [O in Operation]: (
    ...input: unknown extends SentInputOf<O>
      ? []
      : Partial<SentInputOf<O>> extends SentInputOf<O>
        ? [input?: SentInputOf<O>]
        : [input: SentInputOf<O>]
  ) => Promise<OutputOf<O>>;
};

/** The node answered with a problem. `message` is its detail: meant to be shown. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  /** Undefined for a problem that this version does not know; `body.status` still tells its kind. */
  readonly problem: ProblemName | undefined;
  readonly body: Problem;
  constructor(body: Problem) {
    super(body.detail);
    this.problem = problemName(body.type);
    this.body = body;
  }
}

/** No answer came: nobody listens, the line broke, or the caller's deadline passed. The node may have acted all the same. */
export class ApiUnreachable extends Error {
  override readonly name = "ApiUnreachable";
  readonly baseUrl: string;
  constructor(baseUrl: string, options?: ErrorOptions) {
    super(`No answer from ${baseUrl}.`, options);
    this.baseUrl = baseUrl;
  }
}

/** Something answered that is no Conclave node, or one of another version. */
export class ApiAnswerInvalid extends Error {
  override readonly name = "ApiAnswerInvalid";
}

/**
 * A client of the node at `baseUrl`. Its methods throw `ApiProblem`, `ApiUnreachable` or `ApiAnswerInvalid`.
 * Throws `TypeError` if `baseUrl` is not an http or https address.
 *
 * @example
 * const client = createClient({ baseUrl: "http://127.0.0.1:8080", fetch, token });
 * const { txid } = await client.createTransaction({
 *   idempotencyKey: crypto.randomUUID(),
 *   body: { recipient: "bcrt1q…", amount_sats: 50_000 },
 * });
 */
export function createClient(options: ClientOptions): Client {
  if (!/^https?:\/\/[^/?#\s@]+(?:\/[^?#\s]*)?$/.test(options.baseUrl)) {
    throw new TypeError("The API endpoint must look like http://127.0.0.1:8080 or https://node.example.org.");
  }
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  const methods = OPERATIONS.map((operation) => [
    operation,
    (input: Input = {}) => call({ ...options, baseUrl }, routeOf(operation), input),
  ]);
  return Object.fromEntries(methods) as Client;
}

type Input = Readonly<Record<string, unknown>>;

async function call({ baseUrl, fetch, token }: ClientOptions, route: Route, input: Input): Promise<unknown> {
  const answer = await send(
    { baseUrl, fetch },
    route,
    {
      method: route.method,
      headers: {
        accept: `application/json, ${PROBLEM_MEDIA_TYPE}`,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(route.idempotent ? { [IDEMPOTENCY_KEY_HEADER]: String(input["idempotencyKey"]) } : {}),
        ...(route.body ? { "content-type": "application/json" } : {}),
      },
      ...(route.body ? { body: JSON.stringify(input["body"]) } : {}),
      redirect: "error",
    },
    input,
  );
  const succeeded = answer.status >= 200 && answer.status < 300;
  const parsed = (succeeded ? route.success.schema : problem).safeParse(parseJson(answer.text));
  if (!parsed.success) {
    throw new ApiAnswerInvalid(
      `${baseUrl}${route.path} answered with status ${answer.status} and not in the form of a Conclave node: is the address right, and is the node of the same version?`,
      { cause: parsed.error },
    );
  }
  if (!succeeded) throw new ApiProblem(parsed.data as Problem);
  return parsed.data;
}

async function send(
  { baseUrl, fetch }: ClientOptions,
  route: Route,
  request: Parameters<Fetch>[1],
  input: Input,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(`${baseUrl}${fillPath(route.path, input)}${queryString(route, input)}`, request);
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    throw new ApiUnreachable(baseUrl, { cause });
  }
}

/** `/transactions/:txid` with the fields of `values` in place of its parameters. */
export const fillPath = (path: string, values: Input): string =>
  path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(values[name])));

function queryString(route: Route, input: Input): string {
  const pairs = Object.keys(route.query?.shape ?? {})
    .filter((name) => input[name] !== undefined)
    .map((name) => `${encodeURIComponent(name)}=${encodeURIComponent(String(input[name]))}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No schema accepts undefined: the caller hears that the answer was not ours.
    return undefined;
  }
}
