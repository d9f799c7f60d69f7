/** What every transport promises. Each adapter's test calls `transportContract`; the network in memory passes it first. */
import { describe } from "node:test";
import { endContract } from "./transport-contract/end.ts";
import { framesContract } from "./transport-contract/frames.ts";
import { limitsContract } from "./transport-contract/limits.ts";
import { linksContract } from "./transport-contract/links.ts";
import { networksFrom, type TransportNetwork } from "./transport-contract/network.ts";

export type { TransportNetwork } from "./transport-contract/network.ts";

/** Every promise as a test, each on a network of its own from `makeNetwork`: healthy, three nodes or more, nobody on it. */
export function transportContract(name: string, makeNetwork: () => Promise<TransportNetwork>): void {
  const networks = networksFrom(makeNetwork);
  describe(`transport contract: ${name}`, () => {
    framesContract(networks);
    linksContract(networks);
    limitsContract(networks);
    endContract(networks);
  });
}
