/** Attempts under way in this node's custody, by phase. */
import { toHex } from "@conclave/bytes";
import type { CustodyEvent } from "@conclave/custody";

/**
 * `handshake`: acknowledged, and not begun; `rounds`: this node is among those who compute; `watching`: others compute, and
 * this node waits for their result.
 */
export const SESSION_PHASES = ["handshake", "rounds", "watching"] as const;
export type SessionPhase = (typeof SESSION_PHASES)[number];

interface Session {
  readonly request: string;
  phase: SessionPhase;
}

export class Sessions {
  readonly #sessions = new Map<string, Session>();

  heard(event: CustodyEvent): void {
    switch (event.kind) {
      case "joined":
        this.#endOf(toHex(event.request));
        this.#sessions.set(event.attemptId, { request: toHex(event.request), phase: "handshake" });
        return;
      case "begun": {
        const session = this.#sessions.get(event.attemptId);
        if (session !== undefined) session.phase = event.signing ? "rounds" : "watching";
        return;
      }
      case "aborted":
        this.#sessions.delete(event.attemptId);
        return;
      case "close":
        // Custody closes an attempt's topic when it forgets the attempt.
        this.#sessions.delete(event.topic);
        return;
      case "signed":
      case "messageSigned":
      case "keyPending":
      case "edgeMade":
      case "presigned":
        this.#endOf(toHex(event.request));
        return;
      default:
        return;
    }
  }

  counts(): ReadonlyMap<SessionPhase, number> {
    const phases = [...this.#sessions.values()].map(({ phase }) => phase);
    return new Map(SESSION_PHASES.map((phase) => [phase, phases.filter((found) => found === phase).length]));
  }

  #endOf(request: string): void {
    for (const [id, session] of this.#sessions) if (session.request === request) this.#sessions.delete(id);
  }
}
