/**
 * Names of traces and spans (W3C Trace Context, level 1). A request's id is a hash that every node computes alike, so its first
 * half names the trace everywhere and its next eight bytes the root of it: nodes agree on both without a byte more on the
 * wire, and nothing that is signed changes. A client's own trace is kept as a link on the node that took the request in.
 */
import { createHash } from "node:crypto";

/** 16 and 8 bytes, lower-case hexadecimal. */
const TRACE_DIGITS = 32;
const SPAN_DIGITS = 16;

/** `00-<trace>-<span>-<flags>`; later versions may say more after it (section 3.2). */
const TRACEPARENT =
  /^(?!ff)(?<version>[0-9a-f]{2})-(?<trace>[0-9a-f]{32})-(?<span>[0-9a-f]{16})-[0-9a-f]{2}(?<more>-.*)?$/;

/** A span of somebody's trace. */
export interface SpanName {
  readonly trace: string;
  readonly span: string;
}

/** `request`: 64 hexadecimal digits. */
export const traceOf = (request: string): string => request.slice(0, TRACE_DIGITS);

/** The span that all of a request's spans are below. */
export const rootOf = (request: string): string => request.slice(TRACE_DIGITS, TRACE_DIGITS + SPAN_DIGITS);

/** A span's name from what makes it one: node, what it is, which time. */
export const spanOf = (request: string, node: string, what: string): string =>
  createHash("sha256").update(`conclave/span\n${request}\n${node}\n${what}`).digest("hex").slice(0, SPAN_DIGITS);

/** What a client sent; null for nothing, and for what is no traceparent: it is ignored then (section 3.2.2.3). */
export function parseTraceparent(text: string | null): SpanName | null {
  const found = TRACEPARENT.exec(text ?? "")?.groups;
  if (found === undefined) return null;
  const { version, trace, span, more } = found as Readonly<Record<"version" | "trace" | "span", string>> & {
    more?: string;
  };
  if (version === "00" && more !== undefined) return null;
  return /^0+$/.test(trace) || /^0+$/.test(span) ? null : { trace, span };
}

/** Of version 00; sampled, because every request is. */
export const printTraceparent = ({ trace, span }: SpanName): string => `00-${trace}-${span}-01`;
