/**
 * A process that appends until it is killed or the disk refuses. Arguments: file, first position, seed, records at most,
 * and the size of every record if they are to be of one size.
 * Prints one line for each acknowledged position, then what became of it.
 */
import { writeSync } from "node:fs";
import { openJournal } from "../journal.ts";
import { recordAt } from "./record-at.ts";

const [file = "", from = "", seed = "", limit = "", size] = process.argv.slice(2);
const recordOf = (position: number): Uint8Array =>
  recordAt(seed, position, size === undefined ? undefined : Number(size));
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};
const attempt = (append: () => void): string => {
  try {
    append();
    return "stored";
  } catch (error) {
    return error instanceof Error ? error.message : "not an error";
  }
};

const journal = openJournal({ file });
say("open");
let position = Number(from);
let outcome = "stored";
while (outcome === "stored" && position < Number(from) + Number(limit)) {
  const next = position;
  // Two at a time, now and then: a batch is all or nothing.
  const batch = next % 5 === 0 ? [recordOf(next), recordOf(next + 1)] : [recordOf(next)];
  outcome = attempt(() => {
    position = journal.append(batch) + 1;
    say(String(position - 1));
  });
}
if (outcome !== "stored") {
  say(`failed: ${outcome}`);
  say(`then: ${attempt(() => journal.append([Uint8Array.of(1)]))}`);
  say(`read: ${attempt(() => [...journal.read()])}`);
}
journal.close();
