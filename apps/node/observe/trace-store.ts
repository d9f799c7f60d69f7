/** Spans of the latest requests, in memory: enough to look at what was slow just now, and bounded whatever happens. */

/** Requests that are remembered; the oldest goes first. */
const MAX_TRACES = 256;
/** Of one request on one node: 32 attempts of some rounds for some inputs would be more, and the first ones say enough. */
const MAX_SPANS = 128;

export type Attribute = string | number | boolean;

/** One piece of work, as OpenTelemetry names its parts. */
export interface Span {
  readonly span: string;
  /** Null for the root, which the node that took the request in keeps. */
  readonly parent: string | null;
  readonly name: string;
  readonly node: string;
  /** RFC 3339 in UTC. */
  readonly start: string;
  /** Null while it is under way. */
  readonly end: string | null;
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Spans of other traces that caused this one. */
  readonly links: readonly { readonly trace: string; readonly span: string }[];
}

export interface Trace {
  readonly trace: string;
  readonly request: string;
  readonly spans: readonly Span[];
  /** Spans that there was no room for. */
  readonly left_out: number;
}

/** A span that may still change. */
export interface OpenSpan {
  readonly span: string;
  readonly parent: string | null;
  readonly name: string;
  readonly startMs: number;
  endMs: number | null;
  attributes: Record<string, Attribute>;
  links: { readonly trace: string; readonly span: string }[];
}

interface Kept {
  readonly request: string;
  readonly spans: Map<string, OpenSpan>;
  leftOut: number;
}

export class TraceStore {
  readonly #node: string;
  readonly #traces = new Map<string, Kept>();

  /** `node`: its name. */
  constructor(node: string) {
    this.#node = node;
  }

  find(request: string, span: string): OpenSpan | undefined {
    return this.#traces.get(request)?.spans.get(span);
  }

  /** The same span again if it is there. Null if there is no room for it. */
  open(request: string, wanted: Pick<OpenSpan, "span" | "parent" | "name" | "startMs">): OpenSpan | null {
    const kept = this.#kept(request);
    const known = kept.spans.get(wanted.span);
    if (known !== undefined) return known;
    if (kept.spans.size >= MAX_SPANS) {
      kept.leftOut += 1;
      return null;
    }
    const span: OpenSpan = { ...wanted, endMs: null, attributes: {}, links: [] };
    kept.spans.set(span.span, span);
    return span;
  }

  /** By the whole of a request's id or by its first half, in the order in which the spans began. */
  read(id: string): Trace | null {
    const request = [...this.#traces.keys()].find((known) => known.startsWith(id));
    const kept = request === undefined ? undefined : this.#traces.get(request);
    if (kept === undefined) return null;
    const spans = [...kept.spans.values()].toSorted((a, b) => a.startMs - b.startMs);
    return {
      trace: kept.request.slice(0, 32),
      request: kept.request,
      spans: spans.map((span) => this.#shown(span)),
      left_out: kept.leftOut,
    };
  }

  #kept(request: string): Kept {
    const known = this.#traces.get(request);
    if (known !== undefined) return known;
    const fresh: Kept = { request, spans: new Map(), leftOut: 0 };
    this.#traces.set(request, fresh);
    if (this.#traces.size > MAX_TRACES) this.#traces.delete(this.#traces.keys().next().value!);
    return fresh;
  }

  #shown({ startMs, endMs, ...span }: OpenSpan): Span {
    const { span: id, parent, name, attributes, links } = span;
    return {
      span: id,
      parent,
      name,
      node: this.#node,
      start: new Date(startMs).toISOString(),
      end: endMs === null ? null : new Date(endMs).toISOString(),
      attributes: { ...attributes },
      links: [...links],
    };
  }
}
