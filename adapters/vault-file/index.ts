export { DEFAULT_KDF } from "./kdf.ts";
export type { KdfStrength } from "./kdf.ts";
export { changePassword, createVault, openVault } from "./vault.ts";
export type { Machine, VaultOptions } from "./vault.ts";
