export { localLedger, MAX_GENESIS_AHEAD_MS } from "./ledger.ts";
export type { LocalLedgerOptions } from "./ledger.ts";
