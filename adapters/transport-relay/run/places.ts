/** Where a run's messages stand: tags in the families of RL-06, (round, part), and what is in the payloads. */
import { bytes, codec, fixedBytes, record, type Codec } from "@conclave/bytes";
import type { Part } from "@conclave/protocol";
import { MAX_MESSAGE_BYTES, MESSAGE_OVERHEAD_BYTES } from "@conclave/relay";

/** Tag 0 is for setups, which say what a run is about. */
export const ACK_TAG = 1n;

const PARTS: Readonly<Record<Part, bigint>> = { broadcast: 0n, direct: 1n, echo: 2n };

/** `ordinal`: position of the round in its protocol, from 0. */
export const tagOf = (ordinal: number, part: Part): bigint => (BigInt(ordinal + 1) << 32n) | PARTS[part];

/** What a party brings into a run: a nonce that makes the session new, and a key to seal to. */
export interface Ack {
  readonly nonce: Uint8Array;
  readonly ephemeral: Uint8Array;
}

export const ackCodec: Codec<Ack> = codec(record({ nonce: fixedBytes(32), ephemeral: fixedBytes(32) }));

/** CBOR around view and body. */
const OVERHEAD_BYTES = 64;
const MAX_BODY_BYTES = MAX_MESSAGE_BYTES - MESSAGE_OVERHEAD_BYTES - OVERHEAD_BYTES;

/** One part of one round. The body of a direct part is sealed. */
export interface Step {
  readonly view: Uint8Array;
  readonly body: Uint8Array;
}

export const stepCodec: Codec<Step> = codec(record({ view: fixedBytes(32), body: bytes({ max: MAX_BODY_BYTES }) }), {
  maxBytes: MAX_MESSAGE_BYTES,
});
