/**
 * How one bad message is to be read; decides what may be done about its sender.
 * - `mismatch`: two honest views differ, or blame cannot be assigned. Blames nobody.
 * - `public`: a broadcast part fails a check that needs no secret. Its signed envelope convicts the sender before anyone.
 * - `private`: a sealed part fails. Only the receiver can tell, so only the receiver stops trusting the pair.
 * - `cheat`: a sealed part fails a check that protects reusable pair state (OT): that state must be destroyed.
 */
export type FaultKind = "mismatch" | "public" | "private" | "cheat";

/** Thrown by a round's checks. The session adds who sent the message, the round and the evidence. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly kind: FaultKind;
  constructor(kind: FaultKind, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.kind = kind;
  }
}
