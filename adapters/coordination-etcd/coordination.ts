/**
 * Coordination through etcd: statements lie there until whom they concern has read them, also one who was away. etcd is
 * believed in nothing: it holds bytes that custody signed and custody checks. While it is away statements wait here, bounded,
 * and the mesh beside it (`bothCoordinations`) carries them.
 */
import type { NodeId } from "@conclave/consensus";
import { MAX_STATEMENT_BYTES, type Clock, type Coordination, type Statement } from "@conclave/node";
import { Backoff } from "./backoff.ts";
import { sleep, systemClock } from "./clock.ts";
import { shown } from "./errors.ts";
import { EtcdGateway } from "./gateway.ts";
import { Health, type EtcdState } from "./health.ts";
import { Endpoint } from "./http.ts";
import { layoutOf } from "./layout.ts";
import { StatementLeases } from "./leases.ts";
import {
  BEAT_MS,
  LONGEST_RETRY_MS,
  PRESENCE_TTL_S,
  RELIST_MS,
  REPORT_AGAIN_MS,
  REQUEST_DEADLINE_MS,
  STALL_MS,
} from "./limits.ts";
import { checkOptions, type EtcdIntervals, type EtcdOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Presence } from "./presence.ts";
import { Reading } from "./reading.ts";
import { Watcher } from "./watcher.ts";

/** What an operator wants to know. Nothing in it decides anything. */
export interface EtcdStatus {
  readonly state: EtcdState;
  /** The endpoint that answered last; null before the first. */
  readonly endpoint: string | null;
  /** Milliseconds since the Unix epoch. */
  readonly lastSuccessMs: number | null;
  /** Why it is not connected; null while it is. */
  readonly problem: string | null;
  /** Up to which of etcd's revisions everything was read, decimal. */
  readonly revision: string;
  /** For how long the watch has not shown what this node wrote last; some milliseconds while it is alive. */
  readonly unseenMs: number;
  /** For how long neither the watch nor a listing has shown anything new; some seconds while nodes beat. */
  readonly silentMs: number;
  /** Whether etcd's members have a leader, without whom nothing is written. */
  readonly leaderKnown: boolean;
  /** What etcd says is wrong with itself, such as NOSPACE. */
  readonly alarms: readonly string[];
  /** Members that show in etcd that they live, this node included. */
  readonly present: readonly NodeId[];
  /** Which node says that it leads. A hint. */
  readonly leaderHint: NodeId | null;
  /** Statements of this node that etcd holds or will hold. */
  readonly held: number;
  /** Writes that wait for etcd. */
  readonly waiting: number;
  /** Statements that were left to the mesh since the start, for lack of room or because etcd would not have them. */
  readonly dropped: number;
}

export interface EtcdCoordination extends Coordination {
  status(): EtcdStatus;
}

const USUAL_INTERVALS: EtcdIntervals = {
  requestMs: REQUEST_DEADLINE_MS,
  beatMs: BEAT_MS,
  stallMs: STALL_MS,
  presenceMs: PRESENCE_TTL_S * 1_000,
  relistMs: RELIST_MS,
  longestRetryMs: LONGEST_RETRY_MS,
};

/** A watch that reads all the time and never shows this node's own beat is given up after so many times the usual wait. */
const BUSY_PATIENCE = 4;

/** Connects once it is started, or when something is published. Throws `EtcdMisconfigured`. */
export function etcdCoordination(options: EtcdOptions): EtcdCoordination {
  const urls = checkOptions(options);
  const clock = options.clock ?? systemClock;
  const intervals = { ...USUAL_INTERVALS, ...options.intervals };
  const health = new Health(clock, options.report ?? (() => {}));
  const gateway = new EtcdGateway({
    endpoints: urls.map((url) => new Endpoint(url, options.tls ?? {}, clock)),
    credentials: options.credentials,
    deadlineMs: intervals.requestMs,
    answered: (endpoint) => health.answered(endpoint),
    lied: (endpoint, { message }) => health.tell("lied", `etcd at ${endpoint}: ${message}`),
  });
  return new Member({ options, clock, intervals, health, gateway });
}

interface MemberParts {
  readonly options: EtcdOptions;
  readonly clock: Clock;
  readonly intervals: EtcdIntervals;
  readonly health: Health;
  readonly gateway: EtcdGateway;
}

class Member implements EtcdCoordination {
  readonly #parts: MemberParts;
  readonly #abort = new AbortController();
  readonly #leases: StatementLeases;
  readonly #outbox: Outbox;
  readonly #presence: Presence;
  #watcher: Watcher | null = null;
  #running: Promise<unknown> = Promise.resolve();
  #rewrittenMs = -Infinity;

