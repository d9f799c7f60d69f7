import type { Clock, Ledger } from "@conclave/node";

export interface LocalLedgerOptions {
  /** When the cluster began, milliseconds since the Unix epoch: the same on every node, part of its configuration. */
  readonly genesisMs: number;
  /** Length of one height, 1 s by default. */
  readonly slotMs?: number;
  readonly clock: Pick<Clock, "nowMs">;
}

const DEFAULT_SLOT_MS = 1_000;

/**
 * Heights without a chain: slots of wall-clock since the cluster's genesis. Nodes whose clocks agree to a second agree to a
 * slot. Never goes back while the process lives, even if the clock is set back.
 */
export function localLedger({ genesisMs, slotMs = DEFAULT_SLOT_MS, clock }: LocalLedgerOptions): Ledger {
  let highest = 0;
  return {
    height() {
      highest = Math.max(highest, Math.floor((clock.nowMs() - genesisMs) / slotMs));
      return highest;
    },
  };
}
