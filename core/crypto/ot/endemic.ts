/**
 * Endemic OT (Masny and Rindal, eprint 2019/706, figure 8): 256 random OTs with one message each way, over secp256k1.
 *
 * The chooser knows the discrete logarithm t_a of one of two masked points only: r_b + H_b(r_{1−b}) = t_a·G. The answerer makes
 * a Diffie–Hellman key with both. Keys are bound to session, number, side and both parties' points: an OT that is weakly bound
 * lets one party carry a message over to where it learns the other's choices.
 */
import { assert, compareBytes, equalBytes, transcript, transcriptBytes, type Rng, type Schema } from "@conclave/bytes";
import type { Engine } from "../engine.ts";
import type { Group, Point } from "../groups/group.ts";
import { randomScalar } from "../groups/scalar.ts";
import { pointsSchema } from "../groups/schema.ts";
import { OtCheckFailed } from "./failure.ts";
import { BASE_OTS, SEED_BYTES } from "./parameters.ts";

/** What the chooser keeps until the answer comes. Secret; for one session. */
export interface BaseOtChooser {
  /** b: 32 bytes, one bit per OT. */
  readonly choices: Uint8Array;
  /** t_a */
  readonly exponents: bigint[];
  /** Its own message, encoded. */
  readonly sent: readonly Uint8Array[];
}

/** The two points of each OT, 512 altogether: what either party sends. */
const POINTS = 2 * BASE_OTS;
/** RFC 9380 §3.1: names the application, its version and the suite. */
const MASK_DOMAIN = "CONCLAVE-ENDEMIC-OT-V1-MASK-secp256k1_XMD:SHA-256_SSWU_RO_";
const POINT_DOMAIN = "CONCLAVE-ENDEMIC-OT-V1-POINT-secp256k1_XMD:SHA-256_SSWU_RO_";

type Side = 0 | 1;

/** One side of one OT of one session. */
interface Place {
  readonly session: Uint8Array;
  readonly index: number;
  readonly side: Side;
}

export const baseOtSchema = (group: Group): Schema<readonly Point[]> => pointsSchema(group, POINTS);

/** The chooser's message: r_0 and r_1 of OT 0, then of OT 1, and so on. */
export function chooseBaseOts(
  { secp256k1: group }: Engine,
  session: Uint8Array,
  rng: Rng,
): { readonly message: readonly Point[]; readonly chooser: BaseOtChooser } {
  const choices = Uint8Array.from(rng(BASE_OTS / 8));
  const exponents = Array.from({ length: BASE_OTS }, () => randomScalar(group, rng));
  // Hashed, so that not even the chooser knows a discrete logarithm.
  const others = exponents.map(() => group.hashToCurve(rng(SEED_BYTES), POINT_DOMAIN));
  const encodedOthers = group.encodeAll(others);
  const message = exponents.flatMap((exponent, index) => {
    const side = bitAt(choices, index);
    const mask = maskPoint(group, { session, index, side }, encodedOthers[index]!);
    const chosen = group.add(group.multiplyBaseSecret(exponent), group.negate(mask));
    const other = others[index]!;
    const pairs = [
      [chosen, other],
      [other, chosen],
    ] as const;
    return pairs[side];
  });
  const sent = group.encodeAll(message);
  // The mask of the other side is not needed. With it the same set of hashes is evaluated whatever the choices are.
  for (let index = 0; index < BASE_OTS; index++) {
    const side = bitAt(choices, index);
    maskPoint(group, { session, index, side: sideOf(side ^ 1) }, sent[2 * index + side]!);
  }
  return { message, chooser: { choices, exponents, sent } };
}

/**
 * The answerer's message, M_0 and M_1 per OT, and both seeds of each OT: 256 × 2 × 32 bytes, secret. Throws `OtCheckFailed` if
 * a point comes twice, is the identity, or unmasks to the identity.
 */
