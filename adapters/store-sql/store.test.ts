import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { StoreUnavailable, TRANSACTION_STATES, type Store } from "@conclave/node";
import { sampleRequest, sampleTransaction, storeContract } from "@conclave/node/testing";
import { openStore } from "./store.ts";
import { BAD_ROWS } from "./testing/index.ts";

storeContract("SQLite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "conclave-store-"));
  const file = join(folder, "history.db");
  let store = await openStore({ file });
  return {
    store,
    async reopen() {
      await store.close();
      store = await openStore({ file });
      return store;
    },
    async dispose() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

/** A folder of its own for one test, gone afterwards. */
const inFolder = (test: (file: string, folder: string) => Promise<void>) => async () => {
  const folder = mkdtempSync(join(tmpdir(), "conclave-store-"));
  try {
    await test(join(folder, "history.db"), folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** A closed store with one request, one transaction and three audit entries. */
async function writeHistory(file: string): Promise<void> {
  const store = await openStore({ file });
  await store.requests.insert(sampleRequest(1));
  await store.transactions.upsert(sampleTransaction(1));
  for (const action of ["one", "two", "three"])
    await store.audit.append({ atMs: 1, actor: "node", action, subject: "s", detail: { n: 1 } });
  await store.close();
}

/** Edits a closed store with SQLite itself, as an operator with a shell could. */
function editWithSql(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

const refusal =
  (code: StoreUnavailable["code"], ...parts: readonly string[]) =>
  (error: unknown): boolean => {
    assert(error instanceof StoreUnavailable, String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts) assert(error.message.includes(part), `${error.message} should say ${part}`);
    return true;
  };

describe("the store's file", () => {
  it(
    "keeps everything over a restart",
    inFolder(async (file) => {
      await writeHistory(file);
      const store = await openStore({ file });
      assert.deepEqual(await store.requests.get(sampleRequest(1).id), sampleRequest(1));
      assert.deepEqual(await store.audit.verify(), { intact: true, entries: 3 });
      await store.close();
    }),
  );

  it(
    "is private to this account, and so are its log and its folder",
    inFolder(async (_, folder) => {
      const file = join(folder, "node-1", "history.db");
      const store = await openStore({ file });
      await store.requests.insert(sampleRequest(1));
      for (const [path, mode] of [
        [join(folder, "node-1"), 0o700],
        [file, 0o600],
        [`${file}-wal`, 0o600],
      ] as const)
        assert.equal(statSync(path).mode & 0o777, mode, path);
      await store.close();
    }),
  );

  it(
    "is refused when others may open it, or as a link, with what to do",
    inFolder(async (file, folder) => {
      await writeHistory(file);
      chmodSync(file, 0o644);
      await assert.rejects(openStore({ file }), refusal("unavailable", `chmod 600 "${file}"`));
      chmodSync(file, 0o600);
      symlinkSync(file, join(folder, "link.db"));
      await assert.rejects(openStore({ file: join(folder, "link.db") }), refusal("unavailable", "symbolic link"));
      chmodSync(folder, 0o755);
      await assert.rejects(openStore({ file }), refusal("unavailable", `chmod 700 "${folder}"`));
      chmodSync(folder, 0o700);
    }),
  );

  it(
    "has one holder",
    inFolder(async (file) => {
      const first = await openStore({ file });
      await assert.rejects(openStore({ file }), refusal("locked", file));
      await first.requests.insert(sampleRequest(1));
      await first.close();
      await (await openStore({ file })).close();
    }),
  );

  it(
    "is refused when it is another database, no database, or cut",
    inFolder(async (file, folder) => {
      editWithSql(join(folder, "other.db"), "CREATE TABLE mine (a); INSERT INTO mine VALUES (1)");
      chmodSync(join(folder, "other.db"), 0o600);
      const other = readFileSync(join(folder, "other.db"));
      await assert.rejects(
        openStore({ file: join(folder, "other.db") }),
        refusal("damaged", "another kind of database"),
      );
      assert.deepEqual(readFileSync(join(folder, "other.db")), other, "it is left as it is");

      writeFileSync(join(folder, "text.db"), "history ".repeat(1_000), { mode: 0o600 });
      await assert.rejects(openStore({ file: join(folder, "text.db") }), refusal("damaged", "move it away"));

      await writeHistory(file);
      truncateSync(file, 9_000);
      await assert.rejects(openStore({ file }), StoreUnavailable);
    }),
  );

  it(
    "of a newer schema is refused with both versions, and left as it is",
    inFolder(async (file) => {
      await writeHistory(file);
      editWithSql(file, "INSERT INTO kysely_migration VALUES ('0007-later', '2030-01-01T00:00:00.000Z')");
      const before = readFileSync(file);
      await assert.rejects(openStore({ file }), refusal("newer", "schema 7", "program's 5"));
      assert.deepEqual(readFileSync(file), before);
      assert(!existsSync(`${file}-wal`));
    }),
  );

  it(
    "says what is wrong when a row holds what we never write",
    inFolder(async (file) => {
      await writeHistory(file);
      editWithSql(file, "PRAGMA ignore_check_constraints = 1; UPDATE transactions SET state = 'paid'");
      const store = await openStore({ file });
      await assert.rejects(
        store.transactions.get(sampleRequest(1).id),
        refusal("damaged", '"paid" is none of pending'),
      );
      await store.close();
    }),
  );
});

describe("the tables refuse", () => {
  const withStore = (test: (store: Store) => Promise<void>) =>
    inFolder(async (file) => {
      const store = await openStore({ file });
      await store.requests.insert(sampleRequest(1));
      await test(store);
      await store.close();
    });

  it(
    "no state that the port knows",
    withStore(async ({ transactions }) => {
      for (const state of TRANSACTION_STATES) await transactions.upsert(sampleTransaction(1, { state }));
    }),
  );

  for (const [what, write] of BAD_ROWS) {
    it(
      what,
      withStore(async (store) => {
        await assert.rejects(write(store), refusal("unavailable", "constraint failed"));
      }),
    );
  }
});

describe("the audit log in SQLite", () => {
  it(
    "only grows, whatever is tried with SQL",
    inFolder(async (file) => {
      await writeHistory(file);
      const values = `1, 'a', 'b', 'c', '{}', '${"0".repeat(64)}', '${"0".repeat(64)}'`;
      for (const [sql, reason] of [
        ["UPDATE audit_log SET actor = 'x' WHERE position = 2", /only grows/],
        ["DELETE FROM audit_log WHERE position = 3", /only grows/],
        ["DELETE FROM audit_log", /only grows/],
        [`INSERT OR REPLACE INTO audit_log VALUES (2, ${values})`, /no gaps/],
        [`INSERT INTO audit_log VALUES (9, ${values})`, /no gaps/],
      ] as const)
        assert.throws(() => editWithSql(file, sql), reason, sql);
      const store = await openStore({ file });
      assert.deepEqual(await store.audit.verify(), { intact: true, entries: 3 });
      await store.close();
    }),
  );

  const triggers = ["audit_log_no_update", "audit_log_no_delete", "audit_log_no_gap"]
    .map((name) => `DROP TRIGGER ${name};`)
    .join(" ");
  for (const [what, sql, position] of [
    ["one changed letter", "UPDATE audit_log SET action = 'twp' WHERE position = 2", 2],
    ["one changed byte of a detail", `UPDATE audit_log SET detail = '{"n":2}' WHERE position = 3`, 3],
    ["a changed time", "UPDATE audit_log SET at = 2 WHERE position = 1", 1],
    ["a missing entry", "DELETE FROM audit_log WHERE position = 2", 2],
  ] as const) {
    it(
      `notices ${what} behind the triggers' back`,
      inFolder(async (file) => {
        await writeHistory(file);
        editWithSql(file, `${triggers} ${sql}`);
        const store = await openStore({ file });
        const verdict = await store.audit.verify();
        assert(!verdict.intact);
        assert.equal(verdict.position, position);
        await store.close();
      }),
    );
  }

  it(
    "notices that its last entry was cut, by the head that somebody remembers",
    inFolder(async (file) => {
      await writeHistory(file);
      const store = await openStore({ file });
      const head = await store.audit.head();
      await store.close();
      editWithSql(file, `${triggers} DELETE FROM audit_log WHERE position = 3`);
      const cut = await openStore({ file });
      assert.deepEqual(await cut.audit.verify(), { intact: true, entries: 2 });
      assert.deepEqual(await cut.audit.verify(head), { intact: false, position: 3, reason: "the log was cut" });
      await cut.close();
    }),
  );

  it(
    "is verified over more entries than one page",
    inFolder(async (file) => {
      const store = await openStore({ file });
      await store.transaction(async ({ audit }) => {
        for (let n = 0; n < 1_050; n++)
          await audit.append({ atMs: n, actor: "node", action: "tick", subject: "", detail: {} });
      });
      assert.deepEqual(await store.audit.verify(), { intact: true, entries: 1_050 });
      await store.close();
    }),
  );
});

describe("a process killed while it writes history", () => {
  it(
    "leaves every acknowledged transaction, whole",
    inFolder(async (file, folder) => {
      await (await openStore({ file })).close();
      const script = `
        import { writeSync } from "node:fs";
        import { sampleEvent, sampleRequest } from "@conclave/node/testing";
        import { openStore } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
        const store = await openStore({ file: ${JSON.stringify(file)} });
        for (let n = 1; ; n++) {
          await store.transaction(async ({ requests, events }) => {
            await requests.insert(sampleRequest(n));
            await events.insert(sampleEvent(n, { request: sampleRequest(n).id, status: "IN_PROGRESS" }));
          });
          writeSync(1, n + "\\n");
        }`;
      const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
        cwd: import.meta.dirname,
        stdio: ["ignore", "pipe", "inherit"],
      });
      let said = "";
      await new Promise<void>((resolve) => {
        child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
          said += chunk;
          if (said.length > 100) child.kill("SIGKILL");
        });
        child.once("close", () => resolve());
      });
      const acknowledged = Number(said.split("\n").at(-2));
      assert(acknowledged > 10, said);
      copyFileSync(file, join(folder, "as-it-was.db"));
      const store = await openStore({ file });
      const { rows } = await store.requests.list({ limit: 500 });
      assert(rows.length === acknowledged || rows.length === acknowledged + 1, `${rows.length} of ${acknowledged}`);
      for (const { id } of rows) assert.equal((await store.events.ofRequest(id)).length, 1);
      assert.equal(await store.events.resetInProgressEventsToPending(1_000, 5_000), rows.length);
      await store.close();
    }),
  );
});
