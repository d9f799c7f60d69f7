/**
 * What custody last said of itself, for whoever looks at the node from outside. While a key is made custody computes for
 * seconds at a time; whoever only looks does not wait for that.
 */
import type { CustodyPort, CustodyStatus } from "@conclave/custody";
import type { Clock } from "./ports.ts";

/** So long an idle custody is waited for: it answers within a millisecond. */
export const STATUS_PATIENCE_MS = 50;

export class CustodyNews {
  readonly #custody: Pick<CustodyPort, "status">;
  readonly #clock: Clock;
  #last: CustodyStatus | null = null;
  /** The question under way. Custody answers in order, so its answer is as new as anything that the node has heard by then. */
  #asking: Promise<CustodyStatus> | null = null;

  constructor({ custody, clock }: { readonly custody: Pick<CustodyPort, "status">; readonly clock: Clock }) {
    this.#custody = custody;
    this.#clock = clock;
  }

  /** As custody answers now, however long that takes. */
  ask(): Promise<CustodyStatus> {
    this.#asking ??= this.#custody
      .status()
      .then((status) => (this.#last = status))
      .finally(() => (this.#asking = null));
    return this.#asking;
  }

  /** As custody answers now, or what it last said if it is busy. Waits for an answer only before there was any. */
  async look(): Promise<CustodyStatus> {
    const asked = this.ask();
    if (this.#last === null) return asked;
    // Its failure, if it comes late, is heard by whoever asks next.
    asked.catch(() => undefined);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.schedule(STATUS_PATIENCE_MS, () => resolve(this.#last!));
      asked.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  /** Something changed: have the news at hand for whoever looks while custody is busy. */
  refresh(): void {
    this.ask().catch(() => undefined);
  }
}
