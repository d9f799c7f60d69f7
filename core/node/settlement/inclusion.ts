/**
 * What a chain server can prove of a transaction's place in a block. Its word for the position is a claim; Merkle branch and
 * headers with their work are evidence, and the same evidence is what custody asks for before it lets go of a coin.
 */
import { InclusionRefused, networks, verifyInclusion, type InclusionClaim, type NetworkName } from "@conclave/bitcoin";
import type { BitcoinChain } from "../chain-port.ts";

/** A claim as custody takes it. */
export type Claim = Omit<InclusionClaim, "depth" | "network">;

export interface Buried {
  readonly rawTx: Uint8Array;
  readonly txid: string;
  /** Of its block, as the server says. */
  readonly height: number;
}

/** The evidence that `depth` blocks hold a transaction or follow its own; null while the server shows none. Throws what the chain throws. */
export async function claimOf(
  chain: BitcoinChain,
  { rawTx, txid, height }: Buried,
  depth: number,
): Promise<Claim | null> {
  const [proof, headers] = await Promise.all([chain.merkleProof(txid), chain.headers(height, depth)]);
  if (proof === null) return null;
  return {
    rawTx,
    proof: { block_height: proof.height, merkle: [...proof.branch], pos: proof.position },
    headers: headers.map(({ raw }) => raw),
  };
}

/** Whether the server can prove that a transaction is `depth` blocks deep. Throws what the chain throws. */
export async function isProven(
  chain: BitcoinChain,
  network: NetworkName,
  buried: Buried,
  depth: number,
): Promise<boolean> {
  const claim = await claimOf(chain, buried, depth);
  return claim !== null && proves(claim, network, depth);
}

/** Whether a claim holds: for those who tell people of it. Custody verifies for itself. */
export function proves(claim: Claim, network: NetworkName, depth: number): boolean {
  try {
    verifyInclusion({ ...claim, depth, network: networks[network] });
    return true;
  } catch (error) {
    // A server that is in the middle of a reorganisation, or that lies: either way nothing is proven now.
    if (!(error instanceof InclusionRefused)) throw error;
    return false;
  }
}
