import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Journal } from "@conclave/custody";
import { openJournal } from "../journal.ts";

/** A folder of its own for one test (mode 0700), gone afterwards. */
export function withFolder<T>(test: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "conclave-journal-"));
  let outcome: T;
  try {
    outcome = test(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  if (outcome instanceof Promise) return outcome.finally(() => rmSync(folder, { recursive: true, force: true })) as T;
  rmSync(folder, { recursive: true, force: true });
  return outcome;
}

/** Every record as an array of numbers, for comparing. */
export const recordsOf = (journal: Journal): number[][] =>
  Array.from(journal.read(), ({ record }) => Array.from(record));

/** The records of a copy of `file`, opened in a folder of its own after `edit`. */
export const recordsOfCopy = (file: string, edit: (copy: string) => void): number[][] =>
  withFolder((folder) => {
    const copy = join(folder, "journal.db");
    copyFileSync(file, copy);
    edit(copy);
    const journal = openJournal({ file: copy, create: false });
    try {
      return recordsOf(journal);
    } finally {
      journal.close();
    }
  });
