/** Counts what a node says: one handler per kind of notice. */
import { toHex } from "@conclave/bytes";
import { proposalCodec } from "@conclave/custody";
import type { NodeId } from "@conclave/consensus";
import type { Notice } from "@conclave/node";
import type { NodeMetrics } from "./metrics.ts";
import { Recent } from "./recent.ts";
import type { Requests, Subject } from "./requests.ts";

type Of<K extends Notice["kind"]> = Extract<Notice, { kind: K }>;

/** What is remembered of one request to measure its waits. Times in milliseconds of a clock that only goes forward. */
interface Followed {
  proposedMs: number | null;
  approvedMs: number | null;
  readonly votes: Map<string, boolean>;
  readonly votedOn: Set<number>;
  attempts: number;
  /** The last state that was counted. */
  state: string | null;
  isSigned: boolean;
}

export interface NoticeCountParts {
  readonly self: NodeId;
  readonly metrics: NodeMetrics;
  readonly requests: Requests;
  /** A node's name in the roster. */
  readonly nameOf: (node: NodeId) => string;
  readonly nowMs: () => number;
}

export class NoticeCounts {
  readonly #parts: NoticeCountParts;
  readonly #followed = new Recent<Followed>();

  constructor(parts: NoticeCountParts) {
    this.#parts = parts;
  }

  /** Resolves once everything is counted; only what history has to be asked for is not counted at once. */
  async heard(notice: Notice): Promise<void> {
    const { metrics, requests, nameOf } = this.#parts;
    switch (notice.kind) {
      case "proposed":
        return this.#proposed(notice);
      case "voted":
        return this.#voted(notice);
      case "objected":
        for (const { code } of notice.objections) metrics.objections.inc({ code });
        return;
      case "verdict":
        return this.#decided(notice);
      case "joined":
        this.#of(toHex(notice.request)).attempts += 1;
        return;
      case "aborted":
        return this.#aborted(notice);
      case "signed":
      case "messageSigned":
        return this.#signed(toHex(notice.request));
      case "keyActive":
        requests.keyKnown(notice.key, notice.record);
        return notice.request === null ? undefined : this.#keyMade(toHex(notice.request));
      case "violation":
        metrics.violations.inc({ type: notice.violation });
        return;
      case "dissent":
        metrics.dissent.inc({ party: nameOf(notice.node) });
        return;
      case "reuseRefused":
        metrics.reuseRefused.inc({ purpose: notice.purpose });
        return;
      case "alert":
        metrics.alerts.inc({ code: notice.code });
        return;
      case "wallet":
        if (notice.frozen) metrics.alerts.inc({ code: "wallet-frozen" });
        return;
      case "state":
        return this.#entered(notice, "transactions");
      case "message":
        return this.#entered(notice, "messages");
      case "link":
        if (!notice.up) metrics.networkErrors.inc({ peer: nameOf(notice.node) });
        return;
      case "dropped":
        metrics.dropped.inc();
        return;
      case "problem":
        metrics.problems.inc();
        return;
      default:
        return;
    }
  }

  #of(id: string): Followed {
    const known = this.#followed.get(id);
    if (known !== undefined) return known;
    const fresh: Followed = {
      proposedMs: null,
      approvedMs: null,
      votes: new Map(),
      votedOn: new Set(),
      attempts: 0,
      state: null,
      isSigned: false,
    };
    this.#followed.set(id, fresh);
    return fresh;
  }

  #proposed({ request, proposal }: Of<"proposed">): void {
    const { requests, nowMs } = this.#parts;
    requests.proposed(toHex(request), proposalCodec.decode(proposal).request);
    // Another revision is voted on anew, and its waits begin anew.
    this.#of(toHex(request)).proposedMs = nowMs();
  }

  #voted({ request, revision, round, voter, value }: Of<"voted">): void {
    const { metrics, self, nowMs } = this.#parts;
    const followed = this.#of(toHex(request));
    const slot = `${revision}/${round}/${voter}`;
    const before = followed.votes.get(slot);
    const result = before !== undefined && before !== value ? "contradictory" : voter === self ? "cast" : "counted";
    metrics.votes.inc({ value: value ? "approve" : "reject", result });
    if (before === undefined) followed.votes.set(slot, value);
    if (voter !== self || followed.proposedMs === null || followed.votedOn.has(revision)) return;
    followed.votedOn.add(revision);
    metrics.voteSeconds.observe((nowMs() - followed.proposedMs) / 1_000);
  }

  #decided({ request, verdict }: Of<"verdict">): void {
    const { metrics, nowMs } = this.#parts;
    const followed = this.#of(toHex(request));
    if (followed.proposedMs !== null) metrics.consensusSeconds.observe((nowMs() - followed.proposedMs) / 1_000);
    if (verdict === "approved") followed.approvedMs ??= nowMs();
  }

  async #aborted({ request, fault, culprits, suspects }: Of<"aborted">): Promise<void> {
    const { metrics, requests, nameOf } = this.#parts;
    for (const node of new Set([...culprits, ...suspects])) metrics.participantFailures.inc({ party: nameOf(node) });
    if (fault === "silence") metrics.sessionsExpired.inc();
    const subject = await requests.subject(toHex(request));
    if (subject !== undefined && signs(subject)) {
      metrics.signatures.inc({ suite: requests.suiteOf(subject), result: "failed" });
    }
  }

  async #signed(id: string): Promise<void> {
    const { metrics, requests, nowMs } = this.#parts;
    const followed = this.#of(id);
    // A result that is told again is the same signature.
    if (followed.isSigned) return;
    followed.isSigned = true;
    const endMs = nowMs();
    const suite = requests.suiteOf(await requests.subject(id));
    metrics.signatures.inc({ suite, result: "success" });
    if (followed.approvedMs !== null)
      metrics.signatureSeconds.observe({ suite }, (endMs - followed.approvedMs) / 1_000);
    if (followed.attempts > 0) metrics.attemptsPerSignature.observe(followed.attempts);
  }

  #keyMade(id: string): void {
    const { metrics, requests, nowMs } = this.#parts;
    const { proposedMs } = this.#of(id);
    if (proposedMs === null) return;
    metrics.dkgSeconds.observe({ suite: requests.suiteOf(requests.known(id)) }, (nowMs() - proposedMs) / 1_000);
    this.#followed.delete(id);
  }

  /** A state is told again with every confirmation. */
  #entered({ request, state }: Of<"state"> | Of<"message">, what: "transactions" | "messages"): void {
    const followed = this.#of(request);
    if (followed.state === state) return;
    followed.state = state;
    this.#parts.metrics[what].inc({ state });
  }
}

const signs = ({ kind }: Subject): boolean => kind === "payment" || kind === "message" || kind === "digest";
