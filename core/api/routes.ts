/** Every route, once. The server, the typed client and the OpenAPI document are made from this table. */
import { z } from "zod";
import { approvalPage, approveRequest, decidedTransaction, rejectRequest } from "./approval.ts";
import {
  acknowledgedSpend,
  acknowledgeRequest,
  clusterStatus,
  evidenceExport,
  nodePage,
  rekeying,
  rekeyRequest,
} from "./cluster.ts";
import { bitcoinTxid, hexKeyId, namedTxid, requestId, txid } from "./fields.ts";
import { health, readiness } from "./health.ts";
import { keyPage, keyRequest, presigning, presignRequest, requestedKey } from "./key.ts";
import { MAX_MESSAGE_BYTES, message, messageRequest } from "./message.ts";
import type { ProblemName } from "./problem.ts";
import { strictFields } from "./strict.ts";
import { transaction, transactionPage, transactionQuery, transactionRequest } from "./transaction.ts";
import { addressQuery, balance, walletAddress } from "./wallet.ts";

export interface Route {
  readonly method: "GET" | "POST";
  /** Segments that start with a colon are fields of `params`. */
  readonly path: string;
  readonly summary: string;
  /** `open`: anyone; `read`: anyone on this machine, elsewhere with the token; `change`: with the token, always. */
  readonly access: "open" | "read" | "change";
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** Longest body that is read, where the server's own limit would be too short. */
  readonly maxBodyBytes?: number;
  /**
   * True if the route takes an `Idempotency-Key` header: with it, a repeated request is carried out once. Without it every
   * request stands for itself, as in document 004.
   */
  readonly idempotent?: true;
  readonly success: {
    readonly status: 200 | 201;
    readonly description: string;
    readonly schema: z.ZodObject;
    /** Where the thing that was made can be read: a path with fields of the answer. */
    readonly location?: string;
  };
  /** Problems of this route alone; those of every route are in `COMMON_PROBLEMS`. */
  readonly problems: readonly ProblemName[];
}

/** Header that names a request, so that sending it again does not pay again. */
export const IDEMPOTENCY_KEY_HEADER = "idempotency-key";

/** 1 to 64 letters, digits and `-_.:`; a UUID is a good one. */
export const idempotencyKey = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,64}$/, {
    error: "Idempotency-Key must be 1 to 64 letters, digits or - _ . : (a UUID is a good one)",
  })
  .describe("A new value for each payment; the same value when the same request is sent again");

/** Problems that any route can answer with. */
export const COMMON_PROBLEMS: readonly ProblemName[] = [
  "unauthorized",
  "host-refused",
  "too-many-requests",
  "internal",
  "overloaded",
  "store-unavailable",
];

/** Problems of approving and rejecting. */
const DECISION_PROBLEMS = [
  "body-not-json",
  "parameters-invalid",
  "transaction-not-found",
  "approval-refused",
  "max-fee-too-low",
  "body-too-large",
  "media-type-unsupported",
  "request-invalid",
  "not-ready",
] as const satisfies readonly ProblemName[];

