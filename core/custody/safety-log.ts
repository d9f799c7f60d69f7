import { lockRecordCodec, apply, replay, type LockRecord, type LockState } from "./locks/index.ts";
import type { Journal } from "./ports.ts";

/** The journal and the state that follows from it, changed together: first the disk, then the memory. */
export class SafetyLog {
  readonly #journal: Journal;
  readonly #state: LockState;

  /** Reads the whole journal. Throws `JournalUnavailable` or `CodecError` on a damaged one. */
  constructor(journal: Journal) {
    this.#journal = journal;
    this.#state = replay(journal.read());
  }

  get state(): LockState {
    return this.#state;
  }

  /** How many promises this node has made: stands in every vote and ack, so that peers notice a journal that went back. */
  get generation(): number {
    return this.#state.position;
  }

  /** Durable when it returns, all or none. Throws `JournalUnavailable`; after that nothing may be promised any more. */
  commit(records: readonly LockRecord[]): void {
    if (records.length === 0) return;
    this.#journal.append(records.map((record) => lockRecordCodec.encode(record)));
    for (const record of records) apply(this.#state, record);
  }
}
