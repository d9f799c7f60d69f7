/**
 * What one node does about a request, as spans: request → proposal → votes → attempt → rounds → signature → broadcast →
 * confirmation. It follows from what custody answers and the node notices, so that nobody who works has to know of it.
 */
import { toHex } from "@conclave/bytes";
import type { CustodyEvent } from "@conclave/custody";
import type { NodeId } from "@conclave/consensus";
import type { Notice } from "@conclave/node";
import type { CustodyAnswer } from "./measured-custody.ts";
import { Recent } from "./recent.ts";
import { parseTraceparent, printTraceparent, rootOf, spanOf, traceOf } from "./trace-context.ts";
import { TraceStore, type Attribute, type OpenSpan, type Trace } from "./trace-store.ts";

export interface TracerParts {
  readonly self: NodeId;
  readonly nameOf: (node: NodeId) => string;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** An attempt that this node takes part in. */
interface Attempt {
  readonly request: string;
  readonly span: string;
  /** The round that each input's session is in, with the bytes that came and went since it began. */
  readonly rounds: Map<number, Round>;
}

interface Round {
  readonly span: OpenSpan | null;
  readonly startedMs: number;
}

type Of<K extends CustodyEvent["kind"]> = Extract<CustodyEvent, { kind: K }>;

/** A payment's state at which a span of its own begins, and its name. */
const STATE_SPANS: Readonly<Partial<Record<string, string>>> = { broadcasting: "broadcast", confirmed: "confirmed" };

/** States after which nothing more is done. */
const ENDED: ReadonlySet<string> = new Set([
  "confirmed",
  "rejected",
  "failed",
  "aborted_timeout",
  "aborted_byzantine",
  "expired",
  "replaced",
]);

export class Tracer {
  readonly #parts: TracerParts;
  readonly #store: TraceStore;
  readonly #attempts = new Recent<Attempt>();

  constructor(parts: TracerParts) {
    this.#parts = parts;
    this.#store = new TraceStore(parts.nameOf(parts.self));
  }

  trace(id: string): Trace | null {
    return this.#store.read(id);
  }

  /** The API took a request in. Gives the `traceparent` of its root. */
  asked(
    request: string,
    { traceparent, startMs }: { readonly traceparent: string | null; readonly startMs: number },
  ): string {
    const span = rootOf(request);
    const root = this.#store.open(request, { span, parent: null, name: "request", startMs });
    const client = parseTraceparent(traceparent);
    // Sent again with the same key, it is the same request, and may come from another trace.
    if (
      root !== null &&
      client !== null &&
      !root.links.some((link) => link.trace === client.trace && link.span === client.span)
    )
      root.links.push(client);
    return printTraceparent({ trace: traceOf(request), span });
  }

  /** Before the node acts on it. */
  answered({ startMs, endMs, bytesIn, events }: CustodyAnswer): void {
    const computedMs = endMs - startMs;
    for (const event of events) this.#heard(event, { bytesIn, computedMs });
  }

  /** What the node itself says. */
  notice(notice: Notice): void {
    if (notice.kind !== "state" && notice.kind !== "message") return;
    const { request, state } = notice;
    const nowMs = this.#parts.nowMs();
    const name = STATE_SPANS[state];
    const broadcast = this.#store.find(request, this.#span(request, "broadcast"));
    if (name !== undefined && (name !== "broadcast" || broadcast === undefined)) {
      const span = this.#open(request, name, name, rootOf(request));
      if (span !== null && notice.kind === "state") set(span, { state, bitcoin_txid: notice.bitcoinTxid ?? "" });
      if (span !== null && state === "confirmed") span.endMs = nowMs;
    }
    if (!ENDED.has(state) && !(notice.kind === "message" && state === "signed")) return;
    if (broadcast !== undefined) broadcast.endMs ??= nowMs;
    const root = this.#store.find(request, rootOf(request));
    if (root === undefined) return;
    root.endMs ??= nowMs;
    set(root, { state, ...(notice.reason === null ? {} : { reason: notice.reason }) });
  }