export const routes = {
  health: {
    method: "GET",
    path: "/health",
    summary: "The process lives",
    access: "open",
    success: { status: 200, description: "It does", schema: health },
    problems: [],
  },
  ready: {
    method: "GET",
    path: "/ready",
    summary: "The node can take requests",
    access: "open",
    success: { status: 200, description: "It can", schema: readiness },
    problems: ["not-ready"],
  },
  createTransaction: {
    method: "POST",
    path: "/api/v1/transactions",
    summary: "Ask the cluster to pay",
    access: "change",
    idempotent: true,
    body: transactionRequest,
    success: {
      status: 201,
      description: "The request was taken; its votes and its signature follow",
      schema: transaction,
      location: "/api/v1/transactions/:txid",
    },
    problems: [
      "body-not-json",
      "parameters-invalid",
      "refused-by-policy",
      "idempotency-key-in-use",
      "idempotency-key-reused",
      "body-too-large",
      "media-type-unsupported",
      "request-invalid",
      "recipient-invalid",
      "amount-below-dust",
      "insufficient-funds",
      "too-many-inputs",
      "fee-too-low",
      "fee-too-high",
      "not-ready",
      "cluster-halted",
      "chain-unreachable",
    ],
  },
  transactions: {
    method: "GET",
    path: "/api/v1/transactions",
    summary: "Payments, newest first",
    access: "read",
    query: transactionQuery,
    success: { status: 200, description: "A page of them", schema: transactionPage },
    problems: ["parameters-invalid", "cursor-invalid", "not-ready"],
  },
  transaction: {
    method: "GET",
    path: "/api/v1/transactions/:txid",
    summary: "One payment",
    access: "read",
    params: strictFields({ txid: namedTxid }),
    success: { status: 200, description: "As this node knows it", schema: transaction },
    problems: ["parameters-invalid", "transaction-not-found", "txid-ambiguous", "not-ready"],
  },
  approvals: {
    method: "GET",
    path: "/api/v1/approvals",
    summary: "Payments that wait for a person, oldest first",
    access: "read",
    success: { status: 200, description: "As far as this node heard", schema: approvalPage },
    problems: [],
  },
  approveTransaction: {
    method: "POST",
    path: "/api/v1/transactions/:txid/approve",
    summary: "Approve a payment, as this node's operator",
    access: "change",
    params: strictFields({ txid }),
    body: approveRequest,
    success: { status: 200, description: "It is recorded; this node's vote follows", schema: decidedTransaction },
    problems: DECISION_PROBLEMS,
  },
  rejectTransaction: {
    method: "POST",
    path: "/api/v1/transactions/:txid/reject",
    summary: "Reject a payment, as this node's operator",
    access: "change",
    params: strictFields({ txid }),
    body: rejectRequest,
    success: { status: 200, description: "It is recorded; this node's no follows", schema: decidedTransaction },
    problems: DECISION_PROBLEMS,
  },
  balance: {
    method: "GET",
    path: "/api/v1/wallet/balance",
    summary: "What the wallet holds",
    access: "read",
    success: { status: 200, description: "In satoshis", schema: balance },
    problems: ["not-ready", "chain-unreachable"],
  },
  address: {
    method: "GET",
    path: "/api/v1/wallet/address",
    summary: "Where to pay the wallet",
    access: "read",
    query: addressQuery,
    success: { status: 200, description: "The next unused address", schema: walletAddress },
    problems: ["parameters-invalid", "not-ready", "chain-unreachable"],
  },
  acknowledgeSpend: {
    method: "POST",
    path: "/api/v1/wallet/spends/:txid/acknowledge",
    summary: "Say, as this node's operator, that a spend nobody asked for was looked at: its account goes on",
    access: "change",
    params: strictFields({ txid: bitcoinTxid }),
    body: acknowledgeRequest,
    success: { status: 200, description: "It is in the audit log", schema: acknowledgedSpend },
    problems: [
      "body-not-json",
      "parameters-invalid",
      "not-frozen",
      "body-too-large",
      "media-type-unsupported",
      "request-invalid",
    ],
  },
  createMessage: {
    method: "POST",
    path: "/api/v1/messages",
    summary: "Ask the cluster to sign a message",
    access: "change",
    idempotent: true,
    body: messageRequest,
    // Two digits a byte, and the rest of the request.
    maxBodyBytes: 2 * MAX_MESSAGE_BYTES + 4_096,
    success: {
      status: 201,
      description: "The request was taken; its votes and its signature follow",
      schema: message,
      location: "/api/v1/messages/:id",
    },
    problems: [
      "body-not-json",
      "parameters-invalid",
      "digests-not-allowed",
      "key-not-found",
      "idempotency-key-reused",
      "body-too-large",
      "media-type-unsupported",
      "request-invalid",
      "message-refused",
    ],
  },
  message: {
    method: "GET",
    path: "/api/v1/messages/:id",
    summary: "One message and its signature",
    access: "read",
    params: strictFields({ id: requestId }),
    success: { status: 200, description: "As this node knows it", schema: message },
    problems: ["parameters-invalid", "message-not-found"],
  },
  keys: {
    method: "GET",
    path: "/api/v1/keys",
    summary: "The keys of the cluster",
    access: "read",
    success: { status: 200, description: "Those that this node holds a share of", schema: keyPage },
    problems: [],
  },
  createKey: {
    method: "POST",
    path: "/api/v1/keys",
    summary: "Ask the cluster to make a key for messages",
    access: "change",
    body: keyRequest,
    success: { status: 201, description: "It was asked for; look for it among the keys", schema: requestedKey },
    problems: ["body-not-json", "body-too-large", "media-type-unsupported", "request-invalid"],
  },
  presign: {
    method: "POST",
    path: "/api/v1/keys/:id/presignatures",
    summary: "Have signatures with a key for messages prepared",
    access: "change",
    params: strictFields({ id: hexKeyId }),
    body: presignRequest,
    success: { status: 201, description: "They were asked for; the keys say how many there are", schema: presigning },
    problems: [
      "body-not-json",
      "parameters-invalid",
      "body-too-large",
      "media-type-unsupported",
      "request-invalid",
      "key-not-found",
      "presign-refused",
    ],
  },
  rekey: {
    method: "POST",
    path: "/api/v1/cluster/rekey",
    summary: "Have two nodes make their edge of a key anew",
    access: "change",
    body: rekeyRequest,
    success: { status: 201, description: "They were asked to", schema: rekeying },
    problems: [
      "body-not-json",
      "body-too-large",
      "media-type-unsupported",
      "request-invalid",
      "key-not-found",
      "rekey-refused",
    ],
  },
  clusterStatus: {
    method: "GET",
    path: "/api/v1/cluster/status",
    summary: "Whether the cluster can sign, and if not, why",
    access: "read",
    success: { status: 200, description: "As this node sees it", schema: clusterStatus },
    problems: [],
  },
  clusterEvidence: {
    method: "GET",
    path: "/api/v1/cluster/evidence",
    summary: "What this node convicted others of, as a file that anybody can judge",
    access: "read",
    success: {
      status: 200,
      description: "Signed by this node; without cases if there are none",
      schema: evidenceExport,
    },
    problems: [],
  },
  clusterNodes: {
    method: "GET",
    path: "/api/v1/cluster/nodes",
    summary: "The nodes of the roster",
    access: "read",
    success: { status: 200, description: "Ascending by node_id", schema: nodePage },
    problems: [],
  },
} as const satisfies Readonly<Record<string, Route>>;

