/** Everything that looks on while a node works: it wraps the node's ports, hears its notices, and decides nothing. */
import type { NodeId, Roster } from "@conclave/consensus";
import type { EtcdStatus } from "@conclave/coordination-etcd";
import type { CustodyPort, CustodyStatus } from "@conclave/custody";
import { CustodyNews, type BitcoinChain, type ConclaveNode, type Notice, type Store } from "@conclave/node";
import { systemClock } from "../clock.ts";
import type { NetworkEvent } from "../cluster/transports.ts";
import { StoreWatch } from "../store-watch.ts";
import { VERSION } from "../version.ts";
import { clockOfEsplora, SkewWatch } from "./clock-skew.ts";
import { etcdTrouble } from "./etcd-trouble.ts";
import { watchEventLoop, type LoopLag } from "./event-loop.ts";
import { Gauges, QUEUED_STATES, type Moment } from "./gauges.ts";
import { measuredChain } from "./measured-chain.ts";
import { measuredCustody, type CustodyAnswer } from "./measured-custody.ts";
import { measuredStore } from "./measured-store.ts";
import { createMetrics, type NodeMetrics } from "./metrics.ts";
import { NetworkCounts } from "./network-counts.ts";
import { NoticeCounts } from "./notice-counts.ts";
import { pointsOf, type Point } from "./readiness.ts";
import { Requests } from "./requests.ts";
import { Sessions } from "./sessions.ts";
import { showSyncs } from "./sync-histogram.ts";
import type { SyncTimes } from "./sync-times.ts";
import { Tracer } from "./tracer.ts";

export interface ObservationParts {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly store: Store;
  /** Where the thread of custody counts the journal's writes. */
  readonly journalTimes: SyncTimes;
  readonly esploraUrl: string;
  readonly genesisMs: number;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
}

/** What the observed node is made of, once it is. */
interface Observed {
  readonly node: ConclaveNode;
  readonly chain: BitcoinChain;
  readonly news: CustodyNews;
}

export class Observation {
  readonly metrics: NodeMetrics;
  /** The node's history, measured and watched. */
  readonly store: Store;
  readonly storeWatch = new StoreWatch();
  readonly sessions = new Sessions();
  readonly tracer: Tracer;
  readonly #parts: ObservationParts;
  readonly #nowMs: () => number;
  readonly #names: ReadonlyMap<string, string>;
  readonly #requests: Requests;
  readonly #notices: NoticeCounts;
  readonly #network: NetworkCounts;
  readonly #skew: SkewWatch;
  readonly #lag: LoopLag;
  readonly #gauges: Gauges;
  #custody: CustodyNews | null = null;
  #observed: Observed | null = null;
  #etcd: (() => EtcdStatus) | null = null;

