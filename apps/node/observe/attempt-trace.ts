/** One attempt as a node takes part in it: a span for each round, of all inputs together, with what came and went in it. */
import { peekHeader } from "@conclave/custody";
import type { Attribute, OpenSpan } from "./trace-store.ts";

/** The longest protocol has a dozen. What a message says of its round is not verified here: a liar names many. */
const MAX_ROUNDS = 32;

interface Round {
  /** Null until the first input is in it, or where there is no room for it. */
  span: OpenSpan | null;
  bytesIn: number;
  bytesOut: number;
  /** Inputs that are in it now. */
  readonly inside: Set<number>;
}

export interface AttemptTraceParts {
  readonly request: string;
  /** Of the attempt itself. */
  readonly span: string;
  /** Opens the span of a round. */
  readonly open: (round: string) => OpenSpan | null;
  readonly nowMs: () => number;
}

export class AttemptTrace {
  readonly request: string;
  readonly span: string;
  readonly #parts: AttemptTraceParts;
  readonly #rounds = new Map<string, Round>();
  readonly #inputs = new Map<number, string>();

  constructor(parts: AttemptTraceParts) {
    this.request = parts.request;
    this.span = parts.span;
    this.#parts = parts;
  }

  /** A message of one of its rounds came from a peer, perhaps before this node was there. */
  received(round: string, bytes: number): void {
    if (!this.#rounds.has(round) && this.#rounds.size >= MAX_ROUNDS) return;
    const found = this.#round(round);
    found.bytesIn += bytes;
    show(found);
  }

  sent(wire: Uint8Array, receivers: number): void {
    const round = roundOf(wire);
    if (round === null) return;
    const found = this.#round(round);
    found.bytesOut += wire.length * receivers;
    show(found);
  }

  /** An input's session entered a round. `computedMs`: how long custody was at it; the rest of the round before was waiting. */
  progressed(input: number, round: string, computedMs: number): void {
    this.#leave(input, computedMs);
    const found = this.#round(round);
    found.span ??= this.#parts.open(round);
    found.inside.add(input);
    this.#inputs.set(input, round);
    if (found.span !== null) set(found.span, { round });
    show(found);
  }

  /** Nothing more comes of it. */
  end(computedMs: number): void {
    for (const input of this.#inputs.keys()) this.#leave(input, computedMs);
  }

  #leave(input: number, computedMs: number): void {
    const before = this.#inputs.get(input);
    const round = before === undefined ? undefined : this.#rounds.get(before);
    this.#inputs.delete(input);
    if (round === undefined) return;
    round.inside.delete(input);
    if (round.inside.size > 0 || round.span === null) return;
    const endMs = this.#parts.nowMs();
    round.span.endMs = endMs;
    set(round.span, { waited_ms: Math.max(0, Math.round(endMs - round.span.startMs - computedMs)) });
  }

  #round(name: string): Round {
    const known = this.#rounds.get(name);
    if (known !== undefined) return known;
    const fresh: Round = { span: null, bytesIn: 0, bytesOut: 0, inside: new Set() };
    this.#rounds.set(name, fresh);
    return fresh;
  }
}

function show({ span, bytesIn, bytesOut }: Round): void {
  if (span !== null) set(span, { bytes_in: bytesIn, bytes_out: bytesOut });
}

/** The round of a session's message; null for any other. */
export function roundOf(wire: Uint8Array): string | null {
  const header = peekHeader(wire);
  return header?.kind.startsWith("step/") === true ? header.round : null;
}

export const set = (span: OpenSpan, attributes: Readonly<Record<string, Attribute>>): void =>
  void Object.assign(span.attributes, attributes);
