/** Why an account cannot make a payment, where more coins or another account may help. */
import { InsufficientFunds, PaymentRefused, TooManyInputs } from "@conclave/bitcoin";

/** Too little, in too many pieces, or in pieces whose previous transactions do not fit into one request. */
export const isShortage = (error: unknown): error is Error =>
  error instanceof InsufficientFunds ||
  error instanceof TooManyInputs ||
  (error instanceof PaymentRefused && error.code === "previous-too-large");
