/** Everything that can go wrong, once: RFC 9457 problem details with stable types. */
import { z } from "zod";

/** Name, HTTP status and title of every problem. Names are promises: clients decide by them. */
export const PROBLEMS = {
  "body-not-json": { status: 400, title: "The body is not JSON" },
  "parameters-invalid": { status: 400, title: "A parameter or header is missing or wrong" },
  "cursor-invalid": { status: 400, title: "The cursor is not one of ours" },
  "request-malformed": { status: 400, title: "The request is not valid HTTP" },
  unauthorized: { status: 401, title: "The API token is missing or wrong" },
  "refused-by-policy": { status: 403, title: "The policy refuses this payment" },
  "digests-not-allowed": { status: 403, title: "The node does not sign bare hashes" },
  "route-not-found": { status: 404, title: "There is nothing at this address" },
  "key-not-found": { status: 404, title: "No such key" },
  "message-not-found": { status: 404, title: "No such message" },
  "transaction-not-found": { status: 404, title: "No such transaction" },
  "method-not-allowed": { status: 405, title: "This address does not take this method" },
  "request-timeout": { status: 408, title: "The request did not arrive in time" },
  "idempotency-key-in-use": { status: 409, title: "The first request with this key is still running" },
  "not-frozen": { status: 409, title: "No account is frozen for this transaction" },
  "approval-refused": { status: 409, title: "There is nothing left to decide about this payment" },
  "txid-ambiguous": { status: 409, title: "The ids of several payments begin so" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "media-type-unsupported": { status: 415, title: "The body must be plain application/json" },
  "host-refused": { status: 421, title: "This node does not answer to that host name" },
  "request-invalid": { status: 422, title: "The request does not say what is needed" },
  "idempotency-key-reused": { status: 422, title: "The key was used for another request" },
  "recipient-invalid": { status: 422, title: "The recipient is not an address of this network" },
  "amount-below-dust": { status: 422, title: "The amount is too small to be carried" },
  "insufficient-funds": { status: 422, title: "The balance does not suffice" },
  "too-many-inputs": { status: 422, title: "The payment would need too many coins" },
  "fee-too-low": { status: 422, title: "The fee is too low to be relayed" },
  "max-fee-too-low": { status: 422, title: "The payment's fee is above the highest that would be approved" },
  "fee-too-high": { status: 422, title: "The fee is above a cap of the policy" },
  "message-refused": { status: 422, title: "This message is not signed with this key" },
  "presign-refused": { status: 422, title: "No signatures are prepared with this key" },
  "rekey-refused": { status: 422, title: "These nodes share no edge of this key" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  "headers-too-large": { status: 431, title: "The headers are too large" },
  internal: { status: 500, title: "The node made a mistake" },
  "not-ready": { status: 503, title: "The node is not ready" },
  "cluster-halted": { status: 503, title: "Too few nodes to sign" },
  "chain-unreachable": { status: 503, title: "The Bitcoin network cannot be reached" },
  "store-unavailable": { status: 503, title: "The node cannot reach its history" },
  overloaded: { status: 503, title: "The node is too busy" },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

export type ProblemName = keyof typeof PROBLEMS;

/** One wrong field: where (RFC 6901 pointer such as `/amount_sats`) and what to write instead. */
export const fieldError = z.object({ pointer: z.string(), detail: z.string() });

export type FieldError = z.output<typeof fieldError>;

/** One thing that is missing, by what was looked at. */
export const reason = z.object({ name: z.string().max(32), detail: z.string() });

export type Reason = z.output<typeof reason>;

/** Body of every error answer, `application/problem+json`. Clients ignore members they do not know (RFC 9457 §3.2). */
export const problem = z.object({
  type: z.string().describe("Which problem it is: never changes for the same cause"),
  title: z.string(),
  status: z.number().int().min(400).max(599),
  detail: z.string().describe("What was wrong this time and what to do, for people"),
  trace_id: z.string().describe("Names this answer in the node's log"),
  errors: z.array(fieldError).optional().describe("The wrong fields, if fields were wrong"),
  reasons: z.array(reason).optional().describe("Everything that keeps the node from being ready, if it is not"),
});

export type Problem = z.output<typeof problem>;

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

const TYPE_PREFIX = "urn:conclave:problem:";

/** The `type` of a problem. */
export const problemType = (name: ProblemName): string => `${TYPE_PREFIX}${name}`;

/** The problem that a `type` names; undefined for types that are not ours. */
export function problemName(type: string): ProblemName | undefined {
  const name = type.startsWith(TYPE_PREFIX) ? type.slice(TYPE_PREFIX.length) : "";
  return Object.hasOwn(PROBLEMS, name) ? (name as ProblemName) : undefined;
}

export interface ServiceErrorOptions extends ErrorOptions {
  /** When it makes sense to ask again. */
  readonly retryAfterSeconds?: number;
  readonly errors?: readonly FieldError[];
  readonly reasons?: readonly Reason[];
}

/** A request that a node refuses, for a reason the caller may know. `detail` says what to do and is shown as it is. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly problem: ProblemName;
  readonly retryAfterSeconds: number | undefined;
  readonly errors: readonly FieldError[] | undefined;
  readonly reasons: readonly Reason[] | undefined;
  constructor(
    name: ProblemName,
    detail: string,
    { retryAfterSeconds, errors, reasons, ...options }: ServiceErrorOptions = {},
  ) {
    super(detail, options);
    this.reasons = reasons;
    this.problem = name;
    this.retryAfterSeconds = retryAfterSeconds;
    this.errors = errors;
  }
  get status(): number {
    return PROBLEMS[this.problem].status;
  }
  get detail(): string {
    return this.message;
  }
}

/** The body that tells a client about `error`. */
export const problemOf = (error: ServiceError, traceId: string): Problem => ({
  type: problemType(error.problem),
  title: PROBLEMS[error.problem].title,
  status: error.status,
  detail: error.detail,
  trace_id: traceId,
  ...(error.errors === undefined ? {} : { errors: [...error.errors] }),
  ...(error.reasons === undefined ? {} : { reasons: [...error.reasons] }),
});
