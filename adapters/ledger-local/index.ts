export { localLedger } from "./ledger.ts";
export type { LocalLedgerOptions } from "./ledger.ts";
