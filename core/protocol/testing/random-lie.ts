import type { Field } from "@conclave/bytes";
import type { LeafOptions } from "./leaf-values.ts";
import { mutations } from "./mutations.ts";
import type { Dice } from "./random.ts";

/** One of several. Throws `RangeError` if there are none. */
export function pick<T>(dice: Dice, values: readonly T[]): T {
  if (values.length === 0) throw new RangeError("nothing to pick from");
  return values[dice.below(values.length)]!;
}

/** A copy in which one bit is other than it was. */
export function withFlippedBit(bytes: Uint8Array, dice: Dice): Uint8Array {
  const copy = bytes.slice();
  const bit = dice.below(8 * copy.length);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

/** A message with one field changed, in one of the ways that a careless check would let through; or no message of its codec at all. */
export function randomMutation(
  { field }: { readonly field: Field },
  bytes: Uint8Array,
  { dice, ...options }: LeafOptions & { readonly dice: Dice },
): Uint8Array {
  return pick(dice, mutations({ field: oneLeafOf(field, dice) }, bytes, options)).bytes;
}

/** In place of a field that stays as it is: mutations find nothing to change in it. */
const LEFT_ALONE: Field = { kind: "oneOf", variants: new Map() };

/** The same shape with a single leaf: all mutations of a message of 50 KB would take longer than the session that it is for. */
function oneLeafOf(field: Field, dice: Dice): Field {
  if (field.kind !== "record") return field;
  const names = [...field.fields.keys()];
  const chosen = pick(dice, names);
  const fields = names.map(
    (name) => [name, name === chosen ? oneLeafOf(field.fields.get(name)!, dice) : LEFT_ALONE] as const,
  );
  return { kind: "record", fields: new Map(fields) };
}