export function answerBaseOts(
  { secp256k1: group }: Engine,
  session: Uint8Array,
  choices: readonly Point[],
  rng: Rng,
): { readonly message: readonly Point[]; readonly seeds: Uint8Array } {
  const received = encodeDistinct(group, choices);
  const unmasked = choices.map((point, i) => {
    const place = { session, index: i >> 1, side: sideOf(i) };
    return group.add(point, maskPoint(group, place, received[i ^ 1]!));
  });
  if (unmasked.some((point) => group.isIdentity(point))) throw new OtCheckFailed("base-ot");
  // One exponent per side: with the same for both, keys of one OT would depend on each other.
  const exponents = unmasked.map(() => randomScalar(group, rng));
  const message = exponents.map((exponent) => group.multiplyBaseSecret(exponent));
  const sent = group.encodeAll(message);
  const secrets = group.encodeAll(unmasked.map((point, i) => group.multiplySecret(point, exponents[i]!)));
  const seeds = new Uint8Array(POINTS * SEED_BYTES);
  for (const [i, secret] of secrets.entries()) {
    const place = { session, index: i >> 1, side: sideOf(i) };
    seeds.set(baseOtSeed(place, { choices: received, answers: sent }, secret), i * SEED_BYTES);
    secret.fill(0);
  }
  exponents.fill(0n);
  return { message, seeds };
}

/**
 * The chosen seed of each OT, 256 × 32 bytes, and which it is, 32 bytes: all secret. Throws `OtCheckFailed` if a point comes
 * twice, is the identity, or is one of the chooser's own.
 */
export function openBaseOts(
  { secp256k1: group }: Engine,
  session: Uint8Array,
  { choices, exponents, sent }: BaseOtChooser,
  answers: readonly Point[],
): { readonly seeds: Uint8Array; readonly choices: Uint8Array } {
  const received = encodeDistinct(group, answers, sent);
  const chosen = exponents.map((exponent, index) => {
    const pair = [answers[2 * index]!, answers[2 * index + 1]!] as const;
    return group.multiplySecret(pair[bitAt(choices, index)], exponent);
  });
  const seeds = new Uint8Array(BASE_OTS * SEED_BYTES);
  for (const [index, secret] of group.encodeAll(chosen).entries()) {
    const place = { session, index, side: bitAt(choices, index) };
    seeds.set(baseOtSeed(place, { choices: sent, answers: received }, secret), index * SEED_BYTES);
    secret.fill(0);
  }
  return { seeds, choices: choices.slice() };
}

/** Overwrite what the chooser kept. */
export function wipeChooser({ choices, exponents }: BaseOtChooser): void {
  choices.fill(0);
  exponents.fill(0n);
}

/** H_side of the OT: a point of unknown discrete logarithm, from the point of the other side. */
const maskPoint = (group: Group, { session, index, side }: Place, other: Uint8Array): Point =>
  group.hashToCurve(transcriptBytes("ot/base/mask", { session, index, side, other }), MASK_DOMAIN);

/**
 * The seed of one side of one OT. `choices` and `answers`: both messages, encoded. `secret`: the encoded Diffie–Hellman point.
 */
export function baseOtSeed(
  { session, index, side }: Place,
  { choices, answers }: { readonly choices: readonly Uint8Array[]; readonly answers: readonly Uint8Array[] },
  secret: Uint8Array,
): Uint8Array {
  const pair = (points: readonly Uint8Array[]): Uint8Array[] => [points[2 * index]!, points[2 * index + 1]!];
  return transcript("ot/base/seed", { session, index, side, choices: pair(choices), answers: pair(answers), secret });
}

/** Encodes a peer's points. All 512 must differ from one another and from `own`, which no honest peer's fail to do. */
function encodeDistinct(group: Group, points: readonly Point[], own: readonly Uint8Array[] = []): Uint8Array[] {
  assert(points.length === POINTS, `${POINTS} points, as the schema says`);
  // The codec lets no identity through; here it would be a point that unmasks to what everybody knows.
  if (points.some((point) => group.isIdentity(point))) throw new OtCheckFailed("base-ot");
  const encoded = group.encodeAll(points);
  const sorted = [...own, ...encoded].toSorted(compareBytes);
  if (sorted.some((bytes, i) => i > 0 && equalBytes(bytes, sorted[i - 1]!))) throw new OtCheckFailed("base-ot");
  return encoded;
}

const sideOf = (position: number): Side => (position & 1) as Side;
const bitAt = (choices: Uint8Array, index: number): Side => ((choices[index >> 3]! >> (index & 7)) & 1) as Side;
