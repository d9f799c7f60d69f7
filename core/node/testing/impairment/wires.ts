/** The wires of a whole network, by the names of their ends: spoiled, parted and healed together or one by one. */
import { DatagramWire } from "./datagram-wire.ts";
import type { DatagramRules, Impairment, StreamRules } from "./rules.ts";
import { StreamWire } from "./stream-wire.ts";
import type { Direction, Wire, WireCounts } from "./wire.ts";

/** From who dials to who is dialled. */
export type Pair = readonly [from: string, to: string];

export interface WiresOptions {
  readonly kind: "datagrams" | "streams";
  /** One wire each. */
  readonly pairs: readonly Pair[];
  /** Where the wires to this end lead; null for nowhere yet. */
  readonly target: (to: string) => number | null;
  readonly seed: string;
}

interface Placed {
  readonly pair: Pair;
  readonly wire: Wire<DatagramRules> | Wire<StreamRules>;
  readonly impair: (impairment: Impairment) => void;
}

export class Wires {
  /** Told on failure: with it, the same traffic meets the same faults. */
  readonly seed: string;
  readonly #placed: readonly Placed[];

  private constructor(seed: string, placed: readonly Placed[]) {
    this.seed = seed;
    this.#placed = placed;
  }

  static async open({ kind, pairs, target, seed }: WiresOptions): Promise<Wires> {
    const placed = pairs.map(async (pair): Promise<Placed> => {
      const options = { seed: `${seed}/${pair.join("/")}`, target: target(pair[1]) };
      if (kind === "streams") {
        const wire = await StreamWire.open(options);
        return { pair, wire, impair: ({ streams = {} }) => wire.impair(streams) };
      }
      const wire = await DatagramWire.open(options);
      return { pair, wire, impair: ({ datagrams = {} }) => wire.impair(datagrams) };
    });
    return new Wires(seed, await Promise.all(placed));
  }

  /** Where `from` dials to reach `to`. Throws `RangeError` where there is no wire. */
  portOf(from: string, to: string): number {
    return this.#at(from, to).wire.port;
  }

  /** An end listens somewhere else now. */
  lead(to: string, port: number | null): void {
    for (const { pair, wire } of this.#placed) if (pair[1] === to) wire.target = port;
  }

  /** All of them, from now on; what is left out is clean. */
  impair(impairment: Impairment): void {
    for (const placed of this.#placed) placed.impair(impairment);
  }

  /** Those that touch this end. */
  impairAt(end: string, impairment: Impairment): void {
    for (const placed of this.#placed) if (placed.pair.includes(end)) placed.impair(impairment);
  }

  /** Nothing passes between ends of different groups. An end in no group is in one with all such. */
  partition(groups: readonly (readonly string[])[]): void {
    const groupOf = (end: string): number => groups.findIndex((group) => group.includes(end));
    for (const { pair, wire } of this.#placed) {
      if (groupOf(pair[0]) === groupOf(pair[1])) wire.unblock();
      else wire.block();
    }
  }

  heal(): void {
    for (const { wire } of this.#placed) wire.unblock();
  }

  /** What passes from one end to another now is lost for good, whoever dialled; new connections are whole. */
  strand(from: string, to: string): void {
    const stranded: readonly (readonly [Pair, Direction])[] = [
      [[from, to], "forth"],
      [[to, from], "back"],
    ];
    for (const [pair, direction] of stranded) this.#find(pair)?.wire.strand(direction);
  }

  /** Connections of these two are over. */
  cut(a: string, b: string): void {
    for (const pair of [
      [a, b],
      [b, a],
    ] as const)
      this.#find(pair)?.wire.cut();
  }

  /** Of all wires together. */
  counts(): WireCounts {
    const total = { passed: 0, bytes: 0, dropped: 0, duplicated: 0, reordered: 0, corrupted: 0, cut: 0 };
    for (const { wire } of this.#placed)
      for (const name of Object.keys(total) as (keyof WireCounts)[]) total[name] += wire.counts[name];
    return total;
  }

  /** What was lost, repeated, reordered, spoiled or cut so far, on all wires. */
  faults(): number {
    const { dropped, duplicated, reordered, corrupted, cut } = this.counts();
    return dropped + duplicated + reordered + corrupted + cut;
  }

  async close(): Promise<void> {
    await Promise.all(this.#placed.map(({ wire }) => wire.close()));
  }

  #find([from, to]: Pair): Placed | undefined {
    return this.#placed.find(({ pair }) => pair[0] === from && pair[1] === to);
  }

  #at(from: string, to: string): Placed {
    const placed = this.#find([from, to]);
    if (placed === undefined) throw new RangeError(`no wire leads from ${from} to ${to}`);
    return placed;
  }
}

/** Every ordered pair of these ends. */
export const everyPair = (ends: readonly string[]): readonly Pair[] =>
  ends.flatMap((from) => ends.filter((to) => to !== from).map((to): Pair => [from, to]));
