/** Codes of Bitcoin Core's RPC interface (rpc/protocol.h) that `sendrawtransaction` answers with. */
export const RPC_DECODE_FAILED = -22;
export const RPC_INPUTS_OR_FEE = -25;
export const RPC_REFUSED = -26;
export const RPC_ALREADY_IN_CHAIN = -27;

/** The node does not take a transaction. `message` begins as Bitcoin Core's own text does. */
export class Rejected extends Error {
  override readonly name = "Rejected";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Refused by consensus or relay rules (-26). */
export const refuse = (message: string): never => {
  throw new Rejected(RPC_REFUSED, message);
};

/** A block breaks a consensus rule: in a file that somebody changed, or by a bug of ours. */
export class BlockInvalid extends Error {
  override readonly name = "BlockInvalid";
}
