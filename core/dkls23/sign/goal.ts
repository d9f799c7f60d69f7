import type { NonceCoordinate } from "@conclave/crypto";
import type { Context, Step } from "@conclave/protocol";
import type { EncodedPoint } from "../encoded-point.ts";
import type { Disclosure } from "./statement.ts";

/** What three rounds come to: with a digest, one message per signer is left. */
export interface Prepared {
  readonly context: Context;
  readonly disclosure: Disclosure;
  readonly R: EncodedPoint;
  readonly coordinate: NonceCoordinate;
  /** r·(sk_i·Φ_i + Σ(c_v + d_v)) */
  readonly s0: bigint;
  /** r_i·Φ_i + Σ(c_u + d_u) */
  readonly s1: bigint;
  /** φ_i */
  readonly phi: bigint;
}

/** Why the first three rounds are run: to sign at once, or to keep a presignature. */
export interface Goal<Result> {
  /** Part of the names of the rounds. */
  readonly name: "sign" | "presign";
  conclude(prepared: Prepared): Step<Result>;
}
