import { fixedBytes, refine, type Schema } from "@conclave/bytes";
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