  constructor(parts: MemberParts) {
    this.#parts = parts;
    const { gateway, clock, health, intervals, options } = parts;
    const layout = layoutOf(options.cluster);
    const { longestRetryMs, presenceMs, beatMs: restoreMs } = intervals;
    this.#leases = new StatementLeases(gateway, clock);
    this.#outbox = new Outbox({ gateway, layout, leases: this.#leases, health, clock, longestRetryMs, restoreMs });
    const { self, members, config } = options;
    this.#presence = new Presence({ gateway, layout, health, clock, self, members, config, presenceMs });
  }

  publish(statement: Statement): void {
    const { length } = statement.wire;
    if (length === 0 || length > MAX_STATEMENT_BYTES)
      throw new RangeError(`a statement of ${length} bytes: it has to have 1 to ${MAX_STATEMENT_BYTES}`);
    this.#outbox.publish(statement);
  }

  withdraw(topic: string): void {
    this.#outbox.withdraw(topic);
  }

  start(read: (wire: Uint8Array) => Promise<boolean>): Promise<void> {
    const { gateway, clock, health, intervals, options } = this.#parts;
    if (this.#watcher !== null || this.#abort.signal.aborted)
      return Promise.reject(new Error("this coordination was started before, or is closed: make a new one"));
    const layout = layoutOf(options.cluster);
    const { signal } = this.#abort;
    const reading = new Reading({
      layout,
      clock,
      signal,
      read,
      isOwn: (key) => this.#outbox.holds(key),
      failed: (error, againMs) => {
        const why = shown(error instanceof Error ? error.message : String(error));
        health.tell("unread", `this node could not read a statement, and will be offered it again: ${why}`);
        this.#watcher?.relistWithin(againMs);
      },
    });
    this.#watcher = new Watcher({
      gateway,
      prefix: layout.prefix,
      health,
      clock,
      longestRetryMs: intervals.longestRetryMs,
      relistMs: intervals.relistMs,
      signal,
      changed: async (event) => {
        this.#presence.changed(event);
        if (event.kind === "delete") return this.#outbox.deleted(event.key, event.modRevision);
        this.#outbox.shown(event.key, event.value);
        await reading.take(event.key, event.value);
      },
      began: () => {
        this.#presence.clear();
        this.#outbox.forgetShown();
      },
      rewound: () => this.#rewound(),
    });
    this.#running = Promise.all([this.#watcher.run(), this.#live(this.#watcher)]);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#outbox.close();
    await this.#presence.leave();
    this.#parts.gateway.close();
    await this.#running;
  }

  status(): EtcdStatus {
    const { health, clock } = this.#parts;
    const { state, endpoint, lastSuccessMs, problem, leaderKnown, alarms } = health;
    const { held, waiting, dropped } = this.#outbox;
    return {
      state,
      endpoint,
      lastSuccessMs,
      problem,
      leaderKnown,
      alarms,
      held,
      waiting,
      dropped,
      revision: (this.#watcher?.revision ?? 0n).toString(),
      unseenMs: this.#presence.unseenMs,
      silentMs: this.#watcher === null ? 0 : clock.nowMs() - this.#watcher.movedMs,
      present: this.#presence.present,
      leaderHint: this.#presence.leader,
    };
  }

  /** Beats, renewals, and a look whether the watch is alive. */
  async #live(watcher: Watcher): Promise<void> {
    const { clock, intervals, health } = this.#parts;
    const { signal } = this.#abort;
    const backoff = new Backoff(intervals.longestRetryMs);
    while (!signal.aborted) {
      try {
        const { writes } = this.#outbox;
        await this.#presence.beat();
        const { lost, outlived } = await this.#leases.renew();
        for (const lease of lost) this.#outbox.leaseLost(lease);
        for (const lease of outlived) this.#outbox.leaseOutlived(lease);
        health.recovered();
        backoff.succeeded();
        this.#lookAt(watcher);
        await sleep(clock, intervals.beatMs, signal);
        // The beat came after those writes, and a watch shows things in the order in which they were done.
        if (this.#presence.unseenMs === 0) this.#outbox.hasShown(writes);
      } catch (error) {
        if (signal.aborted) return;
        health.failed(error);
        await sleep(clock, backoff.next(), signal);
      }
    }
  }

  #lookAt(watcher: Watcher): void {
    const { clock, intervals } = this.#parts;
    const { unseenMs } = this.#presence;
    const isBusy = clock.nowMs() - watcher.movedMs < intervals.stallMs;
    if (unseenMs > (isBusy ? BUSY_PATIENCE : 1) * intervals.stallMs) {
      watcher.suspect();
    }
  }

  /** A liar may say so at every question: what is there already is not written again for it all the time. */
  #rewound(): void {
    const nowMs = this.#parts.clock.nowMs();
    if (nowMs - this.#rewrittenMs < REPORT_AGAIN_MS) return;
    this.#rewrittenMs = nowMs;
    this.#presence.reset();
    this.#leases.reset();
    this.#outbox.writeEverythingAgain();
  }
}
