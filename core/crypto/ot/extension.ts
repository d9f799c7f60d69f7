/**
 * SoftSpoken OT extension with k = 4 (eprint 2022/192), its consistency check made non-interactive as in DKLS23 (eprint
 * 2023/765, §5.1). Out of one pair's leaves come 512 correlated OTs per session:
 *
 *   the receiver chose x_j and knows column_j; the sender knows zero_j = column_j ⊕ x_j·Δ and one_j = zero_j ⊕ Δ.
 *
 * r_y: the stream of leaf y of a tree. V: rows of the receiver. W: rows of the sender. Δ: the missing leaves' indices.
 * The streams depend on leaves and session only: a session that repeats gives the same pads twice, and the key away.
 */
import {
  assert,
  concatBytes,
  equalBytes,
  fixedBytes,
  record,
  transcript,
  type Rng,
  type Schema,
} from "@conclave/bytes";
import type { Engine } from "../engine.ts";
import { OtCheckFailed } from "./failure.ts";
import {
  BASE_OTS,
  CHECK_BLOCKS,
  CHECK_BYTES,
  CHOICE_BYTES,
  COLUMN_BYTES,
  ROW_BYTES,
  TREE_DEPTH,
  TREES,
} from "./parameters.ts";
import type { AllLeaves, PuncturedLeaves } from "./trees.ts";
import { addRepeated, addSelected } from "./xor.ts";

/** The receiver's one message. */
export interface ExtensionMessage {
  /** Per tree the sum of all its streams, plus the choices: TREES × 80 bytes. */
  readonly u: Uint8Array;
  /** x: the choices under the check's challenges, 16 bytes. */
  readonly x: Uint8Array;
  /** t_i: the rows of V under the check's challenges, 256 × 16 bytes. */
  readonly t: Uint8Array;
}

export const extensionSchema: Schema<ExtensionMessage> = record({
  u: fixedBytes(TREES * ROW_BYTES),
  x: fixedBytes(CHECK_BYTES),
  t: fixedBytes(BASE_OTS * CHECK_BYTES),
});

/** The holder of all leaves chooses. `choices`: 64 bytes, one bit per OT. `columns`: 512 × 32 bytes, secret. */
export function extendAsReceiver(
  engine: Engine,
  session: Uint8Array,
  { leaves }: AllLeaves,
  choices: Uint8Array,
  rng: Rng,
): { readonly message: ExtensionMessage; readonly columns: Uint8Array } {
  assert(choices.length === CHOICE_BYTES, "a choice bit per extended OT");
  // 128 random bits more, so that x says nothing about the choices.
  const padded = concatBytes(choices, rng(CHECK_BYTES));
  const { planes, sums } = engine.ot.expandLeaves(session, leaves);
  const u = sums.slice();
  addRepeated(u, padded);
  const challenges = extensionChallenges(engine, session, u);
  const x = engine.ot.checksums(padded, challenges);
  const t = engine.ot.checksums(planes, challenges);
  const columns = engine.ot.columns(planes);
  for (const secret of [padded, planes, sums]) secret.fill(0);
  return { message: { u, x, t }, columns };
}

/**
 * The holder of all leaves but one per tree gets both values of each OT, 512 × 32 bytes each, secret. Throws `OtCheckFailed`
 * if the receiver did not use the same choices for every tree: it may then have learnt bits of Δ, which it must never try again.
 */
export function extendAsSender(
  engine: Engine,
  session: Uint8Array,
  { leaves, missing }: PuncturedLeaves,
  { u, x, t }: ExtensionMessage,
): { readonly zero: Uint8Array; readonly one: Uint8Array } {
  const delta = deltaOf(missing);
  const { planes, sums } = engine.ot.expandLeaves(session, leaves);
  // The planes sum over y ⊕ Δ_j: they hold V ⊕ Δ_i·(u_j ⊕ X), so that Δ_i·u_j makes them W = V ⊕ Δ_i·X.
  addSelected(planes, u, { bits: delta, rowBytes: ROW_BYTES, each: TREE_DEPTH });
  const found = engine.ot.checksums(planes, extensionChallenges(engine, session, u));
  const expected = t.slice();
  addSelected(expected, x, { bits: delta, rowBytes: CHECK_BYTES, each: BASE_OTS });
  const consistent = equalBytes(found, expected);
  const zero = engine.ot.columns(planes);
  const one = zero.slice();
  addRepeated(one, delta);
  for (const secret of [delta, planes, sums, found, expected]) secret.fill(0);
  if (consistent) return { zero, one };
  zero.fill(0);
  one.fill(0);
  throw new OtCheckFailed("extension");
}

/** χ_0 … χ_3, each in GF(2^128), from everything that the receiver had to fix before. */
export function extensionChallenges(engine: Engine, session: Uint8Array, u: Uint8Array): Uint8Array {
  const digest = engine.sha256(u);
  const challenge = (block: number): Uint8Array =>
    transcript("ot/extension/challenge", { session, u: digest, block }).subarray(0, CHECK_BYTES);
  return concatBytes(...Array.from({ length: CHECK_BLOCKS }, (_, block) => challenge(block)));
}

/** Δ as a column: bit b of the missing index of tree j is bit 4j + b. */
const deltaOf = (missing: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: COLUMN_BYTES }, (_, i) => missing[2 * i]! | (missing[2 * i + 1]! << TREE_DEPTH));
