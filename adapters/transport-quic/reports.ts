/** Refusals for the log, of which a stranger can cause as many as he likes. */
import type { Clock } from "@conclave/node";
import { MAX_REPORTS_PER_MINUTE } from "./limits.ts";

const MINUTE_MS = 60_000;

export interface Report {
  readonly address: string;
  readonly reason: string;
  /** Refusals before this one that were too many to report. */
  readonly unreported: number;
}

export class Reports {
  readonly #clock: Clock;
  readonly #report: (report: Report) => void;
  #minuteEndsMs = Number.NEGATIVE_INFINITY;
  #inMinute = 0;
  #unreported = 0;

  constructor(clock: Clock, report: (report: Report) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  refused(address: string, reason: string): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#minuteEndsMs) {
      this.#minuteEndsMs = nowMs + MINUTE_MS;
      this.#inMinute = 0;
    }
    if (++this.#inMinute > MAX_REPORTS_PER_MINUTE) {
      this.#unreported++;
      return;
    }
    const unreported = this.#unreported;
    this.#unreported = 0;
    this.#report({ address, reason, unreported });
  }
}