export type Operation = keyof typeof routes;

export const OPERATIONS = Object.keys(routes) as readonly Operation[];

/** A route without its literal types, for code that treats all routes alike. */
export const routeOf = (operation: Operation): Route => routes[operation];

type Part<O extends Operation, K extends keyof Route> = (typeof routes)[O] extends { readonly [P in K]: infer S }
  ? S
  : never;

type Fields<S> = [S] extends [never] ? unknown : S extends z.ZodType ? z.output<S> : unknown;

type SentFields<S> = [S] extends [never] ? unknown : S extends z.ZodType ? z.input<S> : unknown;

type Key<O extends Operation> = [Part<O, "idempotent">] extends [never] ? unknown : { readonly idempotencyKey: string };

type Body<T> = unknown extends T ? unknown : { readonly body: T };

/** What a node is given: path and query fields side by side, the body under `body`, the idempotency key if the route has one. */
export type InputOf<O extends Operation> = Fields<Part<O, "params">> &
  Fields<Part<O, "query">> &
  Body<Fields<Part<O, "body">>> &
  Key<O>;

/** What a client gives: the same, but fields with a default may be left out. */
export type SentInputOf<O extends Operation> = SentFields<Part<O, "params">> &
  SentFields<Part<O, "query">> &
  Body<SentFields<Part<O, "body">>> &
  Key<O>;

/** What a route answers with. */
export type OutputOf<O extends Operation> = z.output<(typeof routes)[O]["success"]["schema"]>;
