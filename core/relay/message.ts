/**
 * A published message. Its id is the hash of who says what kind of thing to whom in which run (RL-06), so that everybody who
 * takes part can ask for it before it exists. It carries what its id was made of and its sender's signature: a relay keeps
 * only what the sender itself published, and nobody who merely knows an id can occupy it.
 */
import { CodecError, compareBytes, concatBytes, utf8 } from "@conclave/bytes";
import type { Ed25519Signer, Engine } from "@conclave/crypto";
import { decodeHeader, encodeHeader, HEADER_BYTES, ID_BYTES, type Header } from "./header.ts";

/** What an id is made of. */
export interface Address {
  /** Which message of the run: 64 bits, a number of the application's. */
  readonly tag: bigint;
  /** Ed25519 key of the sender: 32 bytes. */
  readonly sender: Uint8Array;
  /** Key of the only receiver, 32 bytes; null for a broadcast. */
  readonly receiver: Uint8Array | null;
  /** The run: 32 bytes that outsiders do not know. */
  readonly instance: Uint8Array;
}

export interface Message extends Address {
  readonly header: Header;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** A frame from a socket. */
export type Frame =
  | { readonly kind: "ask"; readonly header: Header }
  | { readonly kind: "publish"; readonly header: Header; readonly message: Message };

const KEY_BYTES = 32;
const TAG_BYTES = 8;
const SIGNATURE_BYTES = 64;
/** tag ‖ sender ‖ receiver (zeros: nobody) ‖ instance */
const ADDRESS_BYTES = TAG_BYTES + 3 * KEY_BYTES;
/** What a message has around its payload. */
export const MESSAGE_OVERHEAD_BYTES = HEADER_BYTES + ADDRESS_BYTES + SIGNATURE_BYTES;
/** Room for the largest frame of a transport and what seals it. */
export const MAX_MESSAGE_BYTES = (1 << 20) + 4_096;

const NOBODY = new Uint8Array(KEY_BYTES);
const SIGNING_CONTEXT = utf8("conclave/relay/v1");

const tagBytes = (tag: bigint): Uint8Array => {
  const bytes = new Uint8Array(TAG_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, tag, true);
  return bytes;
};

/** SHA-256 (FIPS 180-4) of tag ‖ sender ‖ receiver or nothing ‖ instance, as the documented relay's clients compute it. */
export function messageId(engine: Engine, { tag, sender, receiver, instance }: Address): Uint8Array {
  checkAddress({ tag, sender, receiver, instance });
  return engine.sha256(concatBytes(tagBytes(tag), sender, receiver ?? new Uint8Array(), instance));
}

function checkAddress({ tag, sender, receiver, instance }: Address): void {
  if (tag < 0n || tag >= 1n << 64n) throw new RangeError("a tag has 64 bits");
  for (const key of [sender, receiver ?? sender, instance])
    if (key.length !== KEY_BYTES) throw new RangeError(`keys and instances are ${KEY_BYTES} bytes`);
}

const signed = (unsigned: Uint8Array): Uint8Array => concatBytes(SIGNING_CONTEXT, unsigned);

/** A message as bytes, in its sender's name. Throws `RangeError` if it is too long or a field has another length. */
export function signMessage(
  engine: Engine,
  signer: Ed25519Signer,
  parts: Omit<Address, "sender"> & Omit<Header, "id"> & { readonly payload: Uint8Array },
): Uint8Array {
  const address: Address = { ...parts, sender: signer.publicKey };
  if (parts.payload.length + MESSAGE_OVERHEAD_BYTES > MAX_MESSAGE_BYTES)
    throw new RangeError(`a message holds at most ${MAX_MESSAGE_BYTES - MESSAGE_OVERHEAD_BYTES} bytes`);
  const id = messageId(engine, address);
  const unsigned = concatBytes(
    encodeHeader({ id, ttlSeconds: parts.ttlSeconds, flags: parts.flags }),
    tagBytes(address.tag),
    address.sender,
    address.receiver ?? NOBODY,
    address.instance,
    parts.payload,
  );
  return concatBytes(unsigned, signer.sign(signed(unsigned)));
}

/** Reads a frame; the signature is not looked at. Throws `CodecError` for one that nobody of good will sends. */
export function readFrame(bytes: Uint8Array): Frame {
  const header = decodeHeader(bytes);
  if (bytes.length === HEADER_BYTES) return { kind: "ask", header };
  if (bytes.length < MESSAGE_OVERHEAD_BYTES)
    throw new CodecError("a message is longer than a question, and this is cut off");
  if (bytes.length > MAX_MESSAGE_BYTES) throw new CodecError(`a message has at most ${MAX_MESSAGE_BYTES} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const at = (place: number): Uint8Array =>
    bytes.slice(HEADER_BYTES + TAG_BYTES + place * KEY_BYTES, HEADER_BYTES + TAG_BYTES + (place + 1) * KEY_BYTES);
  const receiver = at(1);
  const end = bytes.length - SIGNATURE_BYTES;
  const message: Message = {
    header,
    tag: view.getBigUint64(HEADER_BYTES, true),
    sender: at(0),
    receiver: compareBytes(receiver, NOBODY) === 0 ? null : receiver,
    instance: at(2),
    payload: bytes.slice(HEADER_BYTES + ADDRESS_BYTES, end),
    signature: bytes.slice(end),
  };
  return { kind: "publish", header, message };
}

/** Why a message may not stand under its id; null if it may. `bytes` are those that `message` was read from. */
export function objection(engine: Engine, bytes: Uint8Array, message: Message): "another id" | "bad signature" | null {
  const id = messageId(engine, message);
  if (compareBytes(id, bytes.subarray(0, ID_BYTES)) !== 0) return "another id";
  const unsigned = bytes.subarray(0, bytes.length - SIGNATURE_BYTES);
  return verifies(engine, message.sender, signed(unsigned), message.signature) ? null : "bad signature";
}

function verifies(engine: Engine, key: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return engine.ed25519Verifier(key)(bytes, signature);
  } catch (error) {
    // A key that is none: of small order, or not canonical.
    if (error instanceof RangeError || error instanceof CodecError) return false;
    throw error;
  }
}
