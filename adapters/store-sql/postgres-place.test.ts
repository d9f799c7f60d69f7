/** The server's surroundings: its certificate, and its disk. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { StoreUnavailable } from "@conclave/node";
import { sampleRequest } from "@conclave/node/testing";
import { openStore } from "./store.ts";
import { postgresMissing, smallDisk, startPostgres, TLS_SETTINGS, type PostgresServer } from "./testing/index.ts";

const skip = postgresMissing() ?? false;
const noOpenssl = spawnSync("openssl", ["version"]).status === 0 ? false : "openssl is not installed";
const DISK_MEBIBYTES = 4;
const disk = skip === false ? smallDisk(DISK_MEBIBYTES) : null;
const noDisk = disk === null ? "this account may not mount a small disk" : false;

describe("a store on PostgreSQL", { skip }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => {
    await server.dispose();
    disk?.dispose();
  });

  it("speaks TLS to the server whose certificate was asked for, and to no other", { skip: noOpenssl }, async () => {
    const opens = async (search: string): Promise<void> =>
      (await openStore({ postgres: { url: server.url({ search }), schema: "tls" } })).close();
    const refused = (search: string, words: RegExp) =>
      assert.rejects(opens(search), (error) => {
        assert(error instanceof StoreUnavailable && error.code === "unavailable", inspect(error));
        assert.match(error.message, words);
        return true;
      });
    const root = server.certify("IP:127.0.0.1");
    await server.restart(TLS_SETTINGS);
    for (const mode of ["verify-full", "verify-ca", "require"]) await opens(`?sslmode=${mode}&sslrootcert=${root}`);
    await opens("?sslmode=require");
    await refused("?sslmode=verify-full", /certificate is self-signed\. Name its authority with sslrootcert/);
    const store = await openStore({
      postgres: { url: server.url({ search: `?sslmode=verify-full&sslrootcert=${root}` }), schema: "tls" },
    });
    const encrypted = await server.sql(
      "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name like 'conclave %'",
    );
    assert.deepEqual(encrypted, [{ ssl: true }]);
    await store.close();
    server.certify("DNS:another.example.org");
    await server.restart(TLS_SETTINGS);
    await opens(`?sslmode=verify-ca&sslrootcert=${root}`);
    await refused(`?sslmode=verify-full&sslrootcert=${root}`, /certificate is for another host name/);
    await server.restart();
    await refused(`?sslmode=verify-ca&sslrootcert=${root}`, /the server has no TLS/);
  });

  it("on a full disk keeps nothing of a write, says so, and goes on when there is room", { skip: noDisk }, async () => {
    assert(disk !== null);
    server.own(disk.folder);
    await server.sql(`create tablespace small location '${disk.folder}'`);
    await server.sql("create role filling superuser login password 'open-sesame-0'");
    await server.sql("alter role filling set default_tablespace = small");
    const store = await openStore({ postgres: { url: server.url({ user: "filling" }), schema: "filling" } });
    // Too long for what a page has left, and too random for PostgreSQL to make it short.
    const noise = Array.from({ length: 500 }, (_, n) => ((n * 2_654_435_761) % 4_294_967_291).toString(36)).join("");
    let kept = 0;
    const write = async (): Promise<void> => {
      await store.transaction(async ({ requests, audit }) => {
        await requests.insert(sampleRequest(kept + 1));
        await audit.append({ atMs: 1, actor: "a", action: "b", subject: "c", detail: { noise } });
      });
      kept++;
    };
    const writeMany = async (): Promise<void> => {
      for (let n = 0; n < 50; n++) await write();
    };
    const isWhole = async (): Promise<void> => {
      assert.deepEqual(await store.audit.verify(), { intact: true, entries: kept });
      assert.equal((await store.requests.list({ limit: 500 })).rows.length, kept);
    };
    await write();
    disk.fill();
    await assert.rejects(writeMany(), (error) => {
      assert(error instanceof StoreUnavailable && error.code === "unavailable", inspect(error));
      assert.match(error.message, /its disk is full\. Free space there; nothing of this write was kept/);
      return true;
    });
    await isWhole();
    await assert.rejects(writeMany(), /disk is full/);
    disk.free();
    await writeMany();
    await isWhole();
    await store.close();
  });
});
