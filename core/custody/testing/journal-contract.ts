/** What every journal promises. Each adapter's test calls `journalContract`; the in-memory twin passes it first. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { JournalUnavailable, type Journal } from "../ports.ts";

/** One empty place for a journal. `open` may be called again after `close`: that is the same journal after a restart. */
export interface JournalPlace {
  open(): Journal;
  dispose(): void;
}

const records = (journal: Journal): number[][] => [...journal.read()].map(({ record }) => Array.from(record));

export function journalContract(name: string, makePlace: () => JournalPlace): void {
  const withPlace = (test: (place: JournalPlace) => void) => () => {
    const place = makePlace();
    try {
      test(place);
    } finally {
      place.dispose();
    }
  };
  const withJournal = (test: (journal: Journal) => void) =>
    withPlace((place) => {
      const journal = place.open();
      try {
        test(journal);
      } finally {
        journal.close();
      }
    });

  describe(`journal contract: ${name}`, () => {
    it(
      "starts empty",
      withJournal((journal) => {
        assert.deepEqual(records(journal), []);
      }),
    );

    it(
      "numbers records from 1 without gaps and gives them back in order",
      withJournal((journal) => {
        assert.equal(journal.append([Uint8Array.of(7)]), 1);
        assert.equal(journal.append([Uint8Array.of(8, 9), new Uint8Array(0), new Uint8Array(70_000).fill(3)]), 4);
        const read = [...journal.read()];
        assert.deepEqual(
          read.map(({ position }) => position),
          [1, 2, 3, 4],
        );
        assert.deepEqual(
          read.map(({ record }) => record.length),
          [1, 2, 0, 70_000],
        );
        assert.deepEqual([...read[1]!.record], [8, 9]);
      }),
    );

    it(
      "returns the last position when nothing is appended",
      withJournal((journal) => {
        assert.equal(journal.append([]), 0);
        journal.append([Uint8Array.of(1), Uint8Array.of(2)]);
        assert.equal(journal.append([]), 2);
        assert.equal(records(journal).length, 2);
      }),
    );

    it(
      "keeps its own copy of what was appended, and gives fresh copies",
      withJournal((journal) => {
        const mine = Uint8Array.of(1, 2, 3);
        journal.append([mine]);
        mine.fill(0);
        for (const { record } of journal.read()) record.fill(9);
        assert.deepEqual(records(journal), [[1, 2, 3]]);
      }),
    );

    it(
      "reads what was there when reading began, while records are appended",
      withJournal((journal) => {
        journal.append([Uint8Array.of(1), Uint8Array.of(2)]);
        const seen: number[] = [];
        for (const { position } of journal.read()) {
          seen.push(position);
          journal.append([Uint8Array.of(100 + position)]);
        }
        assert.deepEqual(seen, [1, 2]);
        assert.deepEqual(records(journal), [[1], [2], [101], [102]]);
      }),
    );

    it(
      "goes on after a restart where it stopped",
      withPlace((place) => {
        const first = place.open();
        first.append([Uint8Array.of(1)]);
        first.close();
        const second = place.open();
        assert.deepEqual(records(second), [[1]]);
        assert.equal(second.append([Uint8Array.of(2)]), 2);
        second.close();
        const third = place.open();
        assert.deepEqual(records(third), [[1], [2]]);
        third.close();
      }),
    );

    it(
      "refuses every call after close, and may be closed twice",
      withPlace((place) => {
        const journal = place.open();
        journal.append([Uint8Array.of(1)]);
        journal.close();
        journal.close();
        assert.throws(() => [...journal.read()], JournalUnavailable);
        assert.throws(() => journal.append([Uint8Array.of(2)]), JournalUnavailable);
        const again = place.open();
        assert.deepEqual(records(again), [[1]]);
        again.close();
      }),
    );

    it("behaves like a list over any appends and restarts", () => {
      const step = fc.oneof(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
        fc.constant("restart" as const),
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
          withPlace((place) => {
            let journal = place.open();
            const model: Uint8Array[] = [];
            for (const action of steps) {
              if (action === "restart") {
                journal.close();
                journal = place.open();
              } else {
                model.push(...action);
                assert.equal(journal.append(action), model.length);
              }
            }
            assert.deepEqual(
              records(journal),
              model.map((record) => Array.from(record)),
            );
            journal.close();
          })();
        }),
        { numRuns: 15 },
      );
    });
  });
}
