/** One direction of one connection on a wire: what came in goes out in order, later, and spoiled where the draw says so. */
import type { Socket } from "node:net";
import { distance, withAnotherBit, type Chance, type StreamRules } from "./rules.ts";
import type { MutableCounts } from "./wire.ts";

/** Held on the way: 40 MB/s over 100 ms. Beyond it the sender is read no more, as on a real line. */
const MAX_HELD_BYTES = 4 << 20;
/** A narrow line holds a quarter of its second, and one piece at least. */
const NARROW_HOLDS_S = 0.25;
/** What a narrow line passes at once, so that a large piece does not jump over the delay. */
const PIECE_BYTES = 16_384;

/** Where the next fault of a direction falls, over all its connections: null where it is not drawn yet. */
export interface Spoiling {
  readonly chance: Chance;
  /** Drawn for each piece, and pieces come as they like: apart from the faults, whose places are in bytes. */
  readonly jitter: Chance;
  toCorruption: number | null;
  toCut: number | null;
}

export interface LaneParts {
  readonly source: Socket;
  readonly sink: Socket;
  readonly spoiling: Spoiling;
  readonly counts: MutableCounts;
  readonly rules: () => StreamRules;
  /** The draw says that the connection ends here. */
  readonly cut: () => void;
}

interface Held {
  readonly what: Uint8Array | "end" | "reset";
  readonly dueMs: number;
}

export class StreamLane {
  readonly #parts: LaneParts;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #freeMs = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #isBlocked = false;
  #isStranded = false;
  #isOver = false;

  constructor(parts: LaneParts) {
    this.#parts = parts;
    const { source, sink } = parts;
    source.on("data", (piece: Buffer) => {
      for (let at = 0; at < piece.length; at += PIECE_BYTES) this.#take(piece.subarray(at, at + PIECE_BYTES));
      this.#readOn();
    });
    source.on("end", () => this.#hold("end"));
    // A close after an end is heard of as that end; one without is a reset.
    source.on("error", () => this.#hold("reset"));
    source.on("close", () => this.#hold(source.readableEnded ? "end" : "reset"));
    sink.on("drain", () => {
      this.#release();
      this.#readOn();
    });
    sink.on("error", () => {});
    sink.on("close", () => this.end());
    source.resume();
  }

  block(): void {
    this.#isBlocked = true;
    this.#readOn();
  }

  unblock(): void {
    this.#isBlocked = false;
    this.#release();
    this.#readOn();
  }

  /** For good: it reads no more, so that the sender's own buffers fill. */
  strand(): void {
    this.#isStranded = true;
    this.#readOn();
  }

  end(): void {
    this.#isOver = true;
    this.#held.length = 0;
    this.#heldBytes = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #take(piece: Uint8Array): void {
    const { spoiling, counts, rules, cut } = this.#parts;
    const { corruptEveryBytes, cutEveryBytes } = rules();
    if (this.#isOver || this.#isStranded) return;
    let bytes = piece;
    spoiling.toCorruption ??= distance(spoiling.chance, corruptEveryBytes);
    if (spoiling.toCorruption < piece.length) {
      counts.corrupted++;
      bytes = withAnotherBit(piece, spoiling.toCorruption * 8 + Math.floor(spoiling.chance() * 8));
      spoiling.toCorruption = null;
    } else spoiling.toCorruption -= piece.length;
    spoiling.toCut ??= distance(spoiling.chance, cutEveryBytes);
    if (spoiling.toCut < piece.length) {
      spoiling.toCut = null;
      return cut();
    }
    spoiling.toCut -= piece.length;
    this.#hold(bytes);
  }

  #hold(what: Held["what"]): void {
    if (this.#isOver || this.#isStranded) return;
    const { delayMs, jitterMs, bytesPerSecond } = this.#parts.rules();
    const length = typeof what === "string" ? 0 : what.length;
    const nowMs = performance.now();
    this.#freeMs = Math.max(nowMs, this.#freeMs) + (bytesPerSecond === 0 ? 0 : (length / bytesPerSecond) * 1_000);
    const jitter = this.#parts.spoiling.jitter() * jitterMs;
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#freeMs + delayMs + jitter);
    this.#held.push({ what, dueMs: this.#lastDueMs });
    this.#heldBytes += length;
    this.#release();
  }

  #release(): void {
    const { sink, counts } = this.#parts;
    while (!this.#isBlocked && !this.#isStranded && this.#held.length > 0 && !sink.writableNeedDrain) {
      const [{ what, dueMs }] = this.#held as [Held];
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) return this.#releaseAfter(waitMs);
      this.#held.shift();
      if (what === "reset") return reset(sink);
      if (what === "end") sink.end();
      else {
        this.#heldBytes -= what.length;
        counts.passed++;
        counts.bytes += what.length;
        sink.write(what);
      }
    }
    this.#readOn();
  }

  #releaseAfter(waitMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#release();
    }, waitMs);
  }

  /** Reads from the source, or does not, as the room on the line is. */
  #readOn(): void {
    const { source, rules } = this.#parts;
    const { bytesPerSecond } = rules();
    const room = bytesPerSecond === 0 ? MAX_HELD_BYTES : Math.max(bytesPerSecond * NARROW_HOLDS_S, PIECE_BYTES);
    if (this.#isBlocked || this.#isStranded || this.#heldBytes >= room) source.pause();
    else if (source.isPaused()) source.resume();
  }
}

/**
 * Ends a socket so that its other end is told of a failure. One that was ended in order already is only closed: Node never
 * lets go of a handle that is reset while its shutdown is under way, and the process would spin at its exit.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
