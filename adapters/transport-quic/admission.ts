/** How many may be at the door at once: connections that have not proven who they are, in all and per address. */
import { MAX_UNPROVEN, MAX_UNPROVEN_PER_ADDRESS } from "./limits.ts";

export class Admission {
  #inAll = 0;
  readonly #byAddress = new Map<string, number>();

  /** Counts somebody in, or says why not. Who is in calls `leave` once he has proven himself or is gone; again is harmless. */
  enter(address: string): { readonly leave: () => void } | { readonly full: string } {
    const here = this.#byAddress.get(address) ?? 0;
    if (here >= MAX_UNPROVEN_PER_ADDRESS)
      return { full: `${here} connections from there have not proven who they are` };
    if (this.#inAll >= MAX_UNPROVEN) return { full: `${this.#inAll} connections have not proven who they are` };
    this.#inAll++;
    this.#byAddress.set(address, here + 1);
    let isIn = true;
    return {
      leave: () => {
        if (!isIn) return;
        isIn = false;
        this.#inAll--;
        const left = this.#byAddress.get(address)! - 1;
        if (left > 0) this.#byAddress.set(address, left);
        else this.#byAddress.delete(address);
      },
    };
  }

  get count(): number {
    return this.#inAll;
  }
}
