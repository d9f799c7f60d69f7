/**
 * What became of this node's presignatures, written down once custody's journal has it: document 004's record, for people. Nothing asks
 * it what may be signed. Where the store fails a row is missing, and the partial signature that waits behind it leaves all the same.
 */
import { toHex } from "@conclave/bytes";
import type { CustodyEvent } from "@conclave/custody";
import type { Context } from "./context.ts";
import { requestHex } from "./records.ts";
import { StoreUnavailable } from "./store/outcome.ts";
import type { PresignatureUse } from "./store/presignature-uses.ts";

type Ended = Extract<CustodyEvent, { kind: "presignatureEnded" }>;

/** Keep how a presignature ended. Says aloud what could not be kept, and what contradicts a row that is there. */
export async function keepPresignatureEnd(
  { store, clock, notify }: Pick<Context, "store" | "clock" | "notify">,
  event: Ended,
): Promise<void> {
  const row = rowOf(event, clock.nowMs());
  const problem = (what: string): void =>
    notify({ kind: "problem", message: `presignature ${row.presignature.slice(0, 8)} was ${row.end}, and ${what}` });
  try {
    const saved = await store.presignatures.insert(row);
    if (saved === "conflict") problem("the store says otherwise: the journal is right, and the row stays as it is");
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    problem(`the store could not keep that (${error.message}): its history lacks one row`);
  }
}

const rowOf = ({ presignature, key, use, end, nonces }: Ended, usedAtMs: number): PresignatureUse => ({
  presignature: toHex(presignature),
  key: toHex(key),
  request: use === null ? null : requestHex(use.request),
  revision: use?.revision ?? null,
  attempt: use?.attempt ?? null,
  end,
  nonces,
  usedAtMs,
});
