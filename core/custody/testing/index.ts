export { journalContract } from "./journal-contract.ts";
export type { JournalPlace } from "./journal-contract.ts";
export { memoryJournal } from "./memory-journal.ts";
export type { JournalDisk, MemoryJournal } from "./memory-journal.ts";
export { memoryVault } from "./memory-vault.ts";
export type { MemoryVault, VaultDisk } from "./memory-vault.ts";
export { vaultContract, vaultError } from "./vault-contract.ts";
export type { VaultPlace } from "./vault-contract.ts";
