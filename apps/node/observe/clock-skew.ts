/**
 * How far this machine's clock is from others', by the `Date` that HTTP servers answer with: a second's precision, which is
 * enough for a ledger of seconds and needs no time server.
 */

/** Beyond it operators are warned: heights in requests begin to differ. */
export const SKEW_WARNING_SECONDS = 5;
/** Beyond it a node is not ready: its votes name heights that others do not accept. */
export const SKEW_LIMIT_SECONDS = 30;

const PATIENCE_MS = 5_000;
const EVERY_MS = 60_000;
/** `Date` names the second that had begun: the middle of it is off by half of one at most. */
const HALF_SECOND_MS = 500;

/** Seconds that this clock is ahead of the server's, negative if behind; null if the server does not say. Never throws. */
export async function skewAgainst(url: string, nowMs: () => number): Promise<number | null> {
  try {
    const startMs = nowMs();
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(PATIENCE_MS) });
    const endMs = nowMs();
    await response.body?.cancel();
    const theirsMs = Date.parse(response.headers.get("date") ?? "");
    return Number.isNaN(theirsMs) ? null : ((startMs + endMs) / 2 - (theirsMs + HALF_SECOND_MS)) / 1_000;
  } catch {
    // A server that cannot be reached says nothing of the time; that it cannot be reached is said elsewhere.
    return null;
  }
}

/** The address of an Esplora server that costs it least. */
export const clockOfEsplora = (baseUrl: string): string => `${baseUrl.replace(/\/+$/, "")}/blocks/tip/height`;

/** Looks every minute, from the beginning on, without keeping the process alive. */
export class SkewWatch {
  readonly #url: string;
  readonly #nowMs: () => number;
  #timer: NodeJS.Timeout | null = null;
  #seconds: number | null = null;
  #isStopped = false;

  constructor(url: string, nowMs: () => number) {
    this.#url = url;
    this.#nowMs = nowMs;
  }

  /** As measured last; null before and while the server does not answer. */
  get seconds(): number | null {
    return this.#seconds;
  }

  async look(): Promise<void> {
    this.#seconds = await skewAgainst(this.#url, this.#nowMs);
    if (this.#isStopped) return;
    clearTimeout(this.#timer ?? undefined);
    this.#timer = setTimeout(() => void this.look(), EVERY_MS).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer ?? undefined);
  }
}
