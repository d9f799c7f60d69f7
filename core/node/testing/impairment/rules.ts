/** What a wire does to what it carries. Chances are drawn from a seed: the same traffic meets the same faults again. */
import { seededDice } from "@conclave/protocol/testing";

export interface DatagramRules {
  /** Chances of each datagram, 0 to 1. */
  readonly drop: number;
  readonly duplicate: number;
  /** The next datagram overtakes it, or it waits for a moment in vain. */
  readonly reorder: number;
  /** One bit of it is another. */
  readonly corrupt: number;
  /** One way. */
  readonly delayMs: number;
  /** Up to so much is added to the delay, evenly. */
  readonly jitterMs: number;
  /** 0: as fast as it goes. */
  readonly bytesPerSecond: number;
}

export interface StreamRules {
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly bytesPerSecond: number;
  /** Bytes between two of which a bit is another, on average; 0: none is. */
  readonly corruptEveryBytes: number;
  /** Bytes after which the connection that carries them is reset, on average; 0: none is. */
  readonly cutEveryBytes: number;
}

/** For a network of either kind: each takes what it understands. */
export interface Impairment {
  readonly datagrams?: Partial<DatagramRules>;
  readonly streams?: Partial<StreamRules>;
}

export const CLEAN_DATAGRAMS: DatagramRules = {
  drop: 0,
  duplicate: 0,
  reorder: 0,
  corrupt: 0,
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: 0,
};

export const CLEAN_STREAMS: StreamRules = {
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: 0,
  corruptEveryBytes: 0,
  cutEveryBytes: 0,
};

/** Throws `RangeError` naming the rule that is out of its range. */
export function checkDatagramRules(rules: DatagramRules): DatagramRules {
  for (const name of ["drop", "duplicate", "reorder", "corrupt"] as const)
    if (!(rules[name] >= 0 && rules[name] <= 1)) throw new RangeError(`${name} is a chance from 0 to 1`);
  for (const name of ["delayMs", "jitterMs", "bytesPerSecond"] as const) checkAmount(name, rules[name]);
  return rules;
}

/** Throws `RangeError` naming the rule that is out of its range. */
export function checkStreamRules(rules: StreamRules): StreamRules {
  for (const [name, value] of Object.entries(rules)) checkAmount(name, value as number);
  return rules;
}

function checkAmount(name: string, value: number): void {
  if (!(Number.isFinite(value) && value >= 0)) throw new RangeError(`${name} is a number from 0`);
}

/** Even numbers in [0, 1) from a seed. */
export type Chance = () => number;

const STEPS = 2 ** 32;

export function chanceFrom(seed: string): Chance {
  const dice = seededDice(seed);
  return () => dice.below(STEPS) / STEPS;
}

/** Bytes until something happens that happens once in `meanBytes` on average, at any byte alike; never, for 0. */
export const distance = (chance: Chance, meanBytes: number): number =>
  meanBytes === 0 ? Number.POSITIVE_INFINITY : Math.floor(-Math.log(1 - chance()) * meanBytes);

/** The same bytes but for one bit, counted from the first byte's lowest. */
export function withAnotherBit(bytes: Uint8Array, bit: number): Uint8Array {
  const other = Uint8Array.from(bytes);
  other[bit >> 3]! ^= 1 << (bit & 7);
  return other;
}
