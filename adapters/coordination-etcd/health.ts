/** What an operator sees of the connection to etcd: its state, and reports that do not repeat themselves. */
import type { Clock } from "@conclave/node";
import { EtcdLied, EtcdRefused, EtcdUnreachable } from "./errors.ts";
import { NoAnswer } from "./http.ts";
import { MAX_REMEMBERED_REPORTS, REPORT_AGAIN_MS } from "./limits.ts";
import type { EtcdReport } from "./options.ts";

/** `refused`: it answers, and does not do what this node needs. */
export type EtcdState = "connecting" | "connected" | "away" | "refused";

export class Health {
  readonly #clock: Clock;
  readonly #report: (report: EtcdReport) => void;
  readonly #reportedMs = new Map<string, number>();
  state: EtcdState = "connecting";
  endpoint: string | null = null;
  lastSuccessMs: number | null = null;
  /** Why it is not connected. */
  problem: string | null = null;
  leaderKnown = false;
  alarms: readonly string[] = [];

  constructor(clock: Clock, report: (report: EtcdReport) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** An endpoint answered. */
  answered(endpoint: string): void {
    this.lastSuccessMs = this.#clock.nowMs();
    const isNews = this.state === "connecting" || this.state === "away";
    this.endpoint = endpoint;
    if (!isNews) return;
    this.state = "connected";
    this.problem = null;
    this.tell("connected", `etcd at ${endpoint} answers`);
  }

  /** Everything that this node does with etcd was done. */
  recovered(): void {
    if (this.state !== "refused") return;
    this.state = "connected";
    this.problem = null;
    this.tell("connected", `etcd at ${this.endpoint} does what is asked of it again`);
  }

  /** Something failed that is tried again. Throws what is none of etcd's failures: it is ours. */
  failed(error: unknown): void {
    if (error instanceof EtcdRefused) {
      this.state = "refused";
      this.problem = error.message;
      return this.tell("refused", error.message);
    }
    if (error instanceof EtcdLied) return this.tell("lied", error.message);
    // A watch that ends is begun again; whether etcd is away, the next question tells.
    if (error instanceof NoAnswer) return;
    if (!(error instanceof EtcdUnreachable)) throw error;
    this.problem = error.message;
    if (this.state === "away") return;
    this.state = "away";
    this.leaderKnown = false;
    this.tell("away", error.message);
  }

  tell(kind: EtcdReport["kind"], message: string): void {
    const name = `${kind} ${message}`;
    const nowMs = this.#clock.nowMs();
    const lastMs = this.#reportedMs.get(name);
    if (lastMs !== undefined && nowMs - lastMs < REPORT_AGAIN_MS) return;
    this.#reportedMs.delete(name);
    this.#reportedMs.set(name, nowMs);
    if (this.#reportedMs.size > MAX_REMEMBERED_REPORTS) this.#reportedMs.delete(this.#reportedMs.keys().next().value!);
    this.#report({ kind, message });
  }
}
