/**
 * What this node has published: written to etcd by create-if-absent, tried again until it is there, put back if somebody
 * deletes it, and taken away when its topic is withdrawn. Bounded; what has no room any more is left to the mesh.
 */
import { equalBytes } from "@conclave/bytes";
import type { Clock, Statement, Timer } from "@conclave/node";
import { Backoff } from "./backoff.ts";
import { remove, swap } from "./calls.ts";
import { CODES, EtcdRefused } from "./errors.ts";
import type { EtcdGateway } from "./gateway.ts";
import type { Health } from "./health.ts";
import type { Layout } from "./layout.ts";
import type { Lease, StatementLeases } from "./leases.ts";
import { leastNeeded } from "./need.ts";
import {
  LONGEST_RESTORE_MS,
  MAX_HELD_BYTES,
  MAX_HELD_STATEMENTS,
  MAX_WAITING_DELETIONS,
  PARALLEL_WRITES,
} from "./limits.ts";

export interface OutboxParts {
  readonly gateway: EtcdGateway;
  readonly layout: Layout;
  readonly leases: StatementLeases;
  readonly health: Health;
  readonly clock: Clock;
  readonly longestRetryMs: number;
  /** What somebody deletes is put back at once, then after so long, then twice as long, and so on. */
  readonly restoreMs: number;
  /** Fewer ones for tests. */
  readonly maxHeld?: number;
}

interface Held {
  readonly key: string;
  readonly wire: Uint8Array;
  readonly topic: string;
  /** `maybe`: a write failed, and an answer that did not come says nothing of what was done. */
  attempt: "none" | "under way" | "maybe" | "done";
  /** Where it stands in etcd; null until it does. */
  written: { readonly revision: bigint; readonly lease: Lease; readonly nth: number } | null;
  /** The watch has shown it there. */
  isShown: boolean;
  restorations: number;
  /** Not put back before this time. */
  restoreAtMs: number;
  isWithdrawn: boolean;
}

/** Somebody who keeps changing a key is no reason to write it for ever at once. */
const MAX_SWAPS = 4;

