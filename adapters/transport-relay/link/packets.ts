/**
 * What stands in a mailbox's messages. A greeting says which life a node offers and which it heard; frames and notes belong
 * to one session, each kind numbered from zero, and open only under its keys, at their number.
 */
import {
  bool,
  codec,
  CodecError,
  compareBytes,
  concatBytes,
  list,
  record,
  uint,
  type Codec,
  type Rng,
} from "@conclave/bytes";
import { chacha20poly1305, xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { KEY_BYTES, type DirectionKeys, type SessionKeys } from "./keys.ts";

const KINDS = { greeting: 0, frames: 1, note: 2 } as const;
export type SessionKind = "frames" | "note";

export interface Greeting {
  readonly life: Uint8Array;
  /** The receiver's life that its sender answers; null if it heard none. */
  readonly heard: Uint8Array | null;
}

/** What a node says of a link beside frames, again and again: a later note replaces all earlier ones. */
export interface Note {
  /** Every packet of frames before this number has come. */
  readonly next: number;
  /** Those that came above it, at most `MAX_ABOVE`. */
  readonly above: readonly number[];
  /** The end of the link. */
  readonly leaving: boolean;
}

/** Numbers that a note names one by one: as many packets as may be under way. */
export const MAX_ABOVE = 256;

const noteCodec: Codec<Note> = codec(record({ next: uint(), above: list(uint(), { max: MAX_ABOVE }), leaving: bool }));

/** A packet's outside. */
export type Packet =
  | { readonly kind: "greeting"; readonly nonce: Uint8Array; readonly sealed: Uint8Array }
  | {
      readonly kind: SessionKind;
      readonly session: Uint8Array;
      readonly number: number;
      readonly head: Uint8Array;
      readonly sealed: Uint8Array;
    };

const GREETING_NONCE_BYTES = 24;
const TAG_BYTES = 16;
const NOBODY = new Uint8Array(KEY_BYTES);
/** kind ‖ session ‖ number */
const HEAD_BYTES = 1 + 8 + 8;

/** Null for bytes that are no packet. */
export function readPacket(bytes: Uint8Array): Packet | null {
  const [kind] = bytes;
  if (kind === KINDS.greeting) {
    if (bytes.length !== 1 + GREETING_NONCE_BYTES + 2 * KEY_BYTES + TAG_BYTES) return null;
    const nonce = bytes.slice(1, 1 + GREETING_NONCE_BYTES);
    return { kind: "greeting", nonce, sealed: bytes.subarray(1 + GREETING_NONCE_BYTES) };
  }
  if ((kind !== KINDS.frames && kind !== KINDS.note) || bytes.length < HEAD_BYTES + TAG_BYTES) return null;
  const number = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(9);
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return {
    kind: kind === KINDS.frames ? "frames" : "note",
    session: bytes.slice(1, 9),
    number: Number(number),
    head: bytes.subarray(0, HEAD_BYTES),
    sealed: bytes.subarray(HEAD_BYTES),
  };
}

/** Greetings have no counter that would survive a restart: their nonce is random and long enough for that. */
export function sealGreeting({ send }: DirectionKeys, rng: Rng, { life, heard }: Greeting): Uint8Array {
  const nonce = rng(GREETING_NONCE_BYTES);
  const sealed = xchacha20poly1305(send, nonce).encrypt(concatBytes(life, heard ?? NOBODY));
  return concatBytes(Uint8Array.of(KINDS.greeting), nonce, sealed);
}

/** Null if the peer never sealed this. */
export function openGreeting(
  { receive }: DirectionKeys,
  { nonce, sealed }: { readonly nonce: Uint8Array; readonly sealed: Uint8Array },
): Greeting | null {
  const plain = opened(() => xchacha20poly1305(receive, nonce).decrypt(sealed));
  if (plain === null) return null;
  const heard = plain.slice(KEY_BYTES);
  return { life: plain.slice(0, KEY_BYTES), heard: compareBytes(heard, NOBODY) === 0 ? null : heard };
}

export function sealPacket(
  { id, send }: SessionKeys,
  { kind, number, plain }: { readonly kind: SessionKind; readonly number: number; readonly plain: Uint8Array },
): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  head[0] = KINDS[kind];
  head.set(id, 1);
  new DataView(head.buffer).setBigUint64(9, BigInt(number));
  return concatBytes(head, chacha20poly1305(send, nonceOf(kind, number), head).encrypt(plain));
}

/** Null if the peer never sealed this, in this session, at this number. */
export function openPacket(
  { receive }: SessionKeys,
  { kind, number, head, sealed }: Extract<Packet, { kind: SessionKind }>,
): Uint8Array | null {
  return opened(() => chacha20poly1305(receive, nonceOf(kind, number), head).decrypt(sealed));
}

export const encodeNote = (note: Note): Uint8Array => noteCodec.encode(note);

/** Null for bytes that are no note: the peer's fault, it sealed them. */
export function decodeNote(plain: Uint8Array): Note | null {
  try {
    return noteCodec.decode(plain);
  } catch (error) {
    if (error instanceof CodecError) return null;
    throw error;
  }
}

/** 96 bits: the kind, then the number. No key seals twice at one place. */
function nonceOf(kind: SessionKind, number: number): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(0, KINDS[kind]);
  view.setBigUint64(4, BigInt(number));
  return nonce;
}

function opened(decrypt: () => Uint8Array): Uint8Array | null {
  try {
    return decrypt();
  } catch {
    // The AEAD's only failure is "not authentic".
    return null;
  }
}
