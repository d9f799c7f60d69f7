import type { Clock, Ledger } from "@conclave/node";

/** What the heights of a cluster are counted from. */
export interface LocalLedgerOptions {
  /** When the cluster began, milliseconds since the Unix epoch: the same on every node, part of its configuration. */
  readonly genesisMs: number;
  /** Length of one height, 1 s by default. Also the same on every node. */
  readonly slotMs?: number;
  readonly clock: Pick<Clock, "nowMs">;
}

const DEFAULT_SLOT_MS = 1_000;

/**
 * How far ahead of this machine's clock the cluster may have begun: what clocks differ by that nobody keeps right. Until
 * then the height is 0. More means that a clock or the configured time is wrong.
 */
export const MAX_GENESIS_AHEAD_MS = 60_000;

/**
 * Heights without a chain: slots of wall-clock since the cluster's genesis. Nodes whose clocks agree to a second agree to a
 * slot. Never goes back while the process lives, even if the clock is set back: it waits until the clock has caught up.
 *
 * Throws `RangeError` unless both times are whole milliseconds, the slot is not empty, and the genesis is no more than
 * `MAX_GENESIS_AHEAD_MS` ahead. It is refused because a cluster whose height stays 0 would let no request expire.
 */
export function localLedger({ genesisMs, slotMs = DEFAULT_SLOT_MS, clock }: LocalLedgerOptions): Ledger {
  if (!Number.isSafeInteger(genesisMs) || genesisMs < 0)
    throw new RangeError(`the cluster's genesis is a time in whole milliseconds since 1970, not ${genesisMs}`);
  if (!Number.isSafeInteger(slotMs) || slotMs < 1)
    throw new RangeError(`a height lasts a whole number of milliseconds, at least 1, not ${slotMs}`);
  const aheadMs = genesisMs - clock.nowMs();
  if (aheadMs > MAX_GENESIS_AHEAD_MS)
    throw new RangeError(
      `the cluster begins ${Math.ceil(aheadMs / 1_000)} s from now by this machine's clock: ` +
        "correct the clock or the genesis in the configuration",
    );
  let highest = 0;
  return {
    height() {
      highest = Math.max(highest, Math.floor((clock.nowMs() - genesisMs) / slotMs));
      return highest;
    },
  };
}
