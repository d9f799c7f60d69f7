import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { copyFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { equalBytes } from "@conclave/bytes";
import { JournalLocked } from "./failures.ts";
import { openJournal } from "./journal.ts";
import { recordsOf, withFolder } from "./testing/places.ts";
import { recordAt } from "./testing/record-at.ts";

const APPENDER = join(import.meta.dirname, "testing", "appender.ts");
const ROUNDS = 5;
const PLENTY = 1_000_000;

/** Starts an appending process, kills it `afterMs` past its opening, and returns the last position it acknowledged. */
async function killedAppender(file: string, from: number, seed: string, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [APPENDER, file, String(from), seed, String(PLENTY)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  const opened = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      said += chunk;
      if (said.startsWith("open\n")) resolve();
    });
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  await Promise.race([opened, ended]);
  assert(said.startsWith("open\n"), `the appending process did not start: ${said}`);
  assert.throws(
    () => openJournal({ file }),
    (error) => error instanceof JournalLocked && error.pid === child.pid,
    "while the process lives, its journal is locked",
  );
  await delay(afterMs);
  child.kill("SIGKILL");
  await ended;
  // The last line may have been cut by the kill: only whole lines count as acknowledged.
  return Number(said.split("\n").slice(1, -1).at(-1) ?? from - 1);
}

describe("a process killed while it appends", () => {
  it("has every acknowledged record on disk, whole and in order", async (test) => {
    const seed = String(randomInt(2 ** 31));
    test.diagnostic(`seed ${seed}`);
    await withFolder(async (folder) => {
      const file = join(folder, "journal.db");
      let from = 1;
      for (let round = 0; round < ROUNDS; round++) {
        const acknowledged = await killedAppender(file, from, seed, randomInt(5, 200));
        const journal = openJournal({ file, create: false });
        const found = recordsOf(journal);
        journal.close();
        const where = `seed ${seed}, round ${round}: acknowledged ${acknowledged}, found ${found.length}`;
        assert(found.length >= acknowledged, where);
        assert(found.length <= acknowledged + 2, `${where}: one append was under way at most`);
        for (const [i, record] of found.entries())
          assert.deepEqual(record, Array.from(recordAt(seed, i + 1)), `${where}: record ${i + 1}`);
        from = found.length + 1;
      }
      test.diagnostic(`${from - 1} records over ${ROUNDS} kills`);
    });
  });

  it("leaves a log whose torn end costs only the records behind the tear", async (test) => {
    const seed = String(randomInt(2 ** 31));
    test.diagnostic(`seed ${seed}`);
    await withFolder(async (folder) => {
      const file = join(folder, "journal.db");
      const acknowledged = await killedAppender(file, 1, seed, 150);
      const wal = statSync(`${file}-wal`).size;
      for (let round = 0; round < 8; round++) {
        const copy = join(folder, `copy-${round}.db`);
        copyFileSync(file, copy);
        copyFileSync(`${file}-wal`, `${copy}-wal`);
        truncateSync(`${copy}-wal`, round === 0 ? wal : randomInt(wal));
        const journal = openJournal({ file: copy, create: false });
        const found = recordsOf(journal);
        journal.close();
        if (round === 0) assert(found.length >= acknowledged, `seed ${seed}: the whole log holds them all`);
        for (const [i, record] of found.entries())
          assert.deepEqual(record, Array.from(recordAt(seed, i + 1)), `seed ${seed}: record ${i + 1}`);
      }
    });
  });
});

describe("a disk that refuses a write", () => {
  /**
   * Appends until the disk refuses, and checks that the journal is sealed then and whole after a restart. A limit on file
   * sizes is the one full disk that a test can make without rights: writes beyond it fail.
   */
  const untilFull = ({ limitKiB, bytes }: { readonly limitKiB: number; readonly bytes?: number }) =>
    withFolder((folder) => {
      const file = join(folder, "journal.db");
      openJournal({ file }).close();
      const size = bytes === undefined ? [] : [String(bytes)];
      const { stdout } = spawnSync(
        "bash",
        ["-c", `ulimit -f ${limitKiB}; exec "$0" "$@"`, process.execPath, APPENDER, file, "1", "full", "5000", ...size],
        { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
      );
      const lines = stdout.trimEnd().split("\n");
      assert.match(lines.at(-2) ?? "", /^then: .*sealed/);
      assert.match(lines.at(-1) ?? "", /^read: .*sealed/);
      const acknowledged = Number(lines.at(-4));
      assert(acknowledged > 5, stdout);
      const journal = openJournal({ file, create: false });
      const found = Array.from(journal.read());
      assert(found.length >= acknowledged && found.length <= acknowledged + 2, `${found.length} of ${acknowledged}`);
      for (const { position, record } of found)
        assert(equalBytes(record, recordAt("full", position, bytes)), `record ${position}`);
      assert.equal(journal.append([Uint8Array.of(1)]), found.length + 1, "with space again it goes on");
      journal.close();
      return { failure: lines.at(-3) ?? "", missing: found.length - acknowledged };
    });

  it("seals the journal: later calls fail, and what was acknowledged is there after a restart", () => {
    const { failure } = untilFull({ limitKiB: 400 });
    assert.match(failure, /^failed: journal .*(?:full|I\/O)/);
  });

  it("seals the journal when it refuses to take what the log holds, too", () => {
    // The log stays below this limit, the database does not: no append fails by itself.
    const { failure, missing } = untilFull({ limitKiB: 8 << 10, bytes: 300_000 });
    assert.match(failure, /^failed: .*sealed/);
    assert.equal(missing, 0);
  });
});
