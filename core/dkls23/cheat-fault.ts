import { OtCheckFailed } from "@conclave/crypto";
import { Fault } from "@conclave/protocol";

/** Run a check on a pair's oblivious transfers. Its failure is a fault that destroys the edge. */
export function asCheat<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof OtCheckFailed)) throw error;
    throw new Fault("cheat", REASONS[error.check], { cause: error });
  }
}

const REASONS: Readonly<Record<OtCheckFailed["check"], string>> = {
  "base-ot": "base OT message fails its check",
  trees: "all-but-one OT fails its check",
  extension: "OT extension fails its consistency check",
  multiplication: "multiplication fails its check",
};
