/**
 * Follows everything below the cluster's prefix without a gap: what stands there, in the order in which it was written, then
 * each change from that revision on. A connection that ends is resumed after the last change that was read; history that is
 * gone is replaced by what stands there now. That is looked at again every few minutes, by another member, in case one hid
 * something.
 *
 * Progress notifications are understood and not asked for: in etcd 3.4.23 they may run ahead of events (etcd's issue 15220),
 * so that resuming after one could skip some. This node's own beat is an event every few seconds and shows more: that this
 * watch sees what the majority wrote.
 */
import type { Clock, Timer } from "@conclave/node";
import { Backoff } from "./backoff.ts";
import { list, watchQuestion } from "./calls.ts";
import { sleep } from "./clock.ts";
import { CODES, EtcdLied, EtcdRefused, EtcdUnreachable, shown } from "./errors.ts";
import type { EtcdGateway } from "./gateway.ts";
import type { Health } from "./health.ts";
import { AnswerTooLong, NoAnswer, type Stream } from "./http.ts";
import { FIRST_PAGE_KEYS, MAX_LISTED_KEYS, MAX_PAGE_KEYS } from "./limits.ts";
import { parseError, parseJson, parseWatch, type Header, type Listing, type WatchEvent } from "./shapes.ts";

export interface WatcherParts {
  readonly gateway: EtcdGateway;
  readonly prefix: string;
  readonly health: Health;
  readonly clock: Clock;
  readonly longestRetryMs: number;
  readonly relistMs: number;
  readonly signal: AbortSignal;
  /** One change, or one key of those that stand there. The next comes when this one is read. */
  readonly changed: (event: WatchEvent) => Promise<void>;
  /** What stands there is told from the start: whatever was known of it may be gone. */
  readonly began: () => void;
  /** Another etcd stands there now, or the same with less in it. */
  readonly rewound: () => void;
}

/** The watch cannot be resumed where it stood: that history is gone, or not there yet. */
class MustList extends Error {}