  constructor(parts: ObservationParts) {
    const { roster, self, store, journalTimes, esploraUrl, nowMs = Date.now } = parts;
    this.#parts = parts;
    this.#nowMs = nowMs;
    this.#names = new Map(roster.nodes.map(({ id, name }) => [id, name]));
    this.metrics = createMetrics();
    this.store = this.storeWatch.watched(measuredStore(store, this.metrics.storeSyncSeconds));
    this.#requests = new Requests(store);
    this.#network = new NetworkCounts(this.metrics, new Set(this.#names.values()));
    this.#notices = new NoticeCounts({
      self,
      metrics: this.metrics,
      requests: this.#requests,
      nameOf: (node) => this.#nameOf(node),
      nowMs: () => performance.now(),
    });
    this.tracer = new Tracer({ self, nameOf: (node) => this.#nameOf(node), nowMs });
    this.#skew = new SkewWatch(clockOfEsplora(esploraUrl), nowMs);
    this.#lag = watchEventLoop();
    this.#gauges = new Gauges(this.metrics, { sessions: this.sessions, lag: this.#lag, version: VERSION });
    showSyncs(journalTimes, this.metrics.registry);
  }

  chain(chain: BitcoinChain): BitcoinChain {
    return measuredChain(chain, this.metrics);
  }

  custody(port: CustodyPort): CustodyPort {
    this.#custody = new CustodyNews({ custody: port, clock: systemClock });
    return measuredCustody(port, this.metrics, (answer) => this.#answered(answer));
  }

  /** From now on the gauges can be read. */
  begin(node: ConclaveNode, chain: BitcoinChain): void {
    if (this.#custody === null) throw new Error("custody is observed before its node is");
    this.#observed = { node, chain, news: this.#custody };
    void this.#skew.look();
  }

  notice(notice: Notice): void {
    // What history cannot tell now is not counted; that it cannot is the node's own trouble.
    this.tracer.notice(notice);
    this.#notices.heard(notice).catch(() => this.metrics.problems.inc());
  }

  /** What the network says; `peer`, if there is one, is an id or a name of the roster. */
  network(event: NetworkEvent): void {
    const peer = "peer" in event && typeof event.peer === "string" ? this.#nameOf(event.peer) : null;
    this.#network.heard(peer === null ? event : { ...event, peer });
  }

  /** What the node says of its coordination service: `connected`, `away`, `refused`, or a trouble that it goes on with. */
  coordination(kind: string): void {
    this.metrics.coordination.inc({ kind });
  }

  /** Where to read what that service is like; null where the mesh coordinates alone. */
  watchEtcd(status: (() => EtcdStatus) | null): void {
    this.#etcd = status;
  }

  /** What is wrong with it, and what mends it; null while all is well. */
  coordinationTrouble(): string | null {
    const signs = this.#etcd?.() ?? null;
    return signs && etcdTrouble(signs);
  }

  answered(route: string, status: number): void {
    this.metrics.httpRequests.inc({ route, status: String(status) });
  }

  /** Each thing that readiness depends on. Answers within seconds whatever does not. */
  async points(): Promise<readonly Point[]> {
    const { node, chain, news } = this.#whole();
    const [cluster, custody, storeTrouble] = await Promise.all([node.cluster(), news.look(), this.#storeTrouble()]);
    return pointsOf({
      cluster,
      genesisMs: this.#parts.genesisMs,
      nowMs: this.#nowMs(),
      hasAccount: node.accounts.length > 0,
      custody,
      journalFailures: this.#parts.journalTimes.read().failed,
      storeTrouble,
      skewSeconds: this.#skew.seconds,
      chain: chain.health(),
      etcd: this.#etcd?.() ?? null,
    });
  }

  /** Prometheus' text format, and its name. */
  async exposition(): Promise<{ readonly contentType: string; readonly text: string }> {
    const { registry } = this.metrics;
    this.#gauges.show(await this.#moment());
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  stop(): void {
    this.#skew.stop();
    this.#lag.stop();
  }

  #whole(): Observed {
    if (this.#observed === null) throw new Error("the node is not there yet");
    return this.#observed;
  }

  async #moment(): Promise<Moment> {
    const { node, news } = this.#whole();
    const [points, cluster, nodes, custody, keys, approvals, queued] = await Promise.all([
      this.points(),
      node.cluster(),
      node.nodes(),
      news.look(),
      // What history is needed for is left out while history cannot be had: the rest is what an operator needs then.
      inTime(node.keys()),
      inTime(node.approvals.list()),
      inTime(this.#queued()),
    ]);
    for (const { key, record } of custody.keys) this.#requests.keyKnown(key, record);
    return {
      cluster,
      nodes,
      keys: keys ?? [],
      points,
      queued,
      approvals: approvals?.filter(({ nodes: asked }) => asked.includes(this.#parts.self)).length ?? null,
      generation: custody.generation,
      sealed: isSealed(custody),
      presignatures: custody.presignatures,
      skewSeconds: this.#skew.seconds,
      certificateEndsMs: this.#network.certificateEndsMs,
      etcd: this.#etcd?.() ?? null,
      accounts: node.accounts,
    };
  }

  /** Asked of the database, not remembered: a node that is idle should learn of it too. */
  async #storeTrouble(): Promise<string | null> {
    const { store, self } = this.#parts;
    // A full disk is read from as ever: what counts is whether a row can still be written.
    const written = store.nodes.set({ node: self, lastSeenMs: this.#nowMs(), status: "online", detail: null });
    const asked = written
      .then(() => store.durable())
      .then(
        () => null,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
    return Promise.race([asked, after(STORE_PATIENCE_MS, SILENT)]);
  }

  async #queued(): Promise<number> {
    const { transactions } = this.#parts.store;
    let count = 0;
    let page = await transactions.list({ limit: QUEUE_PAGE, states: QUEUED_STATES });
    for (let read = 1; ; read++) {
      count += page.rows.length;
      if (page.next === null || read === MAX_QUEUE_PAGES) return count;
      page = await transactions.list({ limit: QUEUE_PAGE, states: QUEUED_STATES, after: page.next });
    }
  }

  #answered(answer: CustodyAnswer): void {
    for (const event of answer.events) this.sessions.heard(event);
    this.tracer.answered(answer);
  }

  #nameOf(node: string): string {
    return this.#names.get(node) ?? node;
  }
}

/** A database that takes longer for one sync or one row holds every payment up. */
const STORE_PATIENCE_MS = 2_000;
const SILENT = `it does not answer within ${STORE_PATIENCE_MS / 1_000} s: see whether its disk or its database server is there`;
/** Payments are counted by the page, up to ten thousand: what is longer is told as that. */
const QUEUE_PAGE = 500;
const MAX_QUEUE_PAGES = 20;

const isSealed = ({ sealed }: CustodyStatus): boolean => sealed !== null;

/** Null for what fails or takes too long: a look at the node never waits for what is in trouble. */
const inTime = <T>(work: Promise<T>): Promise<T | null> =>
  Promise.race([work.catch(() => null), after(STORE_PATIENCE_MS, null)]);

const after = <T>(ms: number, value: T): Promise<T> =>
  new Promise((resolve) => void setTimeout(() => resolve(value), ms).unref());
