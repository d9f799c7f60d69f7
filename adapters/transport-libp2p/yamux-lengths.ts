/**
 * Reads along in a yamux connection and stops it at the header of a frame that is too long. yamux itself collects a frame of
 * up to 4 GiB before it looks whether so much was allowed.
 */
import { STREAM_WINDOW_BYTES } from "./limits.ts";

/** Version, type, flags (2), stream (4), length (4); from yamux's specification. */
const HEADER_BYTES = 12;
const TYPE_AT = 1;
const LENGTH_AT = 8;
/** The one type whose length is of bytes that follow. */
const DATA = 0;

export class YamuxLengths {
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerLength = 0;
  #bodyBytes = 0;

  /** The next bytes of the connection. Throws for a frame longer than a stream's window. */
  read(bytes: Uint8Array): void {
    for (let place = 0; place < bytes.length;) {
      if (this.#bodyBytes > 0) {
        const skipped = Math.min(this.#bodyBytes, bytes.length - place);
        this.#bodyBytes -= skipped;
        place += skipped;
        continue;
      }
      const taken = Math.min(HEADER_BYTES - this.#headerLength, bytes.length - place);
      this.#header.set(bytes.subarray(place, place + taken), this.#headerLength);
      this.#headerLength += taken;
      place += taken;
      if (this.#headerLength === HEADER_BYTES) this.#begin();
    }
  }

  #begin(): void {
    this.#headerLength = 0;
    if (this.#header[TYPE_AT] !== DATA) return;
    this.#bodyBytes = new DataView(this.#header.buffer).getUint32(LENGTH_AT);
    if (this.#bodyBytes > STREAM_WINDOW_BYTES)
      throw new Error(`a yamux frame of ${this.#bodyBytes} bytes, and at most ${STREAM_WINDOW_BYTES} are taken`);
  }
}
