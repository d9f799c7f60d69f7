import { CircuitBreaker } from "./breaker.ts";
import { type ChainHealth, ChainLied, ChainUnreachable } from "./chain.ts";
import type { Clock } from "@conclave/node";
import { sleep } from "./clock.ts";

/** Where and how to ask. */
export interface TransportOptions {
  readonly base: URL;
  readonly clock: Clock;
  /** A number from 0 up to, not including, 1: spreads retries of many clients. */
  readonly random: () => number;
  /** From the request to the last byte of its body. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Tries per question, the first included. */
  readonly attempts: number;
}

/** What came back with status 200, 400 or 404; anything else is thrown. */
export interface Reply {
  readonly status: number;
  readonly bytes: Uint8Array;
}

export interface Question {
  readonly path: string;
  /** Sent by POST if present. */
  readonly body?: string;
}

const RETRY_STATUSES = new Set([429, 503, 504]);
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 8_000;
/** Requests on the wire at once; public servers answer more with 429. */
const MAX_PARALLEL = 6;
const MAX_WAITING = 1_000;

/** No answer that can be used. `retry`: the server may do better in a moment. */
class Failure extends Error {
  readonly retry: boolean;
  readonly retryAfterMs: number;
  constructor(
    message: string,
    { retry, retryAfterMs = 0, cause }: { retry: boolean; retryAfterMs?: number; cause?: unknown },
  ) {
    super(message, { cause });
    this.retry = retry;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Asks over HTTP: deadlines, size limits, retries with back-off, no redirects, and a rest after repeated failures. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #breaker: CircuitBreaker;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#breaker = new CircuitBreaker(options.clock);
  }

  health(): ChainHealth {
    return this.#breaker.health();
  }

  /** Throws `ChainUnreachable` or, for an oversized answer, `ChainLied`. */
  async ask(question: Question): Promise<Reply> {
    await this.#takeTurn();
    try {
      this.#breaker.enter();
      const reply = await this.#askWithRetries(question);
      this.#breaker.succeeded();
      return reply;
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      this.#breaker.failed();
      const { message } = this.#breaker.health();
      throw new ChainUnreachable(`${this.#options.base.host}: ${cause.message}; ${message}`, { cause });
    } finally {
      this.#endTurn();
    }
  }

  async #askWithRetries(question: Question): Promise<Reply> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#askOnce(question);
      } catch (cause) {
        if (!(cause instanceof Failure && cause.retry) || attempt >= this.#options.attempts) throw cause;
        await sleep(this.#options.clock, this.#delayMs(attempt, cause.retryAfterMs));
      }
    }
  }

  /** Doubles with every attempt, and half of it is chance; a server's own wish comes first, within limits. */
  #delayMs(attempt: number, retryAfterMs: number): number {
    const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
    const delay = (ceiling * (1 + this.#options.random())) / 2;
    return Math.min(MAX_DELAY_MS, Math.max(delay, retryAfterMs));
  }

  async #askOnce({ path, body }: Question): Promise<Reply> {
    const { base, clock, timeoutMs } = this.#options;
    const abort = new AbortController();
    const deadline = clock.schedule(timeoutMs, () => abort.abort(new Error(`no full answer within ${timeoutMs} ms`)));
    try {
      const response = await fetch(`${base.href.replace(/\/$/, "")}${path}`, {
        redirect: "manual",
        signal: abort.signal,
        ...(body === undefined ? {} : { method: "POST", body, headers: { "content-type": "text/plain" } }),
      });
      return await this.#read(response);
    } catch (cause) {
      if (cause instanceof Failure || cause instanceof ChainLied) throw cause;
      // fetch rejects with a TypeError for every network failure, and with the abort's reason for our deadline.
      const message = abort.signal.aborted ? `no full answer within ${timeoutMs} ms` : "connection failed";
      throw new Failure(message, { retry: true, cause });
    } finally {
      deadline.cancel();
      abort.abort();
    }
  }

  async #read(response: Response): Promise<Reply> {
    const { status } = response;
    if (status >= 300 && status < 400) {
      const target = response.headers.get("location") ?? "elsewhere";
      throw new Failure(`redirects to ${target}; redirects are not followed, set the right address`, { retry: false });
    }
    if (status !== 200 && status !== 400 && status !== 404) {
      const retry = RETRY_STATUSES.has(status);
      throw new Failure(`answered with status ${status}`, { retry, retryAfterMs: retryAfterMs(response) });
    }
    return { status, bytes: await this.#readBody(response) };
  }

  async #readBody(response: Response): Promise<Uint8Array> {
    const { base, maxResponseBytes } = this.#options;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > maxResponseBytes) throw new ChainLied(`${base.host}: answer exceeds ${maxResponseBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  async #takeTurn(): Promise<void> {
    if (this.#running < MAX_PARALLEL) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      throw new ChainUnreachable(`${this.#options.base.host}: ${MAX_WAITING} questions are waiting already`);
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #endTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

/** The server's own wish in seconds; dates are ignored. */
function retryAfterMs(response: Response): number {
  const seconds = response.headers.get("retry-after") ?? "";
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : 0;
}
