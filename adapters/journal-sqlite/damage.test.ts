import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, readSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { JournalUnavailable } from "@conclave/custody";
import fc from "fast-check";
import { openJournal } from "./journal.ts";
import { recordAt } from "./testing/record-at.ts";
import { recordsOfCopy, withFolder } from "./testing/places.ts";

const COUNT = 12;

function flipBit(file: string, at: number, bit: number): void {
  const descriptor = openSync(file, "r+");
  const byte = new Uint8Array(1);
  readSync(descriptor, byte, 0, 1, at);
  byte[0]! ^= 1 << bit;
  writeSync(descriptor, byte, 0, 1, at);
  closeSync(descriptor);
}

const withJournalFile = (test: (file: string, written: number[][], bytes: Buffer) => void) => () =>
  withFolder((folder) => {
    const file = join(folder, "journal.db");
    const written = Array.from({ length: COUNT }, (_, i) => recordAt("damage", i + 1).subarray(0, 300));
    const journal = openJournal({ file });
    journal.append(written);
    journal.close();
    test(
      file,
      written.map((record) => Array.from(record)),
      readFileSync(file),
    );
  });

describe("a damaged journal", () => {
  it(
    "with one bit flipped anywhere is refused, or gives every record unharmed",
    withJournalFile((file, written, bytes) => {
      let refused = 0;
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
          try {
            assert.deepEqual(
              recordsOfCopy(file, (copy) => flipBit(copy, at, bit)),
              written,
            );
          } catch (error) {
            assert(error instanceof JournalUnavailable, String(error));
            assert(error.message.includes("journal.db"), error.message);
            refused += 1;
          }
        }),
        { numRuns: 120 },
      );
      assert(refused > 0);
    }),
  );

  it(
    "with one bit of a record flipped is refused at that record",
    withJournalFile((file, written, bytes) => {
      fc.assert(
        fc.property(fc.nat(COUNT - 1), fc.nat(10_000), fc.nat(7), (index, offset, bit) => {
          const record = Uint8Array.from(written[index]!);
          fc.pre(record.length > 8);
          const start = bytes.indexOf(record);
          assert(start > 0, "a record of this size lies in one piece");
          assert.throws(
            () => recordsOfCopy(file, (copy) => flipBit(copy, start + (offset % record.length), bit)),
            (error) =>
              error instanceof JournalUnavailable && error.message.includes(`damaged at position ${index + 1}:`),
          );
        }),
        { numRuns: 40 },
      );
    }),
  );

  it(
    "that was cut anywhere is refused",
    withJournalFile((file, _, bytes) => {
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), (length) => {
          assert.throws(() => recordsOfCopy(file, (copy) => truncateSync(copy, length)), JournalUnavailable);
        }),
        { numRuns: 30, examples: [[0], [100], [4096]] },
      );
    }),
  );

  it(
    "that was cut in the first bytes of a page, which SQLite would read as an empty table, is refused",
    withJournalFile((file, _, bytes) => {
      const page = 4096;
      assert(bytes.length > page);
      for (let length = page + 1; length <= page + 16; length++)
        assert.throws(
          () => recordsOfCopy(file, (copy) => truncateSync(copy, length)),
          (error) => error instanceof JournalUnavailable && error.message.includes("damaged at position 1"),
        );
    }),
  );

  it(
    "that is not a database at all is refused, and left as it is",
    withJournalFile((file) => {
      const content = "promises, promises".repeat(400);
      assert.throws(
        () =>
          recordsOfCopy(file, (copy) => {
            writeFileSync(copy, content);
          }),
        (error) => error instanceof JournalUnavailable && error.message.includes("not a sound SQLite database"),
      );
    }),
  );
});
