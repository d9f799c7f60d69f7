/**
 * Payments whose time is over. One that no partial signature of this node is out for is promised away, which in time frees its
 * coins everywhere; one that may still be completed is UNRESOLVED and keeps them, until the chain or enough promises decide.
 */
import type { Context } from "./context.ts";
import { Latest } from "./latest.ts";
import { requestBytes, type PaymentRecords } from "./records.ts";
import type { RequestId } from "./store/ids.ts";
import type { Cursor } from "./store/pages.ts";
import type { TransactionState } from "./store/transactions.ts";

/** States in which time can run out. `unresolved` too: attempts may have ended before the time did, and nothing was promised then. */
const OPEN: readonly TransactionState[] = ["pending", "voting", "approved", "signing", "unresolved"];
/** As many as one sweep looks at, in turn: expiry is a matter of a day, and sweeps come every second. */
const LOOKED_AT_ONCE = 100;
/** More than wait unresolved for the chain's word; of one that is forgotten, custody says once more that it promised. */
const MAX_PROMISED = 4_096;

export class Expiry {
  readonly #context: Context;
  readonly #records: PaymentRecords;
  /** Promised away by this process. The journal keeps a promise, so that one of an earlier process is not made twice. */
  readonly #promised = new Latest<RequestId, true>(MAX_PROMISED);
  #after: Cursor | null = null;

  constructor(context: Context, records: PaymentRecords) {
    this.#context = context;
    this.#records = records;
  }

  /** On the mailbox, now and then. */
  async sweep(): Promise<void> {
    const { store, clock } = this.#context;
    const after = this.#after;
    const { rows, next } = await store.transactions.list({
      limit: LOOKED_AT_ONCE,
      states: OPEN,
      ...(after && { after }),
    });
    this.#after = next;
    for (const { txid } of rows) {
      if (this.#promised.has(txid)) continue;
      const stored = await store.requests.get(txid);
      if (stored !== undefined && stored.expiresAtMs <= clock.nowMs()) await this.#expire(txid);
    }
  }

  async #expire(id: RequestId): Promise<void> {
    const { store, clock, custody, act } = this.#context;
    if ((await this.#records.status(id))?.state !== "unresolved")
      await this.#records.apply(id, { kind: "deadlinePassed" }, { reason: "expired before it was signed" });
    for (const { number } of await store.requests.revisions(id))
      await act(await custody.abandon(clock.nowMs(), requestBytes(id), number));
    // Custody that may not speak yet promised nothing.
    if ((await custody.status()).ready) this.#promised.set(id, true);
  }
}
