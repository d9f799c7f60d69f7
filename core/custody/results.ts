import { bytes, codec, fixedBytes, list, record, uint, type Codec } from "@conclave/bytes";
import { MAX_INPUTS } from "@conclave/bitcoin";
import { MAX_PARTIES, partyIndex, type PartyIndex } from "@conclave/protocol";

/** Complete signatures for a revision, one per input, or that of a message. Proves itself: whoever holds the revision can verify it. */
export interface SignedResult {
  readonly request: Uint8Array;
  readonly revision: number;
  readonly digest: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** Who signed, as the sender says; for people. The signatures are valid whoever made them. */
  readonly signers: readonly PartyIndex[];
}

export const resultCodec: Codec<SignedResult> = codec(
  record({
    request: fixedBytes(32),
    revision: uint({ min: 1, max: 1_000 }),
    digest: fixedBytes(32),
    signatures: list(bytes({ min: 64, max: 65 }), { min: 1, max: MAX_INPUTS }),
    signers: list(partyIndex, { max: MAX_PARTIES }),
  }),
);
