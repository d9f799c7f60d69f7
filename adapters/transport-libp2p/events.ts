/** What this adapter tells a log, beside the events of the mesh. */
import type { NodeId } from "@conclave/consensus";
import { NOTICE_MS } from "./limits.ts";

export type Libp2pEvent =
  /** An identity that no node of the roster has. `times` of this kind since the last notice, the newest named. */
  | {
      readonly kind: "stranger";
      readonly direction: "inbound" | "outbound";
      readonly peerId: string;
      readonly address: string;
      readonly times: number;
    }
  /** Sockets closed before they proved an identity: too slow, too many or too talkative. */
  | { readonly kind: "unproven"; readonly reason: string; readonly address: string; readonly times: number }
  /** A node of the roster that goes beyond a bound; what went beyond it was cut. */
  | { readonly kind: "excess"; readonly peer: NodeId; readonly reason: string; readonly times: number }
  /** The registry could not be written, or holds something of this peer that is not believed. */
  | { readonly kind: "registry"; readonly peer: NodeId; readonly reason: string };

/** What strangers and peers can cause a thousand times a second: told at once, then once in `NOTICE_MS` with its number. */
export interface Notices {
  readonly stranger: (direction: "inbound" | "outbound", peerId: string, address: string) => void;
  readonly unproven: (reason: string, address: string) => void;
  readonly excess: (peer: NodeId, reason: string) => void;
}

export function noticesOf(nowMs: () => number, observe: (event: Libp2pEvent) => void): Notices {
  // One count per kind and peer: a stranger's noise never hides a peer's. The roster bounds their number.
  const counts = new Map<string, { untold: number; toldMs: number }>();
  const tell = (subject: string, event: (times: number) => Libp2pEvent): void => {
    const count = counts.get(subject) ?? { untold: 0, toldMs: Number.NEGATIVE_INFINITY };
    counts.set(subject, count);
    count.untold++;
    if (nowMs() - count.toldMs < NOTICE_MS) return;
    observe(event(count.untold));
    count.untold = 0;
    count.toldMs = nowMs();
  };
  return {
    stranger: (direction, peerId, address) =>
      tell("stranger", (times) => ({ kind: "stranger", direction, peerId, address, times })),
    unproven: (reason, address) => tell("unproven", (times) => ({ kind: "unproven", reason, address, times })),
    excess: (peer, reason) => tell(`excess ${peer}`, (times) => ({ kind: "excess", peer, reason, times })),
  };
}
