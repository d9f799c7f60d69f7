/** How much each of many holds: a sender its messages, an address its questions. Who holds nothing is not remembered. */

export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

const NOTHING: Amount = { count: 0, bytes: 0 };

export class Tally {
  readonly #amounts = new Map<string, Amount>();
  #total = NOTHING;

  get total(): Amount {
    return this.#total;
  }

  /** How many hold something. */
  get holders(): number {
    return this.#amounts.size;
  }

  of(holder: string): Amount {
    return this.#amounts.get(holder) ?? NOTHING;
  }

  add(holder: string, bytes = 0): void {
    this.#amounts.set(holder, plus(this.of(holder), 1, bytes));
    this.#total = plus(this.#total, 1, bytes);
  }

  /** Takes back one `add` of the same holder and bytes. */
  remove(holder: string, bytes = 0): void {
    const rest = plus(this.of(holder), -1, -bytes);
    if (rest.count === 0) this.#amounts.delete(holder);
    else this.#amounts.set(holder, rest);
    this.#total = plus(this.#total, -1, -bytes);
  }
}

const plus = (amount: Amount, count: number, bytes: number): Amount => ({
  count: amount.count + count,
  bytes: amount.bytes + bytes,
});
