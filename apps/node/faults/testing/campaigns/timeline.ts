/** When payments came to which state, as the nodes tell of it. */
import type { TransactionState } from "@conclave/node";
import type { Notices } from "../../../up/notices.ts";

/** From the wish until it is buried. */
export const PHASES = [
  "approved",
  "signed",
  "broadcasting",
  "confirmed",
] as const satisfies readonly TransactionState[];
export type Phase = (typeof PHASES)[number];

/** Milliseconds since this process began. */
type Moments = Map<TransactionState, number>;

export class Timeline {
  readonly #moments = new Map<string, Moments>();
  readonly #waiting = new Map<string, () => void>();
  readonly #stop: () => void;

  constructor(notices: Notices) {
    this.#stop = notices.listen((_node, notice) => {
      if (notice.kind !== "state") return;
      const moments = this.#of(notice.request);
      if (!moments.has(notice.state)) moments.set(notice.state, performance.now());
      if (notice.state === "confirmed") this.#waiting.get(notice.request)?.();
    });
  }

  /** Resolves when a node says so; at once if one did. */
  async confirmed(request: string): Promise<void> {
    if (this.#of(request).has("confirmed")) return;
    await new Promise<void>((resolve) => void this.#waiting.set(request, resolve));
    this.#waiting.delete(request);
  }

  /** How long payments took from the wish (`startMs`) to each phase; those that never came to it are left out. */
  spans(wishes: readonly { readonly request: string; readonly startMs: number }[]): Readonly<Record<Phase, number[]>> {
    const spans: Record<Phase, number[]> = { approved: [], signed: [], broadcasting: [], confirmed: [] };
    for (const { request, startMs } of wishes)
      for (const phase of PHASES) {
        const at = this.#of(request).get(phase);
        if (at !== undefined) spans[phase].push(Math.round(at - startMs));
      }
    return spans;
  }

  close(): void {
    this.#stop();
  }

  #of(request: string): Moments {
    const found = this.#moments.get(request) ?? new Map<TransactionState, number>();
    this.#moments.set(request, found);
    return found;
  }
}

/** The value that so many of a hundred do not exceed; NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}
