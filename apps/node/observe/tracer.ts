/**
 * What one node does about a request, as spans: request → proposal → votes → attempt → rounds → signature → broadcast →
 * confirmation. It follows from what custody answers and the node notices, so that nobody who works has to know of it.
 */
import { toHex } from "@conclave/bytes";
import { peekHeader, type CustodyEvent } from "@conclave/custody";
import type { NodeId } from "@conclave/consensus";
import type { Notice } from "@conclave/node";
import { AttemptTrace, set } from "./attempt-trace.ts";
import type { CustodyAnswer } from "./measured-custody.ts";
import { Recent } from "./recent.ts";
import { parseTraceparent, printTraceparent, rootOf, spanOf, traceOf } from "./trace-context.ts";
import { TraceStore, type OpenSpan, type Trace } from "./trace-store.ts";

export interface TracerParts {
  readonly self: NodeId;
  readonly nameOf: (node: NodeId) => string;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
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
  readonly #attempts = new Recent<AttemptTrace>();
  /** Attempts by what their messages say: request and number. */
  readonly #numbered = new Recent<AttemptTrace>();

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
  answered({ startMs, endMs, wire, events }: CustodyAnswer): void {
    const cost = { bytesIn: wire?.length ?? 0, computedMs: endMs - startMs };
    if (wire !== null) this.#received(wire);
    for (const event of events) this.#heard(event, cost);
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
      case "send":
        return this.#attempts.get(event.topic)?.sent(event.wire, event.to.length);
      case "progress":
        return this.#attempts.get(event.attemptId)?.progressed(event.input, event.round, cost.computedMs);
      case "aborted": {
        const span = this.#attemptSpan(event.attemptId);
        this.#endAttempt(event.attemptId, cost.computedMs);
        if (span !== undefined) set(span, { outcome: "aborted", reason: event.reason });
        return;
      }
      case "close":
        // Custody closes an attempt's topic when it forgets the attempt.
        return this.#endAttempt(event.topic, cost.computedMs);
      case "signed":
      case "messageSigned":
        return this.#signed(event, cost.computedMs);
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
    const { nameOf, nowMs } = this.#parts;
    const span = this.#open(request, `attempt ${attemptId}`, "attempt", rootOf(request));
    if (span !== null) set(span, { attempt, revision, coordinator: nameOf(coordinator) });
    const own = this.#span(request, `attempt ${attemptId}`);
    const open = (round: string): OpenSpan | null => this.#open(request, `round ${attemptId} ${round}`, "round", own);
    const trace = new AttemptTrace({ request, span: own, open, nowMs });
    this.#attempts.set(attemptId, trace);
    this.#numbered.set(`${request}/${attempt}`, trace);
  }

  /** A message of a session counts for the round that it names, whether or not this node is there already. */
  #received(wire: Uint8Array): void {
    const header = peekHeader(wire);
    if (header === null || header.request === null || !header.kind.startsWith("step/")) return;
    this.#numbered.get(`${toHex(header.request)}/${header.attempt}`)?.received(header.round, wire.length);
  }

  #signed(event: Of<"signed"> | Of<"messageSigned">, computedMs: number): void {
    const request = toHex(event.request);
    const nowMs = this.#parts.nowMs();
    for (const [id, attempt] of this.#attempts.entries()) {
      if (attempt.request !== request) continue;
      const span = this.#attemptSpan(id);
      this.#endAttempt(id, computedMs);
      if (span !== undefined) set(span, { outcome: "signed" });
    }
    const span = this.#open(request, "signature", "signature", rootOf(request));
    if (span === null) return;
    span.endMs ??= nowMs;
    const signers = event.signers.map(this.#parts.nameOf).join(",");
    set(span, { signers, ...(event.kind === "signed" ? { bitcoin_txid: event.txid } : {}) });
  }

  #endAttempt(attemptId: string, computedMs: number): void {
    const attempt = this.#attempts.get(attemptId);
    if (attempt === undefined) return;
    attempt.end(computedMs);
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
