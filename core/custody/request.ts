/**
 * What somebody asks the cluster for. A request is immutable and content-addressed: its id is the hash of its bytes, which
 * hold the client's idempotency key and the ledger height at which it was made. A revision is one concrete way to carry a
 * payment out (a PSBT), numbered; votes speak about revisions.
 */
import {
  bytes,
  codec,
  fixedBytes,
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
import { paymentRequestSchema } from "@conclave/bitcoin";
import { nodeId } from "@conclave/consensus";
import { SCHEMES } from "@conclave/keys";
import { MAX_PARTIES } from "@conclave/protocol";

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
});

export type Request = SchemaOf<typeof requestSchema>;
export type PaymentRequestBody = Extract<Request, { kind: "payment" }>;
export type KeygenRequestBody = Extract<Request, { kind: "keygen" }>;

export const requestCodec: Codec<Request> = codec(requestSchema, { maxBytes: 4096 });

/** A request's id: 32 bytes. */
export const requestId = (request: Request): Uint8Array =>
  transcript("custody/request", { request: requestCodec.encode(request) });

const revisionSchema = record({
  request: fixedBytes(32),
  /** 1, 2, …: later revisions have higher numbers. */
  number: uint({ min: 1, max: 1_000 }),
  psbt: bytes({ max: 16_384 }),
});

export type Revision = SchemaOf<typeof revisionSchema>;
export const revisionCodec: Codec<Revision> = codec(revisionSchema);

/** What a vote is about: hash of the request, the number and the whole PSBT. */
export const revisionDigest = (revision: Revision): Uint8Array =>
  transcript("custody/revision", { revision: revisionCodec.encode(revision) });

/** A request with one of its revisions, as nodes pass it on. Requests without content to vote on carry none. */
export const proposalCodec = codec(record({ request: requestSchema, revision: optional(revisionSchema) }));
export type Proposal = typeof proposalCodec extends Codec<infer T> ? T : never;
