/** From the errors of wallet, chain, messages and keys to the problems of the API. */
import { ServiceError } from "@conclave/api";
import {
  AddressError,
  AmountError,
  FeeRateError,
  FeeTooHigh,
  FeeTooLow,
  InsufficientFunds,
  OutputBelowDust,
  PaymentRefused,
  TooManyInputs,
} from "@conclave/bitcoin";
import {
  ApprovalRefused,
  ChainLied,
  ChainUnreachable,
  IdempotencyConflict,
  MessageRefused,
  NoAccountSuffices,
  NotFrozen,
  PresignRefused,
  RekeyRefused,
  SpendingRefused,
  WalletNotReady,
} from "@conclave/node";

/** What the wallet's and the chain's errors are called on the wire. */
const PROBLEM_OF = [
  [AddressError, "recipient-invalid"],
  [AmountError, "request-invalid"],
  [FeeRateError, "request-invalid"],
  [OutputBelowDust, "amount-below-dust"],
  [InsufficientFunds, "insufficient-funds"],
  [NoAccountSuffices, "insufficient-funds"],
  [TooManyInputs, "too-many-inputs"],
  // The transactions that made so many coins do not fit into one request.
  [PaymentRefused, "too-many-inputs"],
  [FeeTooHigh, "fee-too-high"],
  [FeeTooLow, "fee-too-low"],
  [IdempotencyConflict, "idempotency-key-reused"],
  [NotFrozen, "not-frozen"],
  [SpendingRefused, "refused-by-policy"],
  [WalletNotReady, "not-ready"],
  [ChainUnreachable, "chain-unreachable"],
  [ChainLied, "chain-unreachable"],
] as const;

/** What the refusals of messages, presignatures, edges and approvals are called. */
const PROBLEM_OF_CODE = {
  "unknown-key": "key-not-found",
  "not-a-message-key": "message-refused",
  "too-long": "message-refused",
  transaction: "message-refused",
  "digests-off": "digests-not-allowed",
  "no-presignatures": "presign-refused",
  "no-edges": "rekey-refused",
  "not-two-members": "rekey-refused",
  unknown: "transaction-not-found",
  over: "approval-refused",
  "not-ready": "not-ready",
} as const satisfies Readonly<Record<Refused["code"], string>>;

type Refused = MessageRefused | PresignRefused | RekeyRefused | ApprovalRefused;

const REFUSALS = [MessageRefused, PresignRefused, RekeyRefused, ApprovalRefused] as const;

const isRefused = (error: unknown): error is Refused => REFUSALS.some((type) => error instanceof type);

/** The same work; what it refuses for a reason that the caller may know becomes that problem. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isRefused(error)) throw new ServiceError(PROBLEM_OF_CODE[error.code], error.message, { cause: error });
    if (error instanceof PaymentRefused && error.code !== "previous-too-large") throw error;
    const row = PROBLEM_OF.find(([type]) => error instanceof type);
    if (row === undefined) throw error;
    throw new ServiceError(row[1], (error as Error).message, { cause: error });
  }
}
