/** What becomes of writes when the server, a connection or an answer is lost. Everything on a real server. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { StoreUnavailable, type Store } from "@conclave/node";
import { sampleEvent, sampleRequest } from "@conclave/node/testing";
import { openStore } from "./store.ts";
import {
  cuttingProxy,
  postgresMissing,
  startPostgres,
  type CuttingProxy,
  type PostgresServer,
} from "./testing/index.ts";

const skip = postgresMissing() ?? false;
/** A loaded machine needs seconds for what takes an idle one a tenth of one. */
const POLL_MS = 20;
/** The end of the message of a COMMIT, and of no other. */
const COMMIT = "commit\0";

/** Audit records of one run, told apart by their subject. */
const record = (subject: string) => ({ atMs: 1, actor: "test", action: "outage", subject, detail: {} });

/** Every subject of the audit log, in order. The chain has to be whole. */
async function subjects(store: Store): Promise<readonly string[]> {
  const found: string[] = [];
  for (let from = 1; ; from += 500) {
    const page = await store.audit.list({ from, limit: 500 });
    found.push(...page.map(({ subject }) => subject));
    if (page.length < 500) break;
  }
  assert.deepEqual(await store.audit.verify(), { intact: true, entries: found.length });
  return found;
}

describe("a store on PostgreSQL that loses", { skip }, () => {
  let server: PostgresServer;
  let proxy: CuttingProxy;
  let store: Store;
  let schema = "";
  let count = 0;
  const settled: (() => Promise<void>)[] = [];
  before(async () => {
    server = await startPostgres();
    proxy = await cuttingProxy(server.port);
  });
  after(async () => {
    await proxy.close();
    await server.dispose();
  });
  afterEach(async () => {
    for (const close of settled.splice(0)) await close();
  });

  /** An open store in a schema of its own; behind the proxy if asked. */
  async function open({ port = server.port, connections = 3, patienceMs = 60_000 } = {}): Promise<Store> {
    schema = `outage_${count++}`;
    store = await openStore({ postgres: { url: server.url({ port }), schema, connections, patienceMs } });
    settled.push(() => store.close());
    return store;
  }
  const terminate = (condition: string) =>
    server.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'conclave %' and ${condition}`,
    );
  /** Waits until `condition` holds for some connection of ours. */
  async function activity(condition: string): Promise<void> {
    for (;;) {
      const rows = await server.sql(
        `select 1 from pg_stat_activity where application_name like 'conclave %' and ${condition}`,
      );
      if (rows.length > 0) return;
      await sleep(POLL_MS);
    }
  }
  /** Makes every commit of an audit entry take so long, inside of COMMIT. */
  const slowCommits = (seconds: number) =>
    server.sql(
      `create function ${schema}.slow() returns trigger language plpgsql as $$ begin perform pg_sleep(${seconds}); return null; end $$;
       create constraint trigger slow after insert on ${schema}.audit_log deferrable initially deferred
         for each row execute function ${schema}.slow()`,
    );
  const quickCommits = () => server.sql(`drop function ${schema}.slow() cascade`);

  it("the server in mid-use goes on after its restart: nothing lost, nothing twice", async () => {
    await open();
    const stop = new AbortController();
    const written: string[] = [];
    const writer = async (name: string): Promise<void> => {
      for (let n = 0; !stop.signal.aborted; n++) {
        await store.audit.append(record(`${name}.${n}`));
        written.push(`${name}.${n}`);
        await store.audit.head();
      }
    };
    const writers = ["a", "b", "c"].map(writer);
    for (const how of ["fast", "kill"] as const) {
      const before = written.length;
      while (written.length < before + 20) await sleep(POLL_MS);
      await server.stop(how);
      await server.start();
    }
    const before = written.length;
    while (written.length < before + 20) await sleep(POLL_MS);
    stop.abort();
    await Promise.all(writers);
    const found = await subjects(store);
    assert.deepEqual(found.toSorted(), written.toSorted());
  });

  it("its connection in mid-transaction does the transaction again, whole", async () => {
    await open();
    let tries = 0;
    await store.transaction(async ({ requests, events }) => {
      tries++;
      await requests.insert(sampleRequest(1));
      if (tries === 1) {
        await activity("state = 'idle in transaction'");
        await terminate("state = 'idle in transaction'");
      }
      await events.insert(sampleEvent(1));
    });
    assert.equal(tries, 2);
    assert.equal((await store.events.get(sampleEvent(1).id))?.status, "PENDING");
    assert.equal((await store.requests.list({ limit: 9 })).rows.length, 1);
  });

  it("its connection while the server commits: undone there, done again here", async () => {
    await open();
    await slowCommits(60);
    const append = store.audit.append(record("once"));
    await activity("query = 'commit' and state = 'active'");
    await quickCommitsSoon();
    const entry = await append;
    assert.equal(entry.position, 1);
    assert.deepEqual(await subjects(store), ["once"]);

    // The trigger's table is locked by the commit under way: it can only go once that was terminated.
    async function quickCommitsSoon(): Promise<void> {
      const gone = quickCommits();
      await terminate("query = 'commit' and state = 'active'");
      await gone;
    }
  });

  it("the answer to COMMIT finds that it was kept, and writes nothing twice", async () => {
    await open({ port: proxy.port });
    for (let n = 0; n < 5; n++) {
      const cut = proxy.cutAt(COMMIT, "after");
      const [entry] = await Promise.all([store.audit.append(record(`kept.${n}`)), cut]);
      assert.equal(entry.position, n + 1);
    }
    assert.deepEqual(await subjects(store), ["kept.0", "kept.1", "kept.2", "kept.3", "kept.4"]);
  });

  it("the line before COMMIT arrives finds that it was not kept, and writes it again", async () => {
    await open({ port: proxy.port });
    for (let n = 0; n < 5; n++) {
      const cut = proxy.cutAt(COMMIT, "before");
      const [id] = await Promise.all([
        store.violations.insert({
          node: sampleRequest(1).origin,
          type: "Timeout",
          request: null,
          evidence: null,
          detectedAtMs: n,
          actionTaken: "",
        }),
        cut,
      ]);
      assert(id > 0);
    }
    const times = (await store.violations.list({ limit: 99 })).map(({ detectedAtMs }) => detectedAtMs);
    assert.deepEqual(times, [4, 3, 2, 1, 0]);
  });

  it("the answer to a COMMIT that is still under way waits for its end before it judges", async () => {
    await open({ port: proxy.port });
    await slowCommits(0.5);
    const cut = proxy.cutAt(COMMIT, "after");
    const [entry] = await Promise.all([store.audit.append(record("slow")), cut]);
    assert.equal(entry.position, 1);
    assert.deepEqual(await subjects(store), ["slow"]);
  });

  it("any of its lines at any moment keeps every write once, in order", async () => {
    const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    let state = seed;
    /** A number below `below`, the next of the seed's (Park and Miller). */
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    console.log(`seed ${seed}: SEED=${seed} repeats it`);
    await open({ port: proxy.port });
    const writes = 60;
    const holders = "pid in (select pid from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock')";
    const all: Promise<unknown>[] = [];
    for (let n = 0; n < writes; n++) {
      const attack = random(6);
      if (attack === 0) void proxy.cutAt(COMMIT, "before");
      if (attack === 1) void proxy.cutAt(COMMIT, "after");
      if (attack === 2) void proxy.cutAt("audit_log", random(2) === 0 ? "before" : "after");
      all.push(store.audit.append(record(`${n}`)));
      if (attack === 3) await terminate(holders);
      if (attack === 4) await terminate(`not ${holders}`);
      if (random(3) === 0) await all.at(-1);
    }
    await Promise.all(all);
    const expected = Array.from({ length: writes }, (_, n) => `${n}`);
    assert.deepEqual(await subjects(store), expected, `seed ${seed}`);
    // Whatever is still armed hits nobody after this test.
    proxy.disarm();
  });

  it("a transaction to another one's lock or order repeats it", async () => {
    await open();
    await store.requests.insert(sampleRequest(1));
    for (const code of ["40001", "40P01"]) {
      await server.sql(`create sequence ${schema}.tries_${code.toLowerCase()}`);
      await server.sql(
        `create or replace function ${schema}.refuse() returns trigger language plpgsql as $$
           begin
             if nextval('${schema}.tries_${code.toLowerCase()}') < 3 then raise exception 'in the way' using errcode = '${code}'; end if;
             return new;
           end $$;
         create or replace trigger refuse before insert on ${schema}.events for each row execute function ${schema}.refuse()`,
      );
      const event = sampleEvent(code === "40001" ? 1 : 2);
      assert.equal(await store.events.insert(event), "saved");
      assert.deepEqual(await store.events.get(event.id), event);
    }
  });

  it("a real deadlock to somebody else's transaction does its own again", async () => {
    await open();
    for (const n of [1, 2]) {
      await store.requests.insert(sampleRequest(n));
      await store.events.insert(sampleEvent(n, { request: sampleRequest(n).id }));
    }
    const [one, two] = [sampleEvent(1).id, sampleEvent(2).id];
    const foreign = new Client({ connectionString: server.url() });
    await foreign.connect();
    const touch = (id: string) => foreign.query(`update ${schema}.events set error = 'foreign' where id = $1`, [id]);
    // It would wait for longer than we do before it looks for a circle, so that ours is the one that is undone.
    await foreign.query("set deadlock_timeout = '1min'; begin");
    await touch(two);
    let tries = 0;
    await store.transaction(async ({ events }) => {
      await events.update(one, "PENDING", { reason: `try ${++tries}` });
      if (tries === 1) void touch(one).then(() => foreign.query("commit"));
      await events.update(two, "PENDING", { reason: `try ${tries}` });
    });
    await foreign.end();
    assert.equal(tries, 2);
    for (const id of [one, two]) {
      const { reasons, error } = (await store.events.get(id))!;
      assert.deepEqual([reasons, error], [["try 2"], "foreign"]);
    }
  });

  it("the connection that holds its lock writes again once the lock is held again", async () => {
    await open();
    await store.audit.append(record("before"));
    const holders = `pid in (select pid from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock')`;
    await terminate(holders);
    await store.audit.append(record("after"));
    await activity(holders);
    assert.deepEqual(await subjects(store), ["before", "after"]);
  });

  it("the connection that holds its lock writes nothing for as long as somebody else holds it", async () => {
    await open();
    await store.audit.append(record("before"));
    const foreign = new Client({ connectionString: server.url() });
    await foreign.connect();
    const held = await server.sql(
      "select pid, (classid::bigint << 32) | objid::bigint as number from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock'",
    );
    assert.equal(held.length, 1);
    const taken = foreign.query(`select pg_advisory_lock(${String(held[0]!["number"])})`);
    while ((await server.sql("select 1 from pg_locks where locktype = 'advisory' and not granted")).length === 0);
    await terminate(`pid = ${String(held[0]!["pid"])}`);
    await taken;
    // A write may have begun before the loss was heard of. Soon none does: this ends when one is still waiting after a while
    // that is long enough for dozens.
    const expected = ["before"];
    const attempts: Promise<unknown>[] = [];
    for (let isWaiting = false; !isWaiting;) {
      expected.push(`after ${expected.length}`);
      const appended = store.audit.append(record(expected.at(-1)!));
      attempts.push(appended);
      isWaiting = await Promise.race([appended.then(() => false), sleep(300, true)]);
    }
    const written = await server.sql(`select subject from ${schema}.audit_log order by position`);
    assert.deepEqual(
      written.map(({ subject }) => subject),
      expected.slice(0, -1),
    );
    await foreign.end();
    await Promise.all(attempts);
    assert.deepEqual(await subjects(store), expected);
  });

  it("its schema to another process while it was away never writes there again", async () => {
    await open({ port: proxy.port });
    await store.audit.append(record("first"));
    proxy.block();
    const second = await openStore({ postgres: { url: server.url(), schema } });
    await second.audit.append(record("second"));
    proxy.unblock();
    const refused = (error: unknown): boolean => {
      assert(error instanceof StoreUnavailable);
      assert.equal(error.code, "locked");
      assert.match(error.message, /another process took this schema/);
      return true;
    };
    await assert.rejects(store.audit.append(record("too late")), refused);
    await second.audit.append(record("third"));
    assert.deepEqual(await subjects(second), ["first", "second", "third"]);
    await second.close();
    await assert.rejects(store.audit.append(record("still too late")), refused);
    await assert.rejects(store.audit.head(), refused);
  });

  it("the server for longer than its patience says so, and works when it is back", async () => {
    await open({ patienceMs: 300 });
    await store.audit.append(record("before"));
    await server.stop();
    try {
      await assert.rejects(store.audit.append(record("away")), (error) => {
        assert(error instanceof StoreUnavailable, String(error));
        assert.equal(error.code, "unavailable");
        return true;
      });
      await assert.rejects(store.audit.head(), StoreUnavailable);
    } finally {
      await server.start();
    }
    // Not by how long it takes: until it works.
    for (;;) {
      const entry = await store.audit.append(record("after")).catch(() => null);
      if (entry !== null) break;
    }
    assert.deepEqual(await subjects(store), ["before", "after"]);
  });
});
