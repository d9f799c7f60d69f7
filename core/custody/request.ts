/**
 * What somebody asks the cluster for. A request is immutable and content-addressed: its id is the hash of its bytes, which
 * hold the client's idempotency key and the ledger height at which it was made. A revision is one concrete way to carry it
 * out, numbered; votes speak about revisions. A payment's revisions are PSBTs; a message has one, which adds nothing.
 */
import {
  bytes,
  codec,
  fixedBytes,
  list,
  literal,
  oneOf,
  optional,
  record,
  text,
  transcript,
  uint,
  type Codec,
  type SchemaOf,
} from "@conclave/bytes";
import { MAX_PSBT_BYTES, MESSAGE_HASHES, paymentRequestSchema } from "@conclave/bitcoin";
import { nodeId } from "@conclave/consensus";
import { SCHEMES } from "@conclave/keys";
import { MAX_PARTIES } from "@conclave/protocol";

/** Longer messages would have to be voted on by people who cannot read them anyway: sign a hash that a message names. */
export const MAX_MESSAGE_BYTES = 65_536;

/** Sessions of one attempt, which is as many as a payment has inputs. */
export const MAX_PRESIGN_SESSIONS = 20;

/** What every request says, whatever it asks for. */
const circumstances = {
  cluster: text({ max: 64 }),
  /** Chosen by the client; the same key twice is the same request. */
  idempotencyKey: text({ max: 128 }),
  /** The node whose API took the request: it proposes revisions. */
  origin: nodeId,
  /** Ledger height when it was made, and after which nobody votes for it any more. */
  height: uint(),
  expiresHeight: uint(),
};

const requestSchema = oneOf({
  payment: record({ ...circumstances, wallet: fixedBytes(32), payment: paymentRequestSchema }),
  keygen: record({
    ...circumstances,
    scheme: literal(...SCHEMES),
    purpose: text({ max: 32 }),
    threshold: uint({ min: 2, max: MAX_PARTIES }),
    quorum: uint({ min: 2, max: MAX_PARTIES }),
  }),
  /** To be signed by a key for messages, hashed by every signer itself. `wallet`: id of the key. */
  message: record({
    ...circumstances,
    wallet: fixedBytes(32),
    message: bytes({ max: MAX_MESSAGE_BYTES }),
    hash: literal(...MESSAGE_HASHES),
  }),
  /** A hash whose preimage nobody shows: signed only where every voter's operator allowed it. */
  digest: record({ ...circumstances, wallet: fixedBytes(32), digest: fixedBytes(32) }),
  /** Presignatures of one key after one derivation; digests come later. */
  presign: record({
    ...circumstances,
    wallet: fixedBytes(32),
    path: list(uint({ max: 0x7fff_ffff }), { max: 8 }),
    count: uint({ min: 1, max: MAX_PRESIGN_SESSIONS }),
  }),
  /** The edge between two members of a key is made anew. */
  rekey: record({ ...circumstances, wallet: fixedBytes(32), a: nodeId, b: nodeId }),
});

export type Request = SchemaOf<typeof requestSchema>;
export type PaymentRequestBody = Extract<Request, { kind: "payment" }>;
export type KeygenRequestBody = Extract<Request, { kind: "keygen" }>;

export type MessageRequestBody = Extract<Request, { kind: "message" | "digest" }>;
export type PresignRequestBody = Extract<Request, { kind: "presign" }>;
export type RekeyRequestBody = Extract<Request, { kind: "rekey" }>;

export const requestCodec: Codec<Request> = codec(requestSchema, { maxBytes: MAX_MESSAGE_BYTES + 4096 });

/** A request's id: 32 bytes. */
export const requestId = (request: Request): Uint8Array =>
  transcript("custody/request", { request: requestCodec.encode(request) });

const revisionSchema = record({
  request: fixedBytes(32),
  /** 1, 2, …: later revisions have higher numbers. */
  number: uint({ min: 1, max: 1_000 }),
  /** Empty for a message. */
  psbt: bytes({ max: Math.max(...Object.values(MAX_PSBT_BYTES)) }),
});

export type Revision = SchemaOf<typeof revisionSchema>;
export const revisionCodec: Codec<Revision> = codec(revisionSchema);

/** What a vote is about: hash of the request, the number and the whole content. */
export const revisionDigest = (revision: Revision): Uint8Array =>
  transcript("custody/revision", { revision: revisionCodec.encode(revision) });

/** A request with one of its revisions, as nodes pass it on. Requests without content to vote on carry none. */
export const proposalCodec = codec(record({ request: requestSchema, revision: optional(revisionSchema) }));
export type Proposal = typeof proposalCodec extends Codec<infer T> ? T : never;
