import { codec, fixedBytes, list, literal, record, type Codec } from "@conclave/bytes";
import { partyIndex, type PartyIndex } from "@conclave/protocol";
import { SUITE } from "../suite.ts";
import { MAX_COMMITTEE } from "./config.ts";

/** What everybody must agree on. Public state of every round. */
export interface SetupStatement {
  readonly suite: typeof SUITE;
  readonly setup: Uint8Array;
  readonly committee: readonly PartyIndex[];
}

export const setupStatementCodec: Codec<SetupStatement> = codec(
  record({
    suite: literal(SUITE),
    setup: fixedBytes(32),
    committee: list(partyIndex, { min: 2, max: MAX_COMMITTEE }),
  }),
);
