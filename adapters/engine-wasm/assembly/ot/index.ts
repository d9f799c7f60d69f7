/**
 * The OT kernel's WASM half: fixed-width integer and SIMD code without a branch, an index or a division that depends on a
 * secret. `ot.ts` beside the compiled module is the only caller; it hands over addresses in the arena, checks every length,
 * and calls `wipe` before it returns.
 */
export { checksums } from "./checksums";
export { columns } from "./columns";
export { gadget, hashColumns } from "./digests";
export { expandLeaves } from "./leaves";
export { applyCorrections, correct, decode, encode, innerProducts, selectedSum, weigh } from "./rows";
export { ARENA, ARENA_BYTES, wipe } from "./scratch";