  #heard(event: CustodyEvent, cost: { readonly bytesIn: number; readonly computedMs: number }): void {
    const { nameOf, nowMs, self } = this.#parts;
    switch (event.kind) {
      case "proposed": {
        const request = toHex(event.request);
        const span = this.#open(request, `proposal ${event.revision ?? 0}`, "proposal", rootOf(request));
        if (span !== null)
          set(span, { from: nameOf(event.from), revision: event.revision ?? 0, bytes_in: cost.bytesIn });
        return;
      }
      case "voted":
        return this.#voted(event);
      case "verdict": {
        const span = this.#store.find(
          toHex(event.request),
          this.#span(toHex(event.request), `proposal ${event.revision}`),
        );
        if (span === undefined) return;
        span.endMs ??= nowMs();
        return set(span, { verdict: event.verdict, round: event.round });
      }
      case "joined":
        return this.#joined(event);
      case "begun": {
        const span = this.#attemptSpan(event.attemptId);
        if (span === undefined) return;
        const signers = event.signers.map(nameOf).join(",");
        return set(span, { signers, role: event.signers.includes(self) ? "signer" : "watcher" });
      }
      case "send": {
        const attempt = this.#attempts.get(event.topic);
        if (attempt === undefined) return;
        for (const round of attempt.rounds.values()) add(round, "bytes_out", event.wire.length * event.to.length);
        return;
      }
      case "progress":
        return this.#progressed(event, cost);
      case "aborted": {
        const span = this.#attemptSpan(event.attemptId);
        this.#endAttempt(event.attemptId);
        if (span !== undefined) set(span, { outcome: "aborted", reason: event.reason });
        return;
      }
      case "close":
        // Custody closes an attempt's topic when it forgets the attempt.
        return this.#endAttempt(event.topic);
      case "signed":
      case "messageSigned":
        return this.#signed(event);
      default:
        return;
    }
  }

  #voted({ request: id, revision, round, voter, value }: Of<"voted">): void {
    const request = toHex(id);
    const { nameOf, self, nowMs } = this.#parts;
    const proposal = this.#store.find(request, this.#span(request, `proposal ${revision}`));
    const parent = proposal?.span ?? rootOf(request);
    const span = this.#open(request, `vote ${revision}/${round} ${voter}`, "vote", parent);
    if (span === null) return;
    span.endMs ??= nowMs();
    set(span, { voter: nameOf(voter), value: value ? "approve" : "reject", own: voter === self, revision, round });
  }

  #joined({ request: id, attemptId, attempt, revision, coordinator }: Of<"joined">): void {
    const request = toHex(id);
    const { nameOf } = this.#parts;
    const span = this.#open(request, `attempt ${attemptId}`, "attempt", rootOf(request));
    this.#attempts.set(attemptId, { request, span: this.#span(request, `attempt ${attemptId}`), rounds: new Map() });
    if (span !== null) set(span, { attempt, revision, coordinator: nameOf(coordinator) });
  }

  /** A round ends when the next one begins; what was not spent computing was waited. */
  #progressed(
    { attemptId, input, round }: Of<"progress">,
    { bytesIn, computedMs }: { readonly bytesIn: number; readonly computedMs: number },
  ): void {
    const attempt = this.#attempts.get(attemptId);
    if (attempt === undefined) return;
    this.#endRound(attempt, input, { bytesIn, computedMs });
    const span = this.#open(attempt.request, `round ${attemptId} ${input} ${round}`, "round", attempt.span);
    if (span !== null) set(span, { round, input, bytes_in: 0, bytes_out: 0 });
    attempt.rounds.set(input, { span, startedMs: this.#parts.nowMs() });
  }

  #endRound(
    attempt: Attempt,
    input: number,
    { bytesIn, computedMs }: { readonly bytesIn: number; readonly computedMs: number },
  ): void {
    const round = attempt.rounds.get(input);
    if (round === undefined || round.span === null) return;
    const nowMs = this.#parts.nowMs();
    round.span.endMs ??= nowMs;
    add(round, "bytes_in", bytesIn);
    set(round.span, { waited_ms: Math.max(0, Math.round(nowMs - round.startedMs - computedMs)) });
    attempt.rounds.delete(input);
  }

  #signed(event: Of<"signed"> | Of<"messageSigned">): void {
    const request = toHex(event.request);
    const nowMs = this.#parts.nowMs();
    for (const [id, attempt] of this.#attempts.entries()) {
      if (attempt.request !== request) continue;
      const span = this.#attemptSpan(id);
      this.#endAttempt(id);
      if (span !== undefined) set(span, { outcome: "signed" });
    }
    const span = this.#open(request, "signature", "signature", rootOf(request));
    if (span === null) return;
    span.endMs ??= nowMs;
    const signers = event.signers.map(this.#parts.nameOf).join(",");
    set(span, { signers, ...(event.kind === "signed" ? { bitcoin_txid: event.txid } : {}) });
  }

  #endAttempt(attemptId: string): void {
    const attempt = this.#attempts.get(attemptId);
    if (attempt === undefined) return;
    for (const input of attempt.rounds.keys()) this.#endRound(attempt, input, { bytesIn: 0, computedMs: 0 });
    const span = this.#store.find(attempt.request, attempt.span);
    if (span !== undefined) span.endMs ??= this.#parts.nowMs();
    this.#attempts.delete(attemptId);
  }

  #attemptSpan(attemptId: string): OpenSpan | undefined {
    const attempt = this.#attempts.get(attemptId);
    return attempt && this.#store.find(attempt.request, attempt.span);
  }

  #open(request: string, what: string, name: string, parent: string): OpenSpan | null {
    const span = this.#span(request, what);
    return this.#store.open(request, { span, parent, name, startMs: this.#parts.nowMs() });
  }

  #span(request: string, what: string): string {
    return spanOf(request, this.#parts.self, what);
  }
}

const set = (span: OpenSpan, attributes: Readonly<Record<string, Attribute>>): void =>
  void Object.assign(span.attributes, attributes);

function add({ span }: Round, name: "bytes_in" | "bytes_out", bytes: number): void {
  if (span !== null) span.attributes[name] = Number(span.attributes[name] ?? 0) + bytes;
}
