/** What happened, in words for people. */
import { toHex } from "@conclave/bytes";
import type { Envelope } from "@conclave/custody/testing";
import type { Notice } from "../context.ts";

/** What an envelope is about, in few words. */
export const title = ({ header: { kind, request, attempt, round, ssid } }: Envelope): string =>
  [
    kind,
    request && toHex(request).slice(0, 8),
    round,
    attempt > 0 || kind === "setup" ? `attempt ${attempt}` : "",
    ssid && `in ${toHex(ssid).slice(0, 6)}`,
  ]
    .filter((part) => part !== null && part !== "")
    .join(" ");

/** A notice as one line. */
export function describe(notice: Notice): string {
  const fields = Object.entries(notice).flatMap(([name, value]): string[] => {
    if (name === "kind") return [];
    if (value instanceof Uint8Array) return value.length <= 32 ? [`${name}=${toHex(value).slice(0, 8)}`] : [];
    if (Array.isArray(value))
      return [
        `${name}=[${value.map((item) => (typeof item === "string" ? item.slice(0, 8) : JSON.stringify(item))).join()}]`,
      ];
    return [`${name}=${String(value).slice(0, 90)}`];
  });
  return `${notice.kind} ${fields.join(" ")}`;
}
