import { assert, concatBytes, fixedBytes, refine, type Schema } from "@conclave/bytes";
import type { Group, Point } from "./group.ts";

/** A group element on the wire: never the identity, always in the prime-order group. */
export const pointSchema = (group: Group): Schema<Point> =>
  refine(fixedBytes(group.pointBytes), {
    parse: (bytes) => group.decode(bytes),
    print: (point) => group.encode(point),
    kind: "point",
  });

/** An integer in [0, q) on the wire. */
export const scalarSchema = (group: Group): Schema<bigint> =>
  refine(fixedBytes(32), {
    parse: (bytes) => group.decodeScalar(bytes),
    print: (scalar) => group.encodeScalar(scalar),
    kind: "scalar",
  });

/** `count` group elements, packed one after the other: for messages that hold hundreds. */
export const pointsSchema = (group: Group, count: number): Schema<readonly Point[]> =>
  refine(fixedBytes(count * group.pointBytes), {
    parse: (bytes) =>
      group.decodeAll(
        Array.from({ length: count }, (_, i) => bytes.subarray(i * group.pointBytes, (i + 1) * group.pointBytes)),
      ),
    print: (points) => {
      assert(points.length === count, `${count} points`);
      return concatBytes(...group.encodeAll(points));
    },
    kind: "points",
  });
