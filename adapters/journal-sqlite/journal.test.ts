import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { AssertionError } from "@conclave/bytes";
import { JournalUnavailable } from "@conclave/custody";
import { journalContract } from "@conclave/custody/testing";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { JournalLocked } from "./failures.ts";
import { openJournal } from "./journal.ts";
import { recordsOf, withFolder } from "./testing/places.ts";

journalContract("SQLite", () => {
  const folder = mkdtempSync(join(tmpdir(), "conclave-journal-"));
  return {
    open: () => openJournal({ file: join(folder, "journal.db") }),
    dispose: () => rmSync(folder, { recursive: true }),
  };
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

const refusal =
  (...parts: readonly string[]) =>
  (error: unknown): boolean => {
    assert(error instanceof JournalUnavailable, String(error));
    for (const part of parts) assert(error.message.includes(part), `${error.message} should say ${part}`);
    return true;
  };

/** A closed journal of the records 1, 2, 3. */
function writeThree(file: string): void {
  const journal = openJournal({ file });
  journal.append([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
  journal.close();
}

/** Edits a closed journal with SQLite itself, as an operator with a shell could. */
function editWithSql(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

describe("the journal's files", () => {
  it("are private to this account, in a folder that is", () =>
    withFolder((folder) => {
      const file = join(folder, "node-1", "journal.db");
      const journal = openJournal({ file });
      journal.append([Uint8Array.of(1)]);
      assert.equal(modeOf(join(folder, "node-1")), 0o700);
      assert.equal(modeOf(file), 0o600);
      assert.equal(modeOf(`${file}-wal`), 0o600);
      journal.close();
    }));

  it("are refused when others may open the file, with the command that helps", () =>
    withFolder((folder) => {
      const file = join(folder, "journal.db");
      writeThree(file);
      for (const mode of [0o640, 0o604, 0o620, 0o602]) {
        chmodSync(file, mode);
        assert.throws(() => openJournal({ file }), refusal(`chmod 600 "${file}"`));
      }
      chmodSync(file, 0o600);
      openJournal({ file }).close();
    }));

  it("are refused when others may enter the folder, with the command that helps", () =>
    withFolder((folder) => {
      const file = join(folder, "data", "journal.db");
      mkdirSync(join(folder, "data"));
      chmodSync(join(folder, "data"), 0o750);
      assert.throws(() => openJournal({ file }), refusal(`chmod 700 "${join(folder, "data")}"`));
      assert(!existsSync(file));
    }));

  it("are refused as symbolic links, of the file or of its folder", () =>
    withFolder((folder) => {
      const file = join(folder, "real", "journal.db");
      writeThree(file);
      symlinkSync(file, join(folder, "real", "link.db"));
      symlinkSync(join(folder, "real"), join(folder, "linked"));
      symlinkSync(join(folder, "nowhere"), join(folder, "real", "dangling.db"));
      assert.throws(() => openJournal({ file: join(folder, "real", "link.db") }), refusal("symbolic link"));
      assert.throws(() => openJournal({ file: join(folder, "linked", "journal.db") }), refusal("symbolic link"));
      assert.throws(() => openJournal({ file: join(folder, "real", "dangling.db") }), refusal("symbolic link"));
    }));

  it("are refused when a folder stands in their place", () =>
    withFolder((folder) => {
      mkdirSync(join(folder, "journal.db"), { mode: 0o700 });
      assert.throws(() => openJournal({ file: join(folder, "journal.db") }), refusal("not a regular file"));
    }));

  it("are not made anew for a node that must have a journal", () =>
    withFolder((folder) => {
      const file = join(folder, "journal.db");
      assert.throws(() => openJournal({ file, create: false }), refusal(file, "there is none"));
      assert(!existsSync(file));
    }));
});

describe("one journal, one holder", () => {
  it("refuses a second one, naming the process that holds it", () =>
    withFolder((folder) => {
      const file = join(folder, "journal.db");
      const first = openJournal({ file });
      assert.throws(
        () => openJournal({ file }),
        (error) =>
          error instanceof JournalLocked && error.pid === process.pid && error.message.includes(String(process.pid)),
      );
      assert.equal(first.append([Uint8Array.of(1)]), 1, "the refused one must not disturb the first");
      first.close();
      const second = openJournal({ file });
      assert.deepEqual(recordsOf(second), [[1]]);
      second.close();
    }));
});

describe("records", () => {
  it("cannot be changed, deleted, replaced or inserted out of order", () =>
    withFolder((folder) => {
      const file = join(folder, "journal.db");
      writeThree(file);
      const hash = `x'${"00".repeat(32)}'`;
      const attacks: readonly [string, RegExp][] = [
        ["UPDATE journal SET record = x'09' WHERE position = 2", /only grows/],
        ["UPDATE journal SET position = 9 WHERE position = 3", /only grows/],
        ["DELETE FROM journal WHERE position = 3", /only grows/],
        ["DELETE FROM journal", /only grows/],
        [`INSERT OR REPLACE INTO journal VALUES (2, x'09', ${hash})`, /no gaps/],
        [`INSERT INTO journal VALUES (5, x'09', ${hash})`, /no gaps/],
        [`INSERT INTO journal VALUES (4, x'09', x'00')`, /CHECK constraint/],
      ];
      for (const [sql, reason] of attacks) assert.throws(() => editWithSql(file, sql), reason, sql);
      const journal = openJournal({ file });
      assert.deepEqual(recordsOf(journal), [[1], [2], [3]]);
      journal.close();
    }));

  it("have a largest size", () =>
    withFolder((folder) => {
      const journal = openJournal({ file: join(folder, "journal.db") });
      assert.throws(() => journal.append([new Uint8Array((1 << 20) + 1)]), AssertionError);
      assert.equal(journal.append([new Uint8Array(1 << 20)]), 1, "our own mistake does not seal the journal");
      journal.close();
    }));

  const TRIGGERS_OFF = "DROP TRIGGER journal_no_update; DROP TRIGGER journal_no_delete; DROP TRIGGER journal_no_gap;";
  const schemaOf = (file: string): string => {
    const db = new DatabaseSync(file);
    const rows = db.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").all();
    db.close();
    return rows.map(({ sql }) => `${String(sql)};`).join("\n");
  };
  const tampering: readonly [string, string, string][] = [
    ["was changed", "UPDATE journal SET record = x'0a' WHERE position = 2;", "position 2: the record does not match"],
    [
      "has another hash",
      "UPDATE journal SET hash = zeroblob(32) WHERE position = 3;",
      "position 3: the record does not",
    ],
    ["was taken out", "DELETE FROM journal WHERE position = 2;", "position 2: the record is missing"],
    [
      "changed places",
      "UPDATE journal SET position = 9 WHERE position = 1; UPDATE journal SET position = 1 WHERE position = 2; UPDATE journal SET position = 2 WHERE position = 9;",
      "position 1: the record does not match",
    ],
  ];
  for (const [what, sql, reason] of tampering) {
    it(`are refused from the first that ${what} behind the triggers' back`, () =>
      withFolder((folder) => {
        const file = join(folder, "journal.db");
        writeThree(file);
        const triggers = schemaOf(file);
        editWithSql(file, `${TRIGGERS_OFF} ${sql} ${triggers}`);
        assert.throws(() => openJournal({ file }), refusal(file, `damaged at ${reason}`));
      }));
  }
});

describe("the journal's header", () => {
  const editedTo = (sql: string, ...parts: readonly string[]) =>
    withFolder((folder) => {
      const file = join(folder, "journal.db");
      writeThree(file);
      editWithSql(file, sql);
      const before = statSync(file).mtimeMs;
      assert.throws(() => openJournal({ file }), refusal(file, ...parts));
      assert.equal(statSync(file).mtimeMs, before, "a refused file is left as it is");
    });

  it("stops an older program, with both versions", () =>
    editedTo("PRAGMA user_version = 7", "format 7", "program's 1"));
  it("stops an unknown version", () => editedTo("PRAGMA user_version = 0", "unknown format 0"));
  it("stops another kind of database", () => editedTo("PRAGMA application_id = 5", "it is not a journal"));
  it("stops a journal without its triggers", () => editedTo("DROP TRIGGER journal_no_delete", "triggers were changed"));
  it("stops a journal with more in it", () => editedTo("CREATE TABLE extra (a)", "triggers were changed"));
});
