import { MAX_BUFFERED_BYTES } from "@conclave/node";
import { fitting, pack } from "./packing.ts";

/** What a frame costs besides its bytes, so that a flood of empty ones is bounded too. */
const FRAME_OVERHEAD_BYTES = 256;

/** Frames for one peer that no packet holds yet. */
export class FrameQueue {
  #frames: Uint8Array[] = [];
  /** Frames before this place are gone; they are cut off now and then. */
  #head = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#head === this.#frames.length;
  }

  /** Takes a copy. False if there is no room: the frame is lost. */
  push(frame: Uint8Array): boolean {
    const bytes = frame.length + FRAME_OVERHEAD_BYTES;
    if (this.#bytes + bytes > MAX_BUFFERED_BYTES) return false;
    this.#bytes += bytes;
    this.#frames.push(new Uint8Array(frame));
    return true;
  }

  /** The first frames, packed. Called only while there are some. */
  shift(): Uint8Array {
    const frames = this.#frames.slice(this.#head, this.#head + fitting(this.#frames, this.#head));
    this.#head += frames.length;
    for (const frame of frames) this.#bytes -= frame.length + FRAME_OVERHEAD_BYTES;
    if (this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    return pack(frames);
  }

  clear(): void {
    this.#frames = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
