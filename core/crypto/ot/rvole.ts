/**
 * Random vector OLE (DKLS23, eprint 2023/765, protocol 5.2): one party brings a = (a_0, a_1), the other gets a random b, and
 * they end with shares c_i + d_i = a_i·b mod q. Two messages: receiver to sender, sender to receiver.
 *
 * β: the receiver's choice bits. g: the gadget vector, b = Σ g_j·β_j. α^0, α^1: both values of each OT, three scalars wide.
 * ã: corrections. θ: weights of the check. η, μ: what the check is made against.
 */
import {
  assert,
  equalBytes,
  fixedBytes,
  record,
  refine,
  transcriptBytes,
  type Rng,
  type Schema,
} from "@conclave/bytes";
import type { Engine } from "../engine.ts";
import { mod, randomScalar } from "../groups/scalar.ts";
import { scalarSchema } from "../groups/schema.ts";
import { transcriptScalar } from "../transcript.ts";
import { extendAsReceiver, extendAsSender, type ExtensionMessage } from "./extension.ts";
import { OtCheckFailed } from "./failure.ts";
import type { ScalarRows } from "./kernel.ts";
import { CHOICE_BYTES, COLUMNS, MULTIPLY_OTS } from "./parameters.ts";
import type { AllLeaves, PuncturedLeaves } from "./trees.ts";

/** What the receiver keeps between the messages. Secret; for one session. */
export interface MultiplyReceiver {
  readonly b: bigint;
  /** β */
  readonly choices: Uint8Array;
  readonly columns: Uint8Array;
  readonly gadget: ScalarRows;
}

/** What the sender keeps of an extension that passed its check. Secret; for one session. */
export interface CheckedExtension {
  readonly zero: Uint8Array;
  readonly one: Uint8Array;
}

export interface MultiplyMessage {
  /** ã */
  readonly corrections: ScalarRows;
  readonly eta: bigint;
  /** 64 bytes. */
  readonly mu: Uint8Array;
}

const SCALAR_BYTES = 32;
const MU_BYTES = 64;

export const multiplySchema = (engine: Engine): Schema<MultiplyMessage> =>
  record({
    corrections: refine(fixedBytes(MULTIPLY_OTS * COLUMNS * SCALAR_BYTES), {
      parse: (bytes) => engine.ot.decodeRows(bytes, COLUMNS),
      print: (rows) => engine.ot.encodeRows(rows),
      kind: "scalars",
    }),
    eta: scalarSchema(engine.secp256k1),
    mu: fixedBytes(MU_BYTES),
  });

/** Step 1, receiver: draws β and with it b. `session`: 32 bytes that this direction of this pair never used before. */
export function beginMultiply(
  engine: Engine,
  session: Uint8Array,
  leaves: AllLeaves,
  rng: Rng,
): { readonly message: ExtensionMessage; readonly receiver: MultiplyReceiver } {
  const choices = Uint8Array.from(rng(CHOICE_BYTES));
  const { message, columns } = extendAsReceiver(engine, session, leaves, choices, rng);
  const gadget = engine.ot.gadget(session);
  return { message, receiver: { b: engine.ot.selectedSum(gadget, choices), choices, columns, gadget } };
}

/** Step 2, sender: throws `OtCheckFailed` before anything that depends on a secret could be sent. */
export const checkExtension = (
  engine: Engine,
  session: Uint8Array,
  leaves: PuncturedLeaves,
  message: ExtensionMessage,
): CheckedExtension => extendAsSender(engine, session, leaves, message);

/** Step 3, sender: `inputs` in [0, q). `c` is its share of the products. */
export function answerMultiply(
  engine: Engine,
  session: Uint8Array,
  extension: CheckedExtension,
  inputs: readonly [bigint, bigint],
  rng: Rng,
): { readonly message: MultiplyMessage; readonly c: readonly [bigint, bigint] } {
  const { ot, secp256k1: group } = engine;
  assert(
    inputs.every((input) => input >= 0n && input < group.order),
    "inputs are reduced",
  );
  const zero = ot.hashColumns(session, extension.zero, COLUMNS);
  const one = ot.hashColumns(session, extension.one, COLUMNS);
  const gadget = ot.gadget(session);
  const blind = randomScalar(group, rng);

  const corrections = ot.correct(zero, one, [...inputs, blind]);
  const weights = checkWeights(engine, session, corrections);
  const eta = mod(blind + weights[0] * inputs[0] + weights[1] * inputs[1], group.order);
  const mu = checkDigest(engine, session, ot.weigh(zero, weights));
  const [first, second] = ot.innerProducts(gadget, zero);
  for (const rows of [zero, one, gadget]) ot.wipe(rows);
  return { message: { corrections, eta, mu }, c: [mod(-first, group.order), mod(-second, group.order)] };
}

/** Step 4, receiver: its share d of the products. Throws `OtCheckFailed` if the sender did not use one a for all OTs. */
export function finishMultiply(
  engine: Engine,
  session: Uint8Array,
  { choices, columns, gadget }: MultiplyReceiver,
  { corrections, eta, mu }: MultiplyMessage,
): readonly [bigint, bigint] {
  const { ot } = engine;
  const hashes = ot.hashColumns(session, columns, COLUMNS);
  const corrected = ot.applyCorrections(hashes, choices, corrections);
  const weights = checkWeights(engine, session, corrections);
  const weighed = ot.weigh(corrected, weights, { bits: choices, subtrahend: eta });
  const consistent = equalBytes(checkDigest(engine, session, weighed), mu);
  const products = ot.innerProducts(gadget, corrected);
  for (const rows of [hashes, corrected]) ot.wipe(rows);
  if (!consistent) throw new OtCheckFailed("multiplication");
  return products;
}

/** θ_0 and θ_1, from all that the sender had to fix before. */
function checkWeights(engine: Engine, session: Uint8Array, corrections: ScalarRows): readonly [bigint, bigint] {
  const digest = engine.sha256(engine.ot.encodeRows(corrections));
  const weight = (input: number): bigint =>
    transcriptScalar(engine.secp256k1, "ot/rvole/weight", { session, corrections: digest, input });
  return [weight(0), weight(1)];
}

/** μ for the weighed rows, which it overwrites. */
function checkDigest(engine: Engine, session: Uint8Array, weighed: Uint8Array): Uint8Array {
  const rows = engine.sha512(weighed);
  weighed.fill(0);
  return engine.sha512(transcriptBytes("ot/rvole/check", { session, rows }));
}

/** Overwrite what the receiver kept. Its `b` cannot be overwritten: drop the whole object. */
export function wipeReceiver(engine: Engine, { choices, columns, gadget }: MultiplyReceiver): void {
  choices.fill(0);
  columns.fill(0);
  engine.ot.wipe(gadget);
}

/** Overwrite what the sender kept. */
export function wipeExtension({ zero, one }: CheckedExtension): void {
  zero.fill(0);
  one.fill(0);
}
