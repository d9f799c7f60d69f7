/** Which check of an OT protocol a peer's message failed. */
export type OtCheck = "base-ot" | "trees" | "extension" | "multiplication";

/**
 * A peer's OT message is not what an honest peer sends. Only the receiver of the message can tell, so it proves nothing to
 * others; but each such attempt may have taught the peer bits of a secret: what the pair shares must be erased, not retried.
 */
export class OtCheckFailed extends Error {
  override readonly name = "OtCheckFailed";
  readonly check: OtCheck;

  constructor(check: OtCheck) {
    super(`the peer's message fails the ${check} check; erase what this pair shares and set it up anew`);
    this.check = check;
  }
}
