import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { inspect } from "node:util";
import { StoreUnavailable } from "@conclave/node";
import { parseAddress, PasswordMissing } from "./postgres/address.ts";
import { checkSchemaName } from "./postgres/schema-name.ts";

const SECRET = "s3cr3t-of-nobody";

describe("an address of PostgreSQL", () => {
  const folder = mkdtempSync(join(tmpdir(), "conclave-address-"));
  const file = (name: string, text: string, mode = 0o600): string => {
    writeFileSync(join(folder, name), text, { mode });
    chmodSync(join(folder, name), mode);
    return join(folder, name);
  };
  const root = file("root.pem", "ROOT");
  const [cert, key] = [file("client.pem", "CERT"), file("client.key", "KEY")];
  after(() => rmSync(folder, { recursive: true }));

  it("says where, as whom and what, with what has to be escaped", () => {
    const { host, port, user, database, password, ssl } = parseAddress(
      `postgresql://conclave:p%40ss%25@127.0.0.1:6543/history%20one`,
    );
    assert.deepEqual(
      [host, port, user, database, password(), ssl],
      ["127.0.0.1", 6543, "conclave", "history one", "p@ss%", false],
    );
    assert.equal(parseAddress(`postgres://u@[::1]/d`).host, "::1");
    assert.equal(parseAddress(`postgres://u@localhost/d`).port, 5432);
    const socket = parseAddress(`postgres://u@/d?host=/run/postgresql`);
    assert.deepEqual([socket.host, socket.ssl], ["/run/postgresql", false]);
  });

  it("shows its password nowhere", () => {
    const address = parseAddress(`postgres://u:${SECRET}@db.example.org/d`);
    assert.equal(address.shown, "postgres://u@db.example.org:5432/d");
    for (const text of [inspect(address, { depth: 9, showHidden: true }), JSON.stringify(address)])
      assert(!text.includes(SECRET), text);
    assert.equal(address.password(), SECRET);
  });

  it("may leave the password to a file, which no error quotes", () => {
    const passwordFile = file("password", `${SECRET}\n`);
    assert.equal(parseAddress("postgres://u@localhost/d", { passwordFile }).password(), SECRET);
    assert.throws(() => parseAddress("postgres://u@localhost/d").password(), PasswordMissing);
    assert.throws(() => parseAddress(`postgres://u:${SECRET}@localhost/d`, { passwordFile }), /leave one of them out/);
    assert.throws(() => parseAddress("postgres://u@localhost/d", { passwordFile: join(folder, "none") }), /ENOENT/);
    const shared = file("shared", `${SECRET}\n`, 0o640);
    assert.throws(() => parseAddress("postgres://u@localhost/d", { passwordFile: shared }), /chmod 600/);
  });

  it("means what libpq means by sslmode, and verifies every server but this machine if nothing is said", () => {
    const ssl = (search: string, host = "db.example.org") => parseAddress(`postgres://u@${host}/d${search}`).ssl;
    assert.deepEqual(ssl(""), { rejectUnauthorized: true });
    assert.deepEqual(ssl("?sslmode=verify-full"), { rejectUnauthorized: true });
    assert.deepEqual(ssl(`?sslmode=verify-full&sslrootcert=${root}`), { rejectUnauthorized: true, ca: "ROOT" });
    assert.deepEqual(ssl(`?sslcert=${cert}&sslkey=${key}`), { rejectUnauthorized: true, cert: "CERT", key: "KEY" });
    assert.equal(ssl("?sslmode=disable"), false);
    for (const host of ["localhost", "127.0.0.7", "[::1]"]) assert.equal(ssl("", host), false, host);
    const require = ssl("?sslmode=require");
    assert(require !== false && !require.rejectUnauthorized);
    for (const mode of ["require", "verify-ca"]) {
      const verified = ssl(`?sslmode=${mode}&sslrootcert=${root}`);
      assert(verified !== false && verified.rejectUnauthorized && verified.ca === "ROOT", mode);
      assert.equal(verified.checkServerIdentity?.(), undefined, "names do not count");
    }
  });

  const open = file("open.key", "KEY", 0o644);
  for (const [url, reason] of [
    ["nowhere", /it is no URL/],
    [`mysql://u:${SECRET}@h/d`, /begins with mysql:/],
    [`postgres://u:${SECRET}@/d`, /names no host/],
    [`postgres://:${SECRET}@h/d`, /names no user/],
    [`postgres://u:${SECRET}@h/`, /names no database/],
    [`postgres://u:${SECRET}@h/d/e`, /names no database/],
    [`postgres://u:${SECRET}%zz@h/d`, /password has a %/],
    [`postgres://u:${SECRET}@h/d#x`, /# in a password as %23/],
    [`postgres://u:${SECRET}@h:0/d`, /its port/],
    [`postgres://u:${SECRET}@h/d?ssl=true`, /"ssl" is none of/],
    [`postgres://u:${SECRET}@h/d?sslmode=disable&sslmode=require`, /sets sslmode twice/],
    [`postgres://u:${SECRET}@h/d?sslmode=`, /sslmode is empty/],
    [`postgres://u:${SECRET}@h/d?sslmode=prefer`, /"prefer" is none of/],
    [`postgres://u:${SECRET}@h/d?sslmode=no-verify`, /"no-verify" is none of/],
    [`postgres://u:${SECRET}@h/d?sslmode=verify-ca`, /needs sslrootcert/],
    [`postgres://u:${SECRET}@h/d?sslmode=disable&sslrootcert=${root}`, /without an sslmode/],
    [`postgres://u:${SECRET}@h/d?sslrootcert=${folder}/none`, /sslrootcert cannot be read .*ENOENT/],
    [`postgres://u:${SECRET}@h/d?sslcert=${cert}`, /both or none/],
    [`postgres://u:${SECRET}@h/d?sslcert=${cert}&sslkey=${open}`, /chmod 600/],
    [`postgres://u:${SECRET}@h/d?host=other`, /folder of a Unix socket/],
    [`postgres://u:${SECRET}@/d?host=/run&sslmode=require`, /Unix socket has no TLS/],
  ] as const)
    it(`is refused without its password: ${url.replace(SECRET, "…").replaceAll(folder, "")}`, () => {
      assert.throws(
        () => parseAddress(url),
        (error) => {
          assert(error instanceof StoreUnavailable);
          assert.match(error.message, reason);
          assert(!inspect(error, { depth: 9 }).includes(SECRET));
          return true;
        },
      );
    });
});

describe("the name of a schema", () => {
  it("is plain, and nobody else's", () => {
    for (const name of ["a", "_", "node_1", "a".repeat(63), "public"]) assert.equal(checkSchemaName(name), name);
    const bad = [
      "",
      "A",
      "1a",
      "a-b",
      'a"b',
      "a b",
      "é",
      "a".repeat(64),
      "pg_toast",
      "pg_x",
      "information_schema",
      "a;b",
      "a\n",
    ];
    for (const name of bad) assert.throws(() => checkSchemaName(name), /cannot be the schema/, name);
  });
});
