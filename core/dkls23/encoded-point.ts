import { fixedBytes, refine, type Schema } from "@conclave/bytes";
import type { Group, Point } from "@conclave/crypto";

/** A point beside its canonical bytes: it is sent, hashed and stored as bytes, and each encoding would cost an inversion. */
export interface EncodedPoint {
  readonly point: Point;
  readonly bytes: Uint8Array;
}

/** Points with their bytes, encoded together. Throws `RangeError` if one is the identity. */
export function encodePoints(group: Group, points: readonly Point[]): readonly EncodedPoint[] {
  const encodings = group.encodeAll(points);
  return points.map((point, i) => ({ point, bytes: encodings[i]! }));
}

/** On the wire like any point: never the identity, always in the group. */
export const encodedPointSchema = (group: Group): Schema<EncodedPoint> =>
  refine(fixedBytes(group.pointBytes), {
    parse: (bytes) => ({ point: group.decode(bytes), bytes }),
    print: ({ bytes }) => bytes,
    kind: "point",
  });
