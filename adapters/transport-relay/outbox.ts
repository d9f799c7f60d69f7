/**
 * A party's own messages for as long as they may be asked for. A relay that restarts has forgotten them (RL-10), so each goes
 * again to every relay that comes back.
 */
import type { Clock, Timer } from "@conclave/node";
import { ClientClosed, RelayRefused, RelayUnreachable } from "./errors.ts";
import { PipeBroken, type Pipe } from "./pipe.ts";

/** How long a publish waits for one relay that takes it. */
export const PUBLISH_PATIENCE_MS = 10_000;

interface Kept {
  readonly frame: Uint8Array;
  readonly expiresAtMs: number;
  /** By relay that refused: its error. */
  readonly refusals: Map<Pipe, RelayRefused>;
  settle: { readonly resolve: () => void; readonly reject: (error: Error) => void; readonly patience: Timer } | null;
}

export class Outbox {
  readonly #pipes: readonly Pipe[];
  readonly #clock: Clock;
  readonly #maxKeptBytes: number;
  readonly #kept = new Set<Kept>();
  #keptBytes = 0;

  constructor(pipes: readonly Pipe[], clock: Clock, maxKeptBytes: number) {
    this.#maxKeptBytes = maxKeptBytes;
    this.#pipes = pipes;
    this.#clock = clock;
  }

  /** Resolves once a relay has the message. Rejects with `RelayRefused` if all refused it, with `RelayUnreachable` if none took it in time. */
  async publish(frame: Uint8Array, ttlSeconds: number): Promise<void> {
    this.#makeRoom(frame.length);
    await new Promise<void>((resolve, reject) => {
      const expiresAtMs = this.#clock.nowMs() + ttlSeconds * 1_000;
      const kept: Kept = { frame, expiresAtMs, refusals: new Map(), settle: null };
      const patience = this.#clock.schedule(PUBLISH_PATIENCE_MS, () => this.#giveUp(kept));
      kept.settle = { resolve, reject, patience };
      this.#kept.add(kept);
      this.#keptBytes += frame.length;
      for (const pipe of this.#pipes) this.#offer(pipe, kept);
    });
  }

  /** A relay came back: it may have forgotten everything. */
  repeat(pipe: Pipe): void {
    const nowMs = this.#clock.nowMs();
    for (const kept of this.#kept) {
      if (kept.expiresAtMs <= nowMs && kept.settle === null) this.#drop(kept);
      else if (!kept.refusals.has(pipe)) this.#offer(pipe, kept);
    }
  }

  close(): void {
    for (const kept of this.#kept) this.#reject(kept, new ClientClosed());
  }

  #offer(pipe: Pipe, kept: Kept): void {
    if (!pipe.isUp) return;
    pipe.publish(kept.frame).then(
      () => this.#taken(kept),
      (error: unknown) => this.#failed(pipe, kept, error),
    );
  }

  #taken(kept: Kept): void {
    kept.settle?.patience.cancel();
    kept.settle?.resolve();
    kept.settle = null;
  }

  #failed(pipe: Pipe, kept: Kept, error: unknown): void {
    // A connection that broke is repeated on the next one; until then the other relays may take the message.
    if (error instanceof PipeBroken) return;
    if (!(error instanceof RelayRefused)) throw error;
    kept.refusals.set(pipe, error);
    if (kept.refusals.size === this.#pipes.length) this.#reject(kept, error);
  }

  #giveUp(kept: Kept): void {
    const reasons = this.#pipes.map((pipe) => {
      const refusal = kept.refusals.get(pipe);
      const silence = pipe.isUp ? `no confirmation within ${PUBLISH_PATIENCE_MS} ms` : pipe.reason;
      return [pipe.url, refusal === undefined ? silence : `refused, ${refusal.reason}`] as const;
    });
    this.#reject(kept, new RelayUnreachable(new Map(reasons)));
  }

  #reject(kept: Kept, error: Error): void {
    kept.settle?.patience.cancel();
    kept.settle?.reject(error);
    this.#drop(kept);
  }

  #drop(kept: Kept): void {
    if (this.#kept.delete(kept)) this.#keptBytes -= kept.frame.length;
  }

  /** Lets go of the oldest that a relay has. */
  #makeRoom(bytes: number): void {
    for (const kept of this.#kept) {
      if (this.#keptBytes + bytes <= this.#maxKeptBytes) return;
      if (kept.settle === null) this.#drop(kept);
    }
    if (this.#keptBytes + bytes > this.#maxKeptBytes)
      throw new RelayRefused("this client", `${this.#keptBytes} bytes wait for a relay already`);
  }
}
