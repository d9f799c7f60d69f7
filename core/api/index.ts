export {
  approvalPage,
  approveRequest,
  decidedTransaction,
  MAX_APPROVALS,
  MAX_REASON_BYTES,
  rejectRequest,
} from "./approval.ts";
export type { ApprovalPage, DecidedTransaction, PendingApproval } from "./approval.ts";
export { ApiAnswerInvalid, ApiProblem, ApiUnreachable, createClient, fillPath } from "./client.ts";
export type { Client, ClientOptions, Fetch } from "./client.ts";
export {
  acknowledgedSpend,
  acknowledgeRequest,
  clusterNode,
  clusterStatus,
  evidenceExport,
  nodePage,
} from "./cluster.ts";
export type {
  AcknowledgedSpend,
  AcknowledgeRequest,
  ClusterNode,
  ClusterStatus,
  EvidenceExport,
  NodePage,
  Rekeying,
  RekeyRequest,
} from "./cluster.ts";
export { ACCOUNTS, MAX_AMOUNT_SATS, MAX_METADATA_BYTES, SHORTEST_TXID } from "./fields.ts";
export type { Account } from "./fields.ts";
export { health, readiness } from "./health.ts";
export type { Health, Readiness } from "./health.ts";
export { keyPage, keyRequest, MAX_PRESIGNATURES } from "./key.ts";
export type { Key, KeyPage, KeyRequest, KeyUnderWay, Presigning, PresignRequest, RequestedKey } from "./key.ts";
export { MAX_MESSAGE_BYTES, MESSAGE_HASHES, MESSAGE_STATES, message, messageRequest } from "./message.ts";
export type { Message, MessageHash, MessageRequest, MessageState } from "./message.ts";
export { openApiDocument } from "./openapi.ts";
export type { Json } from "./openapi.ts";
export {
  fieldError,
  problem,
  PROBLEM_MEDIA_TYPE,
  problemName,
  problemOf,
  PROBLEMS,
  problemType,
  ServiceError,
} from "./problem.ts";
export type { FieldError, Problem, ProblemName, ServiceErrorOptions } from "./problem.ts";
export { COMMON_PROBLEMS, IDEMPOTENCY_KEY_HEADER, idempotencyKey, OPERATIONS, routeOf, routes } from "./routes.ts";
export type { InputOf, Operation, OutputOf, Route, SentInputOf } from "./routes.ts";
export { invoke } from "./service.ts";
export type { NodeService } from "./service.ts";
export { closest, strictFields, unknownName } from "./strict.ts";
export {
  FSM_STATES,
  fsmStateOf,
  MAX_ATTEMPTS_TOLD,
  MAX_PAGE,
  STATES,
  transaction,
  TRANSACTION_STATES,
  transactionPage,
  transactionRequest,
  transactionState,
} from "./transaction.ts";
export type { FsmState, Transaction, TransactionPage, TransactionRequest, TransactionState } from "./transaction.ts";
export { balance, walletAddress } from "./wallet.ts";
export type { Balance, WalletAddress } from "./wallet.ts";
