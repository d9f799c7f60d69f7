/** What the signers must agree on: the public states of both rounds, whose hashes are the views of their messages. */
import {
  CodecError,
  codec,
  bytes,
  fixedBytes,
  list,
  literal,
  record,
  refine,
  uint,
  type Codec,
  type Schema,
} from "@conclave/bytes";
import { pointSchema, type Group, type Point } from "@conclave/crypto";
import { MAX_PARTIES, partyIndex, partyMap, type PartyIndex } from "@conclave/protocol";
import type { CommitmentList } from "../binding.ts";
import type { NonceCommitments } from "../nonces.ts";
import type { Suite, SuiteId } from "../suite.ts";

/** Public state of round 1: what is to be signed, by whom, under which key. */
export interface Statement {
  readonly suite: SuiteId;
  readonly keyId: Uint8Array;
  readonly epoch: number;
  /** The key that the signature verifies under, all tweaks applied. */
  readonly publicKey: Point;
  readonly message: Uint8Array;
  readonly approval: Uint8Array;
  /** Ascending. */
  readonly signers: readonly PartyIndex[];
}

/** Public state of round 2: with it anybody can check a signature share. */
export interface SharedView extends Statement {
  readonly commitments: CommitmentList;
  /** Y_i of each signer, tweaked like the key. */
  readonly publicShares: ReadonlyMap<PartyIndex, Point>;
}

/** D and E: the broadcast of round 1. Decoding refuses the identity and whatever is not in the group. */
export const commitmentsSchema = (group: Group): Schema<NonceCommitments> =>
  record({ hiding: pointSchema(group), binding: pointSchema(group) });

const statementFields = (suite: Suite) => ({
  suite: literal(suite.id),
  keyId: fixedBytes(32),
  epoch: uint(),
  publicKey: publicKeySchema(suite),
  message: bytes(suite.messageBytes),
  approval: fixedBytes(32),
  signers: refine(list(partyIndex, { min: 2, max: MAX_PARTIES }), {
    parse: ascendingOnly,
    print: (signers) => signers,
  }),
});

export const statementCodec = (suite: Suite): Codec<Statement> => codec(record(statementFields(suite)));

/** Refuses lists that do not name each signer once. */
export const sharedViewCodec = (suite: Suite): Codec<SharedView> =>
  codec(
    refine(
      record({
        ...statementFields(suite),
        commitments: partyMap(commitmentsSchema(suite.group)),
        publicShares: partyMap(pointSchema(suite.group)),
      }),
      { parse: sameParties, print: (view) => view },
    ),
  );

const publicKeySchema = ({ group, evenY }: Suite): Schema<Point> =>
  refine(pointSchema(group), {
    parse: (point) => {
      if (evenY && !group.hasEvenY(point)) throw new CodecError("a BIP340 key has an even y-coordinate");
      return point;
    },
    print: (point) => point,
  });

function ascendingOnly(signers: readonly PartyIndex[]): readonly PartyIndex[] {
  if (signers.some((party, i) => i > 0 && party <= signers[i - 1]!)) throw new CodecError("signers do not ascend");
  return signers;
}

function sameParties(view: SharedView): SharedView {
  for (const map of [view.commitments, view.publicShares]) {
    if (map.size !== view.signers.length || !view.signers.every((party) => map.has(party))) {
      throw new CodecError("a list does not name the signers");
    }
  }
  return view;
}
