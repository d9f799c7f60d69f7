/** What every store promises. Each adapter's test calls `storeContract`; the in-memory twin passes it first. */
import { describe } from "node:test";
import { auditContract } from "./store-contract/audit.ts";
import { eventsContract } from "./store-contract/events.ts";
import { messagesContract } from "./store-contract/messages.ts";
import { operationsContract } from "./store-contract/operations.ts";
import { storesFrom, type StorePlace } from "./store-contract/place.ts";
import { requestsContract } from "./store-contract/requests.ts";
import { transactionsContract } from "./store-contract/transactions.ts";
import { votesContract } from "./store-contract/votes.ts";
import { wholeStoreContract } from "./store-contract/whole.ts";

export { sampleEvent, sampleMessage, sampleRequest, sampleTransaction } from "./store-contract/samples.ts";
export type { StorePlace } from "./store-contract/place.ts";

/** Every promise as a test, each on an empty store from `makePlace`. */
export function storeContract(name: string, makePlace: () => Promise<StorePlace>): void {
  const withStore = storesFrom(makePlace);
  describe(`store contract: ${name}`, () => {
    requestsContract(withStore);
    votesContract(withStore);
    eventsContract(withStore);
    transactionsContract(withStore);
    messagesContract(withStore);
    operationsContract(withStore);
    auditContract(withStore);
    wholeStoreContract(withStore);
  });
}
