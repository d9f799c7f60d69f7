/**
 * A signature that lacks only its digest. One-use: two digests under one R give the key away. It belongs to one key, path,
 * epoch, committee and set of edges, all fixed before R was opened.
 */
import {
  assert,
  codec,
  fixedBytes,
  literal,
  record,
  refine,
  transcript,
  uint,
  type Codec,
  type Schema,
} from "@conclave/bytes";
import type { Group } from "@conclave/crypto";
import { partyIndex, partyMap, type PartyIndex } from "@conclave/protocol";
import { encodedPointSchema, type EncodedPoint } from "./encoded-point.ts";
import { pathSchema, signersSchema } from "./sign/statement.ts";
import { SUITE } from "./suite.ts";

export interface Presignature {
  readonly suite: typeof SUITE;
  /** H(ssid of the session that made it): the same for every signer, and of no other presignature. */
  readonly id: Uint8Array;
  readonly keyId: Uint8Array;
  readonly epoch: number;
  readonly self: PartyIndex;
  /** Ascending. */
  readonly signers: readonly PartyIndex[];
  readonly path: readonly number[];
  /** The key that the signature will verify under. */
  readonly publicKey: EncodedPoint;
  /** The setup of this party's edge to each other signer. */
  readonly setups: ReadonlyMap<PartyIndex, Uint8Array>;
  /** Hash of everything that was public when R was opened, alike for all signers: all setups, commitments and openings. */
  readonly disclosure: Uint8Array;
  readonly R: EncodedPoint;
  /** This party's secrets; zero once they are spent. */
  readonly secrets: PresignatureSecrets;
}

/** Encoded scalars, so that they can be overwritten. */
export interface PresignatureSecrets {
  /** s0_i = r·(sk_i·Φ_i + Σ(c_v + d_v)) */
  readonly s0: Uint8Array;
  /** s1_i = r_i·Φ_i + Σ(c_u + d_u) */
  readonly s1: Uint8Array;
  /** φ_i */
  readonly phi: Uint8Array;
}

/** The same, refusing `JSON.stringify`: what signs once is not written into a log or a message by accident. */
export const unprintable = (secrets: PresignatureSecrets): PresignatureSecrets =>
  Object.defineProperty(secrets, "toJSON", {
    value: () => {
      throw new TypeError("a presignature's secrets have no printed form");
    },
  });

/** A scalar that stays bytes. */
const scalarBytes = (group: Group): Schema<Uint8Array> =>
  refine(fixedBytes(32), {
    parse: (bytes) => group.encodeScalar(group.decodeScalar(bytes)),
    print: (bytes) => bytes,
    kind: "scalar",
  });

/** For storage at rest, under encryption, never in a backup. */
export const presignatureCodec = (group: Group): Codec<Presignature> =>
  codec(
    record({
      suite: literal(SUITE),
      id: fixedBytes(32),
      keyId: fixedBytes(32),
      epoch: uint(),
      self: partyIndex,
      signers: signersSchema,
      path: pathSchema,
      publicKey: encodedPointSchema(group),
      setups: partyMap(fixedBytes(32)),
      disclosure: fixedBytes(32),
      R: encodedPointSchema(group),
      secrets: refine(record({ s0: scalarBytes(group), s1: scalarBytes(group), phi: scalarBytes(group) }), {
        parse: unprintable,
        print: (secrets) => secrets,
      }),
    }),
  );

export const presignatureId = (session: Uint8Array): Uint8Array => transcript("dkls23/presignature", { session });

/** Read the secrets once: the buffers are zero before the scalars are returned. Throws `AssertionError` the second time. */
export function spendPresignature(
  group: Group,
  presignature: Presignature,
): { readonly s0: bigint; readonly s1: bigint; readonly phi: bigint } {
  const { s0, s1, phi } = presignature.secrets;
  const spent = { s0: group.decodeScalar(s0), s1: group.decodeScalar(s1), phi: group.decodeScalar(phi) };
  wipePresignature(presignature);
  assert(spent.phi !== 0n, "this presignature is spent: it signs once");
  return spent;
}

/** Overwrite a presignature that will not be used. */
export function wipePresignature({ secrets: { s0, s1, phi } }: Presignature): void {
  for (const secret of [s0, s1, phi]) secret.fill(0);
}
