/**
 * How an operation ends without a result.
 * - `refused`: what was asked for is not done: others typed something else, or a rule forbids it
 * - `byzantine`: a party broke the protocol, provably, and without it too few are left
 * - `not-ready`: something has to be done first, which the message names
 * - `failed`: attempts came to nothing too often
 * - `timeout`: the operator's patience is over
 * - `closed`: this party was told to stop
 */
export type FailureCode = "refused" | "byzantine" | "not-ready" | "failed" | "timeout" | "closed";

/** The message says why, who, and what to do. */
export class PartyFailure extends Error {
  override readonly name = "PartyFailure";
  readonly code: FailureCode;
  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
