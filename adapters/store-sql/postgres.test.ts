import { after, before, describe } from "node:test";
import { storeContract } from "@conclave/node/testing";
import { openStore } from "./store.ts";
import { postgresMissing, startPostgres, type PostgresServer } from "./testing/index.ts";

const skip = postgresMissing() ?? false;

describe("PostgreSQL", { skip }, () => {
  let server: PostgresServer;
  let schemas = 0;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.dispose());

  storeContract("PostgreSQL", async () => {
    const postgres = { url: server.url(), schema: `contract_${schemas++}` };
    let store = await openStore({ postgres });
    return {
      store,
      async reopen() {
        await store.close();
        store = await openStore({ postgres });
        return store;
      },
      dispose: () => store.close(),
    };
  });
});
