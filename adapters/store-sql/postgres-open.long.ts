/** What opens and what is refused, on a real server: who connects, to what, with which settings, beside whom. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { StoreUnavailable, TRANSACTION_STATES, type Store } from "@conclave/node";
import { sampleRequest, sampleTransaction } from "@conclave/node/testing";
import { openStore } from "./store.ts";
import { BAD_ROWS, postgresMissing, startPostgres, type PostgresServer } from "./testing/index.ts";

const skip = postgresMissing() ?? false;

describe("a store on PostgreSQL", { skip }, () => {
  let server: PostgresServer;
  let count = 0;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.dispose());

  const freshSchema = (): string => `open_${count++}`;
  const withStore = (test: (store: Store, schema: string) => Promise<void>) => async () => {
    const schema = freshSchema();
    const store = await openStore({ postgres: { url: server.url(), schema } });
    try {
      await test(store, schema);
    } finally {
      await store.close();
    }
  };
  /** That opening fails with this code, these words, and no password. */
  async function refused(
    postgres: { readonly url: string; readonly schema?: string },
    code: StoreUnavailable["code"],
    words: RegExp,
  ): Promise<void> {
    await assert.rejects(openStore({ postgres: { schema: freshSchema(), patienceMs: 0, ...postgres } }), (error) => {
      assert(error instanceof StoreUnavailable, inspect(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, words);
      const shown = inspect(error, { depth: 9, showHidden: true });
      assert(!shown.includes(server.password) && !shown.includes("not-the-password"), shown);
      return true;
    });
  }

  it("says what is wrong with an address that does not work, and no password", async () => {
    await refused({ url: server.url({ password: "not-the-password" }) }, "unavailable", /the password is wrong/);
    await refused({ url: server.url({ user: "nobody-here" }) }, "unavailable", /the password is wrong/);
    await refused({ url: server.url({ password: "" }) }, "unavailable", /asks for a password/);
    await refused({ url: server.url({ database: "nowhere" }) }, "unavailable", /no such database/);
    await refused({ url: server.url({ port: 1 }) }, "unavailable", /nothing listens there/);
    await refused({ url: "postgres://u:not-the-password@host.invalid/d" }, "unavailable", /host\.invalid/);
    await refused({ url: server.url({ search: "?sslmode=require" }) }, "unavailable", /the server has no TLS/);
    await refused({ url: server.url(), schema: "Pg" }, "unavailable", /cannot be the schema/);
  });

  it("is refused where the server would forget what it confirmed, with what to do", async () => {
    await server.sql("create role careless superuser login password 'open-sesame-0'");
    await server.sql("alter role careless set synchronous_commit = off");
    const url = server.url({ user: "careless" });
    await refused({ url }, "unavailable", /synchronous_commit = off .*ALTER ROLE/);
    await server.sql("alter role careless set synchronous_commit = local");
    await (await openStore({ postgres: { url, schema: freshSchema() } })).close();
    await server.sql("create database latin encoding 'LATIN1' template template0 locale 'C'");
    await refused({ url: server.url({ database: "latin" }) }, "unavailable", /encoded in LATIN1/);
    await server.restart({ fsync: "off" });
    await refused({ url: server.url() }, "unavailable", /fsync = off/);
    await server.restart();
  });

  it("waits for a server that starts beside it", async () => {
    await server.stop();
    const opening = openStore({ postgres: { url: server.url(), schema: freshSchema() } });
    await server.start();
    await (await opening).close();
  });

  it("needs no more rights than a schema of its own", async () => {
    await server.sql("create role modest login password 'open-sesame-0'");
    await server.sql("create database modest");
    const url = server.url({ user: "modest", database: "modest" });
    await refused({ url, schema: "history" }, "unavailable", /GRANT CREATE ON DATABASE/);
    await server.sql("grant create on database modest to modest");
    const store = await openStore({ postgres: { url, schema: "history" } });
    assert.equal((await store.requests.insert(sampleRequest(1))).result, "saved");
    await store.close();
    await server.sql("revoke create on database modest from modest");
    const again = await openStore({ postgres: { url, schema: "history" } });
    assert.deepEqual(await again.requests.get(sampleRequest(1).id), sampleRequest(1));
    await again.close();
  });

  it("is one node's: other schemas of the database are other stores", async () => {
    const stores = await Promise.all(
      [freshSchema(), freshSchema(), freshSchema()].map((schema) =>
        openStore({ postgres: { url: server.url(), schema } }),
      ),
    );
    await Promise.all(
      stores.map((store, n) =>
        store.transaction(async ({ requests, audit }) => {
          await requests.insert(sampleRequest(n));
          for (let i = 0; i <= n; i++)
            await audit.append({ atMs: i, actor: "a", action: "b", subject: "c", detail: {} });
        }),
      ),
    );
    for (const [n, store] of stores.entries()) {
      const { rows } = await store.requests.list({ limit: 9 });
      assert.deepEqual(
        rows.map(({ id }) => id),
        [sampleRequest(n).id],
      );
      assert.deepEqual(await store.audit.verify(), { intact: true, entries: n + 1 });
      await store.close();
    }
  });

  it("leaves a schema with somebody else's tables as it is", async () => {
    const schema = freshSchema();
    await server.sql(`create schema ${schema}; create table ${schema}.mine (a integer)`);
    await refused({ url: server.url(), schema }, "damaged", /somebody else's tables \(mine\)/);
    assert.deepEqual(await server.sql("select tablename from pg_tables where schemaname = $1", [schema]), [
      { tablename: "mine" },
    ]);
  });

  it("of a newer program is refused with both versions, and left as it is", async () => {
    const schema = freshSchema();
    await (await openStore({ postgres: { url: server.url(), schema } })).close();
    await server.sql(`insert into ${schema}.kysely_migration values ('0009-later', '2030-01-01T00:00:00.000Z')`);
    await refused({ url: server.url(), schema }, "newer", /schema 9 is newer than this program's/);
    assert.deepEqual(
      await server.sql(`select count(*)::int as n from ${schema}.kysely_migration where name > '0008'`),
      [{ n: 1 }],
    );
  });

  it("has one holder, and says who it is", async () => {
    const schema = freshSchema();
    const script = `
      import { openStore } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
      const store = await openStore({ postgres: ${JSON.stringify({ url: server.url(), schema })} });
      await store.audit.append({ atMs: 1, actor: "first", action: "b", subject: "c", detail: {} });
      console.log("open");
      setInterval(() => {}, 1_000);`;
    const first = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(first.stdout, "data");
    await refused(
      { url: server.url(), schema },
      "locked",
      new RegExp(`conclave [^ ]+/${first.pid} \\(127\\.0\\.0\\.1`),
    );
    first.kill("SIGKILL");
    await once(first, "exit");
    const second = await openStore({ postgres: { url: server.url(), schema } });
    assert.deepEqual(await second.audit.verify(), { intact: true, entries: 1 });
    await second.close();
  });

  it("keeps every acknowledged transaction of a process that is killed, whole, and opens at once after it", async () => {
    const schema = freshSchema();
    const script = `
      import { writeSync } from "node:fs";
      import { sampleEvent, sampleRequest } from "@conclave/node/testing";
      import { openStore } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
      const store = await openStore({ postgres: ${JSON.stringify({ url: server.url(), schema })} });
      for (let n = 1; ; n++) {
        await store.transaction(async ({ requests, events, audit }) => {
          await requests.insert(sampleRequest(n));
          await events.insert(sampleEvent(n, { request: sampleRequest(n).id, status: "IN_PROGRESS" }));
          await audit.append({ atMs: n, actor: "a", action: "b", subject: "c", detail: {} });
        });
        writeSync(1, n + "\\n");
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      said += chunk;
      if (said.length > 100) child.kill("SIGKILL");
    });
    await once(child, "close");
    const acknowledged = Number(said.split("\n").at(-2));
    assert(acknowledged > 10, said);
    const store = await openStore({ postgres: { url: server.url(), schema } });
    const { rows } = await store.requests.list({ limit: 500 });
    assert(rows.length === acknowledged || rows.length === acknowledged + 1, `${rows.length} of ${acknowledged}`);
    for (const { id } of rows) assert.equal((await store.events.ofRequest(id)).length, 1);
    assert.deepEqual(await store.audit.verify(), { intact: true, entries: rows.length });
    await store.close();
  });

  it("uses few connections, all of them named, and leaves none behind", async () => {
    const schema = freshSchema();
    const store = await openStore({ postgres: { url: server.url(), schema, connections: 2 } });
    const named = () => server.sql("select 1 from pg_stat_activity where application_name like 'conclave %'");
    await Promise.all(Array.from({ length: 30 }, () => store.audit.list({ from: 1, limit: 9 })));
    assert.equal((await named()).length, 3);
    await store.close();
    while ((await named()).length > 0);
    for (const connections of [0, 17, 1.5])
      await assert.rejects(openStore({ postgres: { url: server.url(), schema, connections } }), RangeError);
  });

  it("keeps whole numbers beyond 2^53 exact, and refuses what is in no range of ours", async () => {
    await withStore(async (store, schema) => {
      await store.requests.insert(sampleRequest(1));
      await store.transactions.upsert(sampleTransaction(1, { amountSats: 2_100_000_000_000_000n }));
      assert.equal((await store.transactions.get(sampleRequest(1).id))?.amountSats, 2_100_000_000_000_000n);
      await server.sql(`update ${schema}.requests set height = 9007199254740993`);
      await assert.rejects(store.requests.get(sampleRequest(1).id), /out of range/);
    })();
  });

  describe("refuses", () => {
    it(
      "no state that the port knows",
      withStore(async ({ requests, transactions }) => {
        await requests.insert(sampleRequest(1));
        for (const state of TRANSACTION_STATES) await transactions.upsert(sampleTransaction(1, { state }));
      }),
    );

    let store: Store;
    before(async () => {
      store = await openStore({ postgres: { url: server.url(), schema: freshSchema() } });
      await store.requests.insert(sampleRequest(1));
    });
    after(() => store.close());
    for (const [what, write] of BAD_ROWS)
      it(what, () =>
        assert.rejects(write(store), (error) => {
          assert(error instanceof StoreUnavailable && error.code === "unavailable", inspect(error));
          assert.match(error.message, /violates check constraint/);
          return true;
        }),
      );
  });

  describe("has an audit log that", () => {
    const entry = (position: number, previous: string) =>
      `(${position}, 1, 'a', 'b', 'c', '{}', '${previous}', '${"f".repeat(64)}')`;

    it(
      "only grows, whatever its operator tries",
      withStore(async (store, schema) => {
        for (const subject of ["one", "two", "three"])
          await store.audit.append({ atMs: 1, actor: "a", action: "b", subject, detail: {} });
        const { hash } = await store.audit.head();
        const log = `${schema}.audit_log`;
        for (const [sql, reason] of [
          [`update ${log} set actor = 'x' where position = 2`, /only grows/],
          [`update ${log} set actor = 'x' where false`, /only grows/],
          [`delete from ${log} where position = 3`, /only grows/],
          [`truncate ${log}`, /only grows/],
          [`insert into ${log} values ${entry(9, hash)}`, /no gaps/],
          [`insert into ${log} values ${entry(3, hash)}`, /no gaps/],
          [`insert into ${log} values ${entry(4, "0".repeat(64))}`, /follows from/],
          [
            `insert into ${log} values ${entry(2, hash)} on conflict (position) do update set actor = 'x'`,
            /only grows|no gaps/,
          ],
        ] as const)
          await assert.rejects(server.sql(sql), reason, sql);
        assert.deepEqual(await store.audit.verify(), { intact: true, entries: 3 });
      }),
    );

    it(
      "has no gap and no fork beside a writer that keeps to no lock",
      withStore(async (store, schema) => {
        let refusals = 0;
        const foreign = async (): Promise<void> => {
          for (let n = 0; n < 20; n++) {
            const { position, hash } = await store.audit.head();
            await server
              .sql(`insert into ${schema}.audit_log values ${entry(position + 1, hash)}`)
              .catch(() => refusals++);
          }
        };
        let kept = 0;
        const own = async (): Promise<void> => {
          for (let n = 0; n < 20; n++) {
            const appended = store.audit.append({ atMs: n, actor: "own", action: "b", subject: "c", detail: {} });
            await appended.then(
              () => kept++,
              // The foreign entry took the place first.
              (error) => assert.match(String(error), /duplicate key|no gaps|follows from/),
            );
          }
        };
        await Promise.all([foreign(), own(), own()]);
        const { position } = await store.audit.head();
        assert.equal(position, kept + 20 - refusals);
        const links = await server.sql(
          `select count(*)::int as broken from ${schema}.audit_log a
             left join ${schema}.audit_log b on b.position = a.position - 1
            where a.previous_hash <> coalesce(b.hash, repeat('0', 64)) or (a.position > 1 and b.position is null)`,
        );
        assert.deepEqual(links, [{ broken: 0 }]);
      }),
    );
  });
});
