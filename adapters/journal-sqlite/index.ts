export { openJournal } from "./journal.ts";
export type { JournalOptions } from "./journal.ts";
export { JournalLocked } from "./failures.ts";
