/**
 * What the signers must agree on: the public states of the rounds, whose hashes are the views of their messages. A party
 * that works from another digest, path, epoch or setup is noticed here, before any check that could blame it.
 */
import {
  bytes,
  codec,
  CodecError,
  fixedBytes,
  list,
  literal,
  optional,
  record,
  refine,
  transcript,
  uint,
  type Codec,
  type Schema,
} from "@conclave/bytes";
import type { Group } from "@conclave/crypto";
import { partyIndex, partyMap, type PartyIndex } from "@conclave/protocol";
import { encodedPointSchema, type EncodedPoint } from "../encoded-point.ts";
import { SUITE } from "../suite.ts";

/** Largest committee. Every pair keeps 65 KiB and multiplies twice per signature. */
export const MAX_SIGNERS = 16;

/** Public state of round 1: what is to be signed, by whom, under which key. */
export interface Statement {
  readonly suite: typeof SUITE;
  /** ssid, 32 bytes. */
  readonly session: Uint8Array;
  readonly keyId: Uint8Array;
  readonly epoch: number;
  /** BIP32 indices from the stored key to the one that the signature verifies under. */
  readonly path: readonly number[];
  /** That key, all tweaks applied. */
  readonly publicKey: EncodedPoint;
  readonly approval: Uint8Array;
  /** Null where the digest comes later (a presignature). */
  readonly digest: Uint8Array | null;
  /** Ascending. */
  readonly signers: readonly PartyIndex[];
}

/** Broadcast of round 1. */
export interface Commitment {
  /** C_i = H(ssid, i, R_i, blind_i). */
  readonly commitment: Uint8Array;
  /** The setup that this party's edge to each other signer comes from. */
  readonly setups: ReadonlyMap<PartyIndex, Uint8Array>;
}

/** Public state of rounds 2 and 3. */
export interface Agreement extends Statement {
  /** Of every signer. */
  readonly commitments: ReadonlyMap<PartyIndex, Commitment>;
}

/** Broadcast of round 3. */
export interface Opening {
  readonly R: EncodedPoint;
  readonly blind: Uint8Array;
  /** pk_i = sk_i·G: this party's part of the derived public key. */
  readonly pk: EncodedPoint;
}

/** What everybody knows once round 3 is over. Public state of round 4. */
export interface Disclosure extends Agreement {
  /** Of every signer. */
  readonly openings: ReadonlyMap<PartyIndex, Opening>;
}

export const commitmentSchema: Schema<Commitment> = record({
  commitment: fixedBytes(32),
  setups: partyMap(fixedBytes(32)),
});

export const openingSchema = (group: Group): Schema<Opening> =>
  record({ R: encodedPointSchema(group), blind: fixedBytes(32), pk: encodedPointSchema(group) });

/** BIP32 allows 255 levels. */
export const pathSchema = list(uint({ max: 0x7fff_ffff }), { max: 255 });

export const signersSchema: Schema<readonly PartyIndex[]> = refine(list(partyIndex, { min: 2, max: MAX_SIGNERS }), {
  parse: ascendingOnly,
  print: (signers) => signers,
});

const statementFields = (group: Group) => ({
  suite: literal(SUITE),
  session: fixedBytes(32),
  keyId: fixedBytes(32),
  epoch: uint(),
  path: pathSchema,
  publicKey: encodedPointSchema(group),
  approval: fixedBytes(32),
  digest: optional(bytes({ min: 32, max: 32 })),
  signers: signersSchema,
});

const agreementFields = (group: Group) => ({ ...statementFields(group), commitments: partyMap(commitmentSchema) });

export const statementCodec = (group: Group): Codec<Statement> => codec(record(statementFields(group)));

export const agreementCodec = (group: Group): Codec<Agreement> => codec(record(agreementFields(group)));

export const disclosureCodec = (group: Group): Codec<Disclosure> =>
  codec(record({ ...agreementFields(group), openings: partyMap(openingSchema(group)) }));

/** C_i: binds R_i to its session and to its sender, so that nobody can copy another's. */
export const commitmentTo = (session: Uint8Array, from: PartyIndex, R: EncodedPoint, blind: Uint8Array): Uint8Array =>
  transcript("dkls23/sign/commitment", { session, from, R: R.bytes, blind });

/** digest_i of the paper's figure: hash of the statement and all of round 1. Never the same twice, whatever the ssid does. */
export const agreementHash = (group: Group, agreement: Agreement): Uint8Array =>
  transcript("dkls23/sign/agreement", { agreement: agreementCodec(group).encode(agreement) });

/** Hash of everything that was public when R was opened: what a presignature is bound to. */
export const disclosureHash = (group: Group, disclosure: Disclosure): Uint8Array =>
  transcript("dkls23/sign/disclosure", { disclosure: disclosureCodec(group).encode(disclosure) });

function ascendingOnly(signers: readonly PartyIndex[]): readonly PartyIndex[] {
  if (signers.some((party, i) => i > 0 && party <= signers[i - 1]!)) throw new CodecError("signers do not ascend");
  return signers;
}
