/** Who else spends the coins of a payment that the chain does not show. */
import { outpointKey, type Outpoint } from "@conclave/bitcoin";
import type { BitcoinChain, Position } from "../chain-port.ts";

export interface Rival {
  readonly txid: string;
  /** `txid:vout` of the coin that both spend. */
  readonly coin: string;
  readonly position: Position;
}

/** The first transaction other than `own` that spends one of the coins; null while there is none. Throws what the chain throws. */
export async function rivalOf(chain: BitcoinChain, own: string, coins: readonly Outpoint[]): Promise<Rival | null> {
  for (const coin of coins) {
    const spend = await chain.outspend(coin);
    if (spend !== null && spend.txid !== own)
      return { txid: spend.txid, coin: outpointKey(coin), position: spend.position };
  }
  return null;
}

/** Blocks that hold a transaction or follow its own; 0 while it waits. */
export const depthOf = (position: Position, tipHeight: number): number =>
  position.kind === "waiting" ? 0 : Math.max(1, tipHeight - position.height + 1);
