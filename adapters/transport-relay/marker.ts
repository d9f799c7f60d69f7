/**
 * A message of our own that a relay keeps for a while, under an id that is drawn for it. Asking for it shows that the relay is
 * there, that it has had what was sent before the question, and that it has not forgotten everything.
 */
import type { Clock } from "@conclave/node";
import { ID_BYTES } from "@conclave/relay";
import type { PipeParts } from "./pipe.ts";

export interface Marker {
  readonly frame: Uint8Array;
  readonly id: Uint8Array;
  readonly sinceMs: number;
}

export const MARKER_TTL_SECONDS = 240;
/** A new one is made in time. */
const RENEW_MS = (MARKER_TTL_SECONDS * 1_000) / 2;

export function newMarker({ makeMarker, clock }: PipeParts): Marker {
  const frame = makeMarker(MARKER_TTL_SECONDS);
  return { frame, id: frame.slice(0, ID_BYTES), sinceMs: clock.nowMs() };
}

export const isOld = ({ sinceMs }: Marker, clock: Clock): boolean => clock.nowMs() - sinceMs > RENEW_MS;