export class Watcher {
  readonly #parts: WatcherParts;
  readonly #backoff: Backoff;
  #cluster: string | null = null;
  /** Everything up to this revision was read. */
  #revision = 0n;
  /** Whether to look at what stands there before following: at first, and whenever the revision may be wrong. */
  #mustList = true;
  #isSuspected = false;
  #isRenewed = false;
  /** How soon everything is to be listed again; null if there is no hurry. */
  #relistSoonMs: number | null = null;
  #renewal: Timer | null = null;
  #stream: Stream | null = null;
  #movedMs: number;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
    this.#backoff = new Backoff(parts.longestRetryMs);
    this.#movedMs = parts.clock.nowMs();
  }

  get revision(): bigint {
    return this.#revision;
  }

  /** When it last read something new. */
  get movedMs(): number {
    return this.#movedMs;
  }

  /** Until the signal fires. Throws only for bugs of ours. */
  async run(): Promise<void> {
    const { signal, clock } = this.#parts;
    while (!signal.aborted) {
      this.#isSuspected = false;
      this.#isRenewed = false;
      try {
        if (this.#mustList) await this.#list();
        await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        await sleep(clock, this.#backoff.next(), signal);
      } finally {
        this.#stream?.close();
        this.#stream = null;
      }
    }
  }

  /** It does not show what this node wrote a while ago: it is stalled, cut off, or lies. It begins again elsewhere. */
  suspect(): void {
    this.#isSuspected = true;
    this.#mustList = true;
    this.#stream?.close();
  }

  /** Somebody was not done with something: list it again, after so long at most. */
  relistWithin(delayMs: number): void {
    if (this.#relistSoonMs !== null) return;
    this.#relistSoonMs = Math.min(delayMs, this.#parts.relistMs);
    if (this.#renewal !== null) this.#renewWithin(this.#relistSoonMs);
  }

  #renewWithin(delayMs: number): void {
    const { clock } = this.#parts;
    this.#renewal?.cancel();
    this.#renewal = clock.schedule(delayMs, () => {
      this.#isRenewed = true;
      this.#stream?.close();
    });
  }

  #failed(error: unknown): void {
    const { gateway, health } = this.#parts;
    const endpoint = this.#stream?.endpoint ?? gateway.endpoint;
    if (error instanceof MustList) {
      this.#mustList = true;
    } else if (this.#isRenewed && error instanceof NoAnswer) {
      gateway.avoid(endpoint);
      this.#mustList = true;
    } else if (this.#isSuspected || error instanceof EtcdLied) {
      const what = error instanceof EtcdLied ? error.message : "its watch does not show what was written";
      health.tell("lied", `etcd at ${endpoint}: ${what}`);
      gateway.avoid(endpoint);
      this.#mustList = true;
    } else {
      // While nobody answered, anything may have happened to what stood there.
      if (error instanceof EtcdUnreachable) this.#mustList = true;
      health.failed(error);
    }
  }

  /** What stands there, oldest first, a page at a time, all as of one revision. */
  async #list(): Promise<void> {
    const { began, changed, prefix } = this.#parts;
    let [limit, listed, at, since] = [FIRST_PAGE_KEYS, 0, 0n, 0n];
    this.#relistSoonMs = null;
    for (let more = true; more;) {
      const page = await this.#page(limit, since, at);
      if (page === null) {
        limit = Math.floor(limit / 4);
        continue;
      }
      if (at === 0n) {
        this.#checkHistory(page.header);
        at = page.header.revision;
        began();
      }
      for (const key of page.keys) {
        if (key.modRevision < since || key.modRevision > at) throw new EtcdLied("a key of another time than asked for");
        since = key.modRevision + 1n;
        await changed({ kind: "put", ...key });
      }
      listed += page.keys.length;
      if (this.#isSuspected || listed > MAX_LISTED_KEYS) throw new EtcdLied(`there is no end of keys below ${prefix}`);
      more = page.more && page.keys.length > 0;
      limit = Math.min(MAX_PAGE_KEYS, limit * 2);
    }
    this.#moved(at);
    this.#mustList = false;
  }

  /** Null if so many keys are too long an answer. */
  async #page(limit: number, since: bigint, at: bigint): Promise<Listing | null> {
    const { gateway, prefix } = this.#parts;
    try {
      return await list(gateway, { prefix, limit, since, at });
    } catch (error) {
      if (error instanceof EtcdRefused && error.code === CODES.outOfRange) throw new MustList();
      if (!(error instanceof AnswerTooLong)) throw error;
      if (limit < 4) throw new EtcdLied("one key makes too long an answer");
      return null;
    }
  }

  #checkHistory({ cluster, revision }: Header): void {
    const isOther = this.#cluster !== null && this.#cluster !== cluster;
    if (isOther || revision < this.#revision) {
      const what = isOther ? "it is another etcd" : `its history ends at ${revision} and not at ${this.#revision}`;
      this.#parts.health.tell(
        "rewound",
        `etcd at ${this.#parts.gateway.endpoint}: ${what}; it was restored, or it lies`,
      );
      this.#revision = 0n;
      this.#parts.rewound();
    }
    this.#cluster = cluster;
  }

  async #follow(): Promise<void> {
    const { gateway, prefix, relistMs } = this.#parts;
    const stream = await gateway.stream("/v3/watch", watchQuestion(prefix, this.#revision + 1n));
    this.#stream = stream;
    this.#renewWithin(this.#relistSoonMs ?? relistMs);
    try {
      for await (const line of stream.lines) if (line !== "") await this.#message(line);
    } finally {
      this.#renewal?.cancel();
      this.#renewal = null;
    }
    throw new NoAnswer("the watch ended");
  }

  async #message(line: string): Promise<void> {
    const { prefix, gateway, changed, signal } = this.#parts;
    const endpoint = this.#stream?.endpoint ?? gateway.endpoint;
    const answer = parseJson(line);
    if (answer["error"] !== undefined) {
      const { code, text } = parseError(answer);
      throw new EtcdRefused(endpoint, code, shown(text));
    }
    const { header, created, canceled, compactRevision, fragment, events } = parseWatch(answer, prefix);
    if (header.cluster !== this.#cluster) throw new EtcdLied("a watch of another cluster");
    if (compactRevision > 0n) throw new MustList();
    if (canceled !== null) throw new EtcdRefused(endpoint, CODES.aborted, `the watch was ended: ${shown(canceled)}`);
    if (created) {
      // A member that lags behind, or an etcd that was restored: a listing tells which.
      if (header.revision < this.#revision) throw new MustList();
      this.#backoff.succeeded();
    }
    for (const event of events) {
      if (signal.aborted) return;
      this.#checkTime(event, header);
      // Whatever else changed at the same revision is still to come: it is read again if this connection ends here.
      this.#moved(event.modRevision - 1n);
      await changed(event);
    }
    const last = events.at(-1);
    if (last !== undefined && !fragment) this.#moved(last.modRevision);
  }

  /** Events come in order, and not from the future. */
  #checkTime({ modRevision }: WatchEvent, header: Header): void {
    if (modRevision <= this.#revision) throw new EtcdLied("an event that was told before");
    if (modRevision > header.revision) throw new EtcdLied("an event from the future");
  }

  #moved(revision: bigint): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    this.#movedMs = this.#parts.clock.nowMs();
  }
}
