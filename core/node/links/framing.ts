/**
 * Messages in a stream of bytes: length (u32, big-endian, of the payload), kind (one byte), payload. A length above the bound
 * ends the stream at its header, before anything is set aside for it.
 */

/** Kinds of message between two meshes. */
export const HELLO = 1;
export const ACK = 2;
export const FRAME = 3;
export const PING = 4;
export const PONG = 5;
export const BYE = 6;
const KINDS: ReadonlySet<number> = new Set([HELLO, ACK, FRAME, PING, PONG, BYE]);

const LENGTH_BYTES = 4;
export const PREFIX_BYTES = LENGTH_BYTES + 1;

/** One message as bytes of its own. */
export function frameMessage(kind: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const bytes = new Uint8Array(PREFIX_BYTES + length);
  // Byte by byte: a view of its own for every short frame of a flood costs more memory than the frame.
  bytes[0] = length >>> 24;
  bytes[1] = length >>> 16;
  bytes[2] = length >>> 8;
  bytes[3] = length;
  bytes[LENGTH_BYTES] = kind;
  bytes.set(payload, PREFIX_BYTES);
  return bytes;
}

/** What came is no stream of messages. The text is for the log. */
export class StreamBroken extends Error {
  override readonly name = "StreamBroken";
}

/** Cuts a stream into messages. What it hands over lies in memory of its own. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #message: (kind: number, payload: Uint8Array) => void;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixLength = 0;
  #payload: Uint8Array | null = null;
  #payloadLength = 0;

  /** `maxBytes` bounds a payload. */
  constructor(maxBytes: number, message: (kind: number, payload: Uint8Array) => void) {
    this.#maxBytes = maxBytes;
    this.#message = message;
  }

  /** The next piece of the stream. Throws `StreamBroken`, after which the stream is not read on. */
  push(piece: Uint8Array): void {
    for (let place = 0; place < piece.length;) {
      place += this.#payload === null ? this.#fillPrefix(piece, place) : this.#fillPayload(piece, place);
      if (this.#payload !== null && this.#payloadLength === this.#payload.length) this.#finish(this.#payload);
    }
  }

  #fillPrefix(piece: Uint8Array, place: number): number {
    const taken = Math.min(PREFIX_BYTES - this.#prefixLength, piece.length - place);
    this.#prefix.set(piece.subarray(place, place + taken), this.#prefixLength);
    this.#prefixLength += taken;
    if (this.#prefixLength === PREFIX_BYTES) this.#begin();
    return taken;
  }

  #begin(): void {
    const length = new DataView(this.#prefix.buffer).getUint32(0);
    const kind = this.#prefix[LENGTH_BYTES]!;
    if (length > this.#maxBytes)
      throw new StreamBroken(`a message of ${length} bytes, and at most ${this.#maxBytes} are taken`);
    if (!KINDS.has(kind)) throw new StreamBroken(`a message of unknown kind ${kind}`);
    this.#payload = new Uint8Array(length);
    this.#payloadLength = 0;
  }

  #fillPayload(piece: Uint8Array, place: number): number {
    const payload = this.#payload!;
    const taken = Math.min(payload.length - this.#payloadLength, piece.length - place);
    payload.set(piece.subarray(place, place + taken), this.#payloadLength);
    this.#payloadLength += taken;
    return taken;
  }

  #finish(payload: Uint8Array): void {
    this.#payload = null;
    this.#prefixLength = 0;
    this.#message(this.#prefix[LENGTH_BYTES]!, payload);
  }
}