export class Outbox {
  readonly #parts: OutboxParts;
  readonly #held = new Map<string, Held>();
  readonly #topics = new Map<string, Set<string>>();
  readonly #waiting = new Set<Held>();
  /** Keys that are to go, with where each stood when this node last knew; 0 if it never did. */
  readonly #deletions = new Map<string, bigint>();
  /** Keys that went while nobody knew whether a write of theirs was done: one that shows up later goes again. */
  readonly #doubtful = new Set<string>();
  readonly #backoff: Backoff;
  #bytes = 0;
  #writes = 0;
  #active = 0;
  #pause: Timer | null = null;
  #isClosed = false;
  /** Statements that were left to the mesh. */
  dropped = 0;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#backoff = new Backoff(parts.longestRetryMs);
  }

  get held(): number {
    return this.#held.size;
  }

  /** Writes and deletions that are not done. */
  get waiting(): number {
    return this.#waiting.size + this.#deletions.size + this.#active;
  }

  /** Whether this node published what has this key. */
  holds(key: string): boolean {
    return this.#held.has(key);
  }

  publish(statement: Statement): void {
    if (this.#isClosed) return;
    const key = this.#parts.layout.statement(statement);
    if (this.#held.has(key)) return;
    const { topic } = statement;
    const held: Held = {
      key,
      wire: statement.wire.slice(),
      topic,
      attempt: "none",
      written: null,
      isShown: false,
      restorations: 0,
      restoreAtMs: 0,
      isWithdrawn: false,
    };
    // A deletion that was not done yet would take away what is published again.
    this.#deletions.delete(key);
    this.#doubtful.delete(key);
    this.#held.set(key, held);
    this.#bytes += held.wire.length;
    const keys = this.#topics.get(topic) ?? new Set<string>();
    this.#topics.set(topic, keys.add(key));
    this.#waiting.add(held);
    const { maxHeld = MAX_HELD_STATEMENTS } = this.#parts;
    while (this.#held.size > maxHeld || this.#bytes > MAX_HELD_BYTES) this.#makeRoom(held);
    this.#work();
  }

  withdraw(topic: string): void {
    for (const key of this.#topics.get(topic) ?? []) this.#release(this.#held.get(key)!);
    this.#work();
  }

  /** Somebody deleted a key, or its lease is over. */
  deleted(key: string, revision: bigint): void {
    const held = this.#held.get(key);
    if (held?.written != null && held.written.revision < revision) this.#restore(held);
  }

  /** The watch shows a key as it stands there. */
  shown(key: string, value: Uint8Array): void {
    const held = this.#held.get(key);
    if (held !== undefined && equalBytes(held.wire, value)) held.isShown = true;
    if (!this.#doubtful.delete(key)) return;
    this.#deleteLater(key, 0n);
    this.#work();
  }

  /** The watch begins again, and shows everything anew. */
  forgetShown(): void {
    for (const held of this.#held.values()) held.isShown = false;
  }

  /** Grows with every write that is done. */
  get writes(): number {
    return this.#writes;
  }

  /** The watch has shown all that was done with the first so many writes: what it did not show, etcd has not kept. */
  hasShown(writes: number): void {
    for (const held of this.#held.values())
      if (held.written !== null && held.written.nth <= writes && !held.isShown) this.#restore(held);
  }

  /** A lease is gone, and what was under it will be. */
  leaseLost(lease: Lease): void {
    for (const held of this.#held.values()) if (held.written?.lease === lease) this.#writeAgain(held);
  }

  /** Nobody waits for these statements any more: their lease ends by itself. */
  leaseOutlived(lease: Lease): void {
    for (const held of this.#held.values()) if (held.written?.lease === lease) this.#forget(held);
  }

  /** Another etcd stands there now, or the same with less in it. */
  writeEverythingAgain(): void {
    for (const held of this.#held.values()) if (held.written !== null) this.#writeAgain(held);
  }

  close(): void {
    this.#isClosed = true;
    this.#pause?.cancel();
    this.#waiting.clear();
    this.#deletions.clear();
  }

  /** Again and again it is done ever more rarely: whoever takes it away costs one write in a while. */
  #restore(held: Held): void {
    const { clock, restoreMs } = this.#parts;
    const nowMs = clock.nowMs();
    held.isShown = false;
    if (nowMs < held.restoreAtMs) return;
    held.restoreAtMs = nowMs + Math.min(LONGEST_RESTORE_MS, restoreMs * 2 ** held.restorations++);
    this.#writeAgain(held);
  }

  #writeAgain(held: Held): void {
    if (held.written !== null) held.written.lease.held -= 1;
    held.written = null;
    held.isShown = false;
    this.#waiting.add(held);
    this.#work();
  }

  #makeRoom(newest: Held): void {
    const topics = [...this.#held.values()].map(({ topic, key }) => ({ topic, key }));
    const goes = this.#held.get(leastNeeded(topics)) ?? newest;
    this.#drop(goes, "too many are open at once");
  }

  #drop(held: Held, reason: string): void {
    this.dropped += 1;
    this.#parts.health.tell("dropped", `statements are left to the mesh: ${reason}`);
    this.#release(held);
  }

  /** Take it away from etcd too. */
  #release(held: Held): void {
    this.#forget(held);
    if (held.attempt === "maybe") this.#doubt(held.key);
    // One that is on its way is deleted when its answer is there.
    if (held.attempt === "maybe" || held.attempt === "done") this.#deleteLater(held.key, held.written?.revision ?? 0n);
  }

  #forget(held: Held): void {
    held.isWithdrawn = true;
    if (held.written !== null) held.written.lease.held -= 1;
    this.#waiting.delete(held);
    this.#held.delete(held.key);
    this.#bytes -= held.wire.length;
    const keys = this.#topics.get(held.topic)!;
    keys.delete(held.key);
    if (keys.size === 0) this.#topics.delete(held.topic);
  }

  #deleteLater(key: string, revision: bigint): void {
    if (this.#isClosed || this.#held.has(key)) return;
    if (this.#deletions.size < MAX_WAITING_DELETIONS) this.#deletions.set(key, revision);
  }

  #doubt(key: string): void {
    this.#doubtful.add(key);
    if (this.#doubtful.size > MAX_WAITING_DELETIONS) this.#doubtful.delete(this.#doubtful.values().next().value!);
  }

  #work(): void {
    while (!this.#isClosed && this.#pause === null && this.#active < this.#parallel) {
      const job = this.#next();
      if (job === null) return;
      this.#active += 1;
      void job().finally(() => {
        this.#active -= 1;
        this.#work();
      });
    }
  }

  /** What fails is tried with one, not with megabytes of them. */
  get #parallel(): number {
    return this.#backoff.isFailing ? 1 : PARALLEL_WRITES;
  }

  /** Where writes are refused, deletions go first: they may be what makes room. */
  #next(): (() => Promise<void>) | null {
    return this.#backoff.isFailing
      ? (this.#nextDeletion() ?? this.#nextWrite())
      : (this.#nextWrite() ?? this.#nextDeletion());
  }

  #nextWrite(): (() => Promise<void>) | null {
    const held: Held | undefined = this.#waiting.values().next().value;
    if (held === undefined) return null;
    this.#waiting.delete(held);
    return () => this.#write(held);
  }

  #nextDeletion(): (() => Promise<void>) | null {
    const deletion = this.#deletions.entries().next().value;
    if (deletion === undefined) return null;
    const [key, revision] = deletion;
    this.#deletions.delete(key);
    return () => this.#delete(key, revision);
  }

  async #write(held: Held): Promise<void> {
    held.attempt = "under way";
    try {
      const written = await this.#put(held);
      held.attempt = "done";
      this.#backoff.succeeded();
      this.#parts.health.recovered();
      if (held.isWithdrawn) return this.#deleteLater(held.key, written.revision);
      held.written = written;
      written.lease.held += 1;
    } catch (error) {
      this.#writeFailed(held, error);
    }
  }

  #writeFailed(held: Held, error: unknown): void {
    if (this.#isClosed) return;
    this.#parts.health.failed(error);
    held.attempt = "maybe";
    if (held.isWithdrawn) {
      this.#doubt(held.key);
      this.#deleteLater(held.key, 0n);
    } else if (error instanceof EtcdRefused && isTooLarge(error)) {
      // It would be refused for ever, and everything behind it would wait.
      return this.#drop(held, error.message);
    } else {
      this.#waiting.add(held);
    }
    this.#rest();
  }

  async #put({ key, wire }: Held): Promise<NonNullable<Held["written"]>> {
    const { gateway, leases } = this.#parts;
    const lease = await leases.current();
    let expected = 0n;
    try {
      for (let tries = 0; tries < MAX_SWAPS; tries++) {
        const { header, done, found } = await swap(gateway, { key, value: wire, lease: lease.id, expected });
        if (done) return { revision: header.revision, lease, nth: ++this.#writes };
        // An answer that was lost, or an earlier life of this node: the same bytes, which get this life's lease. Or somebody
        // put other bytes in their place, which are not what the name says: ours come back.
        expected = found?.modRevision ?? 0n;
      }
    } catch (error) {
      if (error instanceof EtcdRefused && error.code === CODES.notFound) leases.forget(lease);
      throw error;
    }
    throw new EtcdRefused(gateway.endpoint, CODES.aborted, "somebody else keeps writing this node's statement");
  }

  /** Whatever stands in its place by now: written again, by an earlier life of this node, or under another lease. */
  async #delete(key: string, revision: bigint): Promise<void> {
    let expected = revision;
    try {
      for (let tries = 0; tries < MAX_SWAPS && !this.#held.has(key); tries++) {
        const { done, found } = await remove(this.#parts.gateway, key, expected);
        this.#backoff.succeeded();
        if (done || found === null) return;
        expected = found.modRevision;
      }
    } catch (error) {
      if (this.#isClosed) return;
      this.#parts.health.failed(error);
      this.#deleteLater(key, expected);
      this.#rest();
    }
  }

  #rest(): void {
    this.#pause ??= this.#parts.clock.schedule(this.#backoff.next(), () => {
      this.#pause = null;
      this.#work();
    });
  }
}

/** An operator may have set etcd's limit lower than it usually is. */
const isTooLarge = ({ code, message }: EtcdRefused): boolean =>
  code === CODES.invalidArgument && message.includes("request is too large");
