/** Why a peer could not be dialled. */

/** What was wrong with a dial. */
export type DialProblem =
  /** Neither the registry nor the roster says where the peer is. */
  | "no-address"
  /** An address that is none, or that names somebody else. */
  | "bad-address"
  /** Who answered proved another identity than the roster's. */
  | "wrong-peer"
  /** It proved its identity and hung up: our peer id is not in its roster, or it has no room for us. */
  | "turned-away"
  /** It speaks libp2p, and not our protocol. */
  | "other-protocol"
  | "unreachable";

/** A dial that came to nothing. */
export class DialRefused extends Error {
  override readonly name = "DialRefused";
  readonly problem: DialProblem;

  constructor(problem: DialProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
