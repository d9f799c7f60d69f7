/** What the HTTP server does wrong on purpose, for tests of its clients. All off in `NO_FAULTS`. */
export interface Faults {
  /** Milliseconds before every answer. */
  readonly latencyMs: number;
  /** Answer with this status instead of doing anything, for the next `times` requests. */
  readonly fail: { readonly status: 429 | 503 | 504; readonly times: number } | null;
  /** Cut the connection in the middle of every body. */
  readonly cutBodies: boolean;
  /** Histories end early: pages hold at most this many confirmed transactions and nothing follows a short page. */
  readonly shortPages: number | null;
  /** `/fee-estimates` answers `{}`, as every real regtest and sometimes signet does. */
  readonly emptyFeeEstimates: boolean;
  /** Satoshis added to every amount in JSON; raw transactions stay true. */
  readonly amountLie: number;
  /** The newest blocks that the server has not heard of yet; their transactions look unconfirmed. */
  readonly withheldBlocks: number;
  /** What becomes of a broadcast: taken; taken and forgotten (W10); taken, but answered with an error. */
  readonly broadcasts: "honest" | "forget" | "answer-error";
}

export const NO_FAULTS: Faults = {
  latencyMs: 0,
  fail: null,
  cutBodies: false,
  shortPages: null,
  emptyFeeEstimates: false,
  amountLie: 0,
  withheldBlocks: 0,
  broadcasts: "honest",
};

/** The faults in force; a server reads them at every request. */
export class FaultSwitch {
  #faults = NO_FAULTS;

  get current(): Faults {
    return this.#faults;
  }

  /** Changes the given ones and leaves the others. */
  set(changes: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...changes };
  }

  clear(): void {
    this.#faults = NO_FAULTS;
  }

  /** Counts one request against `fail`; the status to answer with, or null to go on. */
  takeFailure(): number | null {
    const { fail } = this.#faults;
    if (fail === null || fail.times <= 0) return null;
    this.set({ fail: { ...fail, times: fail.times - 1 } });
    return fail.status;
  }
}
