/**
 * All-but-one OT out of base OTs (SoftSpoken, eprint 2022/192, figures 13 and 14): 64 trees of depth 4. One party knows every
 * leaf of every tree, the other all but one per tree, which the first does not know.
 *
 * Tree j is made of base OTs 4j … 4j + 3, one per level. The path to the missing leaf turns, at every level, away from the
 * base OT's choice. The party that misses a leaf keeps every node at (index ⊕ missing index), so that what it misses is always
 * at 0 and no memory access depends on a choice.
 */
import { assert, equalBytes, fixedBytes, record, transcriptBytes, xorBytes, type Schema } from "@conclave/bytes";
import type { Engine } from "../engine.ts";
import { OtCheckFailed } from "./failure.ts";
import { BASE_OTS, LEAVES, SEED_BYTES, TREE_DEPTH, TREES } from "./parameters.ts";
import { sumOf, swapHalves } from "./xor.ts";

/** TREES × LEAVES seeds, tree after tree. Secret. */
export interface AllLeaves {
  readonly leaves: Uint8Array;
}

/** As `AllLeaves`, but leaf y of a tree is kept at y ⊕ missing, with zeros at 0. Secret, the indices too. */
export interface PuncturedLeaves {
  readonly leaves: Uint8Array;
  /** Per tree the index of the missing leaf, 0…15. */
  readonly missing: Uint8Array;
}

export interface TreeMessage {
  /** Per tree and level 1…3: for both sides the base OT's seed plus all nodes of that side, 64 × 3 × 2 × 32 bytes. */
  readonly corrections: Uint8Array;
  /** t̃: per tree the sum of all leaves' check values, 64 bytes. */
  readonly sums: Uint8Array;
  /** s̃: per tree the hash of all leaves' check values, 64 bytes. */
  readonly digests: Uint8Array;
}

const CHECK_VALUE_BYTES = 64;
const PAIR_BYTES = 2 * SEED_BYTES;
const TREE_CORRECTIONS = (TREE_DEPTH - 1) * PAIR_BYTES;
const TREE_BYTES = LEAVES * SEED_BYTES;

export const treeSchema: Schema<TreeMessage> = record({
  corrections: fixedBytes(TREES * TREE_CORRECTIONS),
  sums: fixedBytes(TREES * CHECK_VALUE_BYTES),
  digests: fixedBytes(TREES * CHECK_VALUE_BYTES),
});

/** Where a hash is used: its output is bound to all of it. */
interface Place {
  readonly engine: Engine;
  readonly session: Uint8Array;
  readonly tree: number;
}

/** Figure 13, the side that knows both seeds of each base OT. `seeds`: 256 × 2 × 32 bytes. */
export function growTrees(
  engine: Engine,
  session: Uint8Array,
  seeds: Uint8Array,
): { readonly leaves: AllLeaves; readonly message: TreeMessage } {
  assert(seeds.length === BASE_OTS * PAIR_BYTES, "two seeds per base OT");
  const leaves = new Uint8Array(TREES * TREE_BYTES);
  const corrections = new Uint8Array(TREES * TREE_CORRECTIONS);
  const sums = new Uint8Array(TREES * CHECK_VALUE_BYTES);
  const digests = new Uint8Array(TREES * CHECK_VALUE_BYTES);
  for (let tree = 0; tree < TREES; tree++) {
    const place = { engine, session, tree };
    const pairs = Array.from({ length: TREE_DEPTH }, (_, level) => slot(seeds, tree * TREE_DEPTH + level, PAIR_BYTES));
    const own = slot(leaves, tree, TREE_BYTES);
    growTree(place, pairs, own, slot(corrections, tree, TREE_CORRECTIONS));
    const values = checkValues(place, own, null);
    slot(sums, tree, CHECK_VALUE_BYTES).set(sumOf(values, CHECK_VALUE_BYTES));
    slot(digests, tree, CHECK_VALUE_BYTES).set(digestOf(place, values));
    values.fill(0);
  }
  return { leaves: { leaves }, message: { corrections, sums, digests } };
}

function growTree(place: Place, pairs: readonly Uint8Array[], leaves: Uint8Array, corrections: Uint8Array): void {
  let nodes: Uint8Array = pairs[0]!.slice();
  for (let level = 1; level < TREE_DEPTH; level++) {
    const children = new Uint8Array(2 * nodes.length);
    for (let node = 0; node < 2 ** level; node++) {
      children.set(childrenOf(place, level, node, slot(nodes, node, SEED_BYTES)), node * PAIR_BYTES);
    }
    // The sum over pairs of children is both sides' sums at once.
    slot(corrections, level - 1, PAIR_BYTES).set(xorBytes(sumOf(children, PAIR_BYTES), pairs[level]!));
    nodes.fill(0);
    nodes = children;
  }
  leaves.set(nodes);
  nodes.fill(0);
}

/**
 * Figures 13 and 14, the side that chose. `seeds`: 256 × 32 bytes, `choices`: 32 bytes. Throws `OtCheckFailed`, which tells the
 * other side something: it may alter a correction that is used for one choice only, and see. Each bit it guesses so doubles
 * its risk, and a pair that failed once is never set up from the same choices again.
 */
