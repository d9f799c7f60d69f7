/** A line between two ends of a network, on this machine, that a test can spoil while it is used. */

/** From who dials to who is dialled, or back. */
export type Direction = "forth" | "back";

export interface WireCounts {
  /** Datagrams, or pieces of streams. */
  readonly passed: number;
  readonly bytes: number;
  readonly dropped: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly corrupted: number;
  /** Connections that were reset on the way. */
  readonly cut: number;
}

export type MutableCounts = { -readonly [K in keyof WireCounts]: number };

export const noCounts = (): MutableCounts => ({
  passed: 0,
  bytes: 0,
  dropped: 0,
  duplicated: 0,
  reordered: 0,
  corrupted: 0,
  cut: 0,
});

export interface Wire<Rules> {
  /** Where to dial: a port of 127.0.0.1. */
  readonly port: number;
  /** Where that leads: a port of 127.0.0.1; null for nowhere yet. */
  target: number | null;
  readonly counts: WireCounts;
  /** From now on. What a rule leaves out is clean. Throws `RangeError`. */
  impair(rules: Partial<Rules>): void;
  /** Nothing passes either way, and nobody is told: a partition. */
  block(): void;
  /** What was blocked passes again, as far as its ends still wait. */
  unblock(): void;
  /** Whatever passes now never passes in this direction again, while the other works: half-open. What begins later is whole. */
  strand(direction: Direction): void;
  /** Whatever passes now is over, and both ends are told where the technology can tell. */
  cut(): void;
  close(): Promise<void>;
}

export interface WireOptions<Rules> {
  /** Begins every draw. */
  readonly seed: string;
  readonly target?: number | null;
  readonly rules?: Partial<Rules>;
}

/** Where all wires are: tests leave the machine alone. */
export const HOST = "127.0.0.1";
