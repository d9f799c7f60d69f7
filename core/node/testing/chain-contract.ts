/** What a wallet relies on of any view of the chain. Each adapter's test calls `chainContract`. */
import { describe } from "node:test";
import { blocksContract } from "./chain-contract/blocks.ts";
import { broadcastContract } from "./chain-contract/broadcast.ts";
import { chainsFrom, type ChainPlace } from "./chain-contract/place.ts";
import { reorganisationContract } from "./chain-contract/reorganisation.ts";
import { scriptsContract } from "./chain-contract/scripts.ts";
import { transactionsContract } from "./chain-contract/transactions.ts";

export type { ChainPlace } from "./chain-contract/place.ts";

/** Every promise as a test, each on a chain of its own from `makePlace`. */
export function chainContract(name: string, makePlace: () => Promise<ChainPlace>): void {
  const onChain = chainsFrom(makePlace);
  describe(`chain contract: ${name}`, () => {
    blocksContract(onChain);
    scriptsContract(onChain);
    transactionsContract(onChain);
    broadcastContract(onChain);
    reorganisationContract(onChain);
  });
}
