/** Which address indices of a wallet are used. */

/** A wallet's chain of addresses: 0 receives, 1 takes change (BIP44). */
export type Branch = 0 | 1;

/** Counters of address indices, one for each branch of each wallet. */
export interface Addresses {
  /** The first unused index of a branch; 0 for a wallet not seen before. `wallet` is the id of its key. */
  next(wallet: string, branch: Branch): Promise<number>;
  /** Returns the first unused index and counts it as used. */
  take(wallet: string, branch: Branch): Promise<number>;
  /** Makes `next` at least this; never lowers it. For indices found used on the chain. */
  raise(wallet: string, branch: Branch, next: number): Promise<void>;
}
