import type { SigningScheme } from "@conclave/custody";
import type { Scheme } from "@conclave/keys";
import type { Protocol } from "@conclave/protocol";
import { interceptSteps } from "@conclave/protocol/testing";
import { SCHEMES } from "./engine.ts";

/** Which bytes of which round a cheater changes. */
export interface Lie {
  readonly scheme: Scheme;
  readonly during: "keygen" | "protocol";
  readonly round: string;
  readonly part: "broadcast" | "direct";
}

/** The honest schemes, but for one that lies in one round and stands by it. */
export function lyingSchemes({ scheme: name, during, round, part }: Lie): readonly SigningScheme[] {
  return SCHEMES.map((scheme) => {
    if (scheme.scheme !== name) return scheme;
    const lying = interceptSteps(scheme[during] as Protocol<unknown, unknown>, (step) => {
      if (step.round.name !== round) return step;
      const { broadcast, direct } = step.outgoing;
      const outgoing =
        part === "broadcast"
          ? { direct, broadcast: broadcast && flipped(broadcast) }
          : { broadcast, direct: new Map([...direct].map(([to, body]) => [to, flipped(body)])) };
      return { ...step, outgoing };
    });
    return { ...scheme, [during]: lying };
  });
}

/** The lowest bit of the last byte: what was a scalar still is one. */
function flipped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[copy.length - 1]! ^= 1;
  return copy;
}