export function regrowTrees(
  engine: Engine,
  session: Uint8Array,
  { seeds, choices }: { readonly seeds: Uint8Array; readonly choices: Uint8Array },
  { corrections, sums, digests }: TreeMessage,
): PuncturedLeaves {
  assert(seeds.length === BASE_OTS * SEED_BYTES && choices.length * 8 === BASE_OTS, "a seed and a bit per base OT");
  const leaves = new Uint8Array(TREES * TREE_BYTES);
  const missing = new Uint8Array(TREES);
  const found = new Uint8Array(TREES * CHECK_VALUE_BYTES);
  for (let tree = 0; tree < TREES; tree++) {
    const place = { engine, session, tree };
    const chosen = { seeds: slot(seeds, tree, TREE_DEPTH * SEED_BYTES), bits: nibble(choices, tree) };
    const own = slot(leaves, tree, TREE_BYTES);
    const gap = regrowTree(place, chosen, slot(corrections, tree, TREE_CORRECTIONS), own);
    missing[tree] = gap;
    const values = checkValues(place, own, gap);
    const first = slot(values, 0, CHECK_VALUE_BYTES);
    first.set(xorBytes(sumOf(values, CHECK_VALUE_BYTES), slot(sums, tree, CHECK_VALUE_BYTES)));
    unmask(values, gap);
    slot(found, tree, CHECK_VALUE_BYTES).set(digestOf(place, values));
    values.fill(0);
  }
  if (equalBytes(found, digests)) return { leaves, missing };
  wipeLeaves({ leaves, missing });
  throw new OtCheckFailed("trees");
}

/** The four choice bits of a tree, that of its first level lowest. */
const nibble = (choices: Uint8Array, tree: number): number => (choices[tree >> 1]! >> (TREE_DEPTH * (tree & 1))) & 0x0f;

/** Fills `leaves` and returns the missing index. Nodes are kept at index ⊕ (the missing path so far). */
function regrowTree(
  place: Place,
  chosen: { readonly seeds: Uint8Array; readonly bits: number },
  corrections: Uint8Array,
  leaves: Uint8Array,
): number {
  let path = (chosen.bits & 1) ^ 1;
  let nodes = new Uint8Array(PAIR_BYTES);
  slot(nodes, 1, SEED_BYTES).set(slot(chosen.seeds, 0, SEED_BYTES));
  for (let level = 1; level < TREE_DEPTH; level++) {
    const turn = ((chosen.bits >> level) & 1) ^ 1;
    const children = new Uint8Array(2 * nodes.length);
    for (let node = 1; node < 2 ** level; node++) {
      const pair = childrenOf(place, level, node ^ path, slot(nodes, node, SEED_BYTES));
      swapHalves(pair, turn);
      children.set(pair, node * PAIR_BYTES);
    }
    // Only the side that was chosen can be completed: it is the second one, counted from the missing path.
    const correction = slot(corrections, level - 1, PAIR_BYTES).slice();
    swapHalves(correction, turn);
    const known = xorBytes(sumOf(children, PAIR_BYTES), correction).subarray(SEED_BYTES);
    slot(children, 1, SEED_BYTES).set(xorBytes(known, slot(chosen.seeds, level, SEED_BYTES)));
    nodes.fill(0);
    nodes = children;
    path = 2 * path + turn;
  }
  leaves.set(nodes);
  nodes.fill(0);
  return path;
}

/** The two children of a node: a length-doubling PRG from one SHA-512. */
const childrenOf = ({ engine, session, tree }: Place, level: number, node: number, seed: Uint8Array): Uint8Array =>
  engine.sha512(transcriptBytes("ot/trees/children", { session, tree, level, node, seed }));

/** s̃_y of every leaf y, at the leaf's place. Leaf 0 of a punctured tree counts as zeros: nobody could compute it. */
function checkValues({ engine, session, tree }: Place, leaves: Uint8Array, missing: number | null): Uint8Array {
  const values = new Uint8Array(LEAVES * CHECK_VALUE_BYTES);
  for (let at = missing === null ? 0 : 1; at < LEAVES; at++) {
    const leaf = at ^ (missing ?? 0);
    const seed = slot(leaves, at, SEED_BYTES);
    const value = engine.sha512(transcriptBytes("ot/trees/check", { session, tree, leaf, seed }));
    values.set(value, at * CHECK_VALUE_BYTES);
  }
  return values;
}

const digestOf = ({ engine, session, tree }: Place, values: Uint8Array): Uint8Array =>
  engine.sha512(transcriptBytes("ot/trees/digest", { session, tree, values }));

/** Moves check values from index ⊕ missing to their own index, bit by bit, by masked swaps. */
function unmask(values: Uint8Array, missing: number): void {
  for (let bit = 0; bit < TREE_DEPTH; bit++) {
    const block = CHECK_VALUE_BYTES << bit;
    for (let at = 0; at < values.length; at += 2 * block)
      swapHalves(values.subarray(at, at + 2 * block), (missing >> bit) & 1);
  }
}

/** The `index`th piece of `length` bytes, as a view. */
const slot = (of: Uint8Array, index: number, length: number): Uint8Array =>
  of.subarray(index * length, (index + 1) * length);

/** Overwrite the secrets of one direction of a pair. */
export function wipeLeaves(held: AllLeaves | PuncturedLeaves): void {
  held.leaves.fill(0);
  if ("missing" in held) held.missing.fill(0);
}
