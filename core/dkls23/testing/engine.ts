import { toHex } from "@conclave/bytes";
import { nodeEngine } from "@conclave/engine-node";
import { withKernels } from "@conclave/engine-wasm";
import { portableEngine, secp256k1Group, type Engine, type Point } from "@conclave/crypto";

/**
 * The portable engine without its slow fixed patterns of group operations: the same results, in variable time. Nothing is
 * secret in a test, and a pair's base OTs are a thousand multiplications.
 */
const quickPortable: Engine = {
  ...portableEngine,
  secp256k1: {
    ...secp256k1Group,
    multiplyBaseSecret: (k) => secp256k1Group.multiplyBase(k),
    multiplySecret: (point, k) => secp256k1Group.combine([point], [k]),
  },
};

/** What the tests run on: the WASM kernels, or with `CONCLAVE_NO_WASM=1` plain TypeScript. Both have to pass. */
export const quickEngine: Engine = process.env["CONCLAVE_NO_WASM"] === "1" ? quickPortable : withKernels(nodeEngine);

/** Its group: points of one engine are not another's. */
export const testGroup = quickEngine.secp256k1;

/** The same, computing everything once: for judging many messages that differ in one field only. */
export function rememberingEngine(): Engine {
  const { secp256k1: group } = quickEngine;
  const known = new Map<string, Point>();
  const once = (key: string, compute: () => Point): Point => {
    const point = known.get(key) ?? compute();
    known.set(key, point);
    return point;
  };
  return {
    ...quickEngine,
    secp256k1: {
      ...group,
      multiplyBaseSecret: (k) => once(`${k}`, () => group.multiplyBaseSecret(k)),
      multiplySecret: (point, k) => once(`${toHex(group.encode(point))} ${k}`, () => group.multiplySecret(point, k)),
      hashToCurve: (message, dst) => once(`${dst} ${toHex(message)}`, () => group.hashToCurve(message, dst)),
    },
  };
}
