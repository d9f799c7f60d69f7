/** Leases of statements: shared by those of a few minutes, renewed while any of their topics is open, for a day at most. */
import type { Clock } from "@conclave/node";
import { grantLease, keepAlive } from "./calls.ts";
import type { EtcdGateway } from "./gateway.ts";
import { LEASE_SHARED_MS, STATEMENT_LIFE_MS, STATEMENT_TTL_S } from "./limits.ts";

export interface Lease {
  readonly id: string;
  readonly grantedMs: number;
  renewedMs: number;
  /** Statements under it whose topic is open. */
  held: number;
}

/** Renewed this often it survives an etcd that is away for most of its time. */
const RENEW_MS = (STATEMENT_TTL_S * 1_000) / 3;

export class StatementLeases {
  readonly #gateway: EtcdGateway;
  readonly #clock: Clock;
  readonly #all = new Set<Lease>();
  #current: Promise<Lease> | null = null;

  constructor(gateway: EtcdGateway, clock: Clock) {
    this.#gateway = gateway;
    this.#clock = clock;
  }

  /** The lease for what is written now. Throws what `EtcdGateway.call` throws. */
  async current(): Promise<Lease> {
    const asked = (this.#current ??= this.#grant());
    try {
      const lease = await asked;
      if (this.#clock.nowMs() - lease.grantedMs < LEASE_SHARED_MS) return lease;
    } catch (error) {
      if (this.#current === asked) this.#current = null;
      throw error;
    }
    if (this.#current === asked) this.#current = null;
    return this.current();
  }

  /** Renew what is due. Returns the leases that are over: lost in etcd, or as old as a statement may become. */
  async renew(): Promise<{ readonly lost: readonly Lease[]; readonly outlived: readonly Lease[] }> {
    const nowMs = this.#clock.nowMs();
    const outlived = [...this.#all].filter(({ grantedMs }) => nowMs - grantedMs >= STATEMENT_LIFE_MS);
    for (const lease of outlived) this.forget(lease);
    const lost: Lease[] = [];
    for (const lease of this.#all) {
      const isShared = nowMs - lease.grantedMs < LEASE_SHARED_MS;
      if (lease.held === 0 && !isShared) this.#all.delete(lease);
      if (lease.held === 0 || nowMs - lease.renewedMs < RENEW_MS) continue;
      if (await keepAlive(this.#gateway, lease.id)) lease.renewedMs = nowMs;
      else lost.push(lease);
    }
    for (const lease of lost) this.forget(lease);
    return { lost, outlived };
  }

  /** etcd does not know it any more, or it has lasted long enough: nothing new comes under it. */
  forget(lease: Lease): void {
    this.#all.delete(lease);
    this.#current = null;
  }

  /** Another etcd, or the same with another history: none of them exists there. */
  reset(): void {
    this.#all.clear();
    this.#current = null;
  }

  async #grant(): Promise<Lease> {
    const grantedMs = this.#clock.nowMs();
    const id = await grantLease(this.#gateway, STATEMENT_TTL_S);
    const lease = { id, grantedMs, renewedMs: grantedMs, held: 0 };
    this.#all.add(lease);
    return lease;
  }
}
