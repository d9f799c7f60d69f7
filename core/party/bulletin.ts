/** What an operator is told about the others: once for each change, and not with every message. */
import type { NodeId } from "@conclave/consensus";
import type { PartyIndex } from "@conclave/protocol";
import type { PartyEvent } from "./events.ts";
import type { Peer } from "./meeting.ts";
import { differences, type Intent } from "./presence.ts";

/** Changes of mind of one party that are told: enough for slips of the finger, too few to flood a terminal. */
const MAX_TOLD = 16;

export class Bulletin {
  readonly #observe: (event: PartyEvent) => void;
  #waiting = "";
  readonly #differences = new Map<NodeId, { readonly said: string; readonly times: number }>();

  constructor(observe: (event: PartyEvent) => void) {
    this.#observe = observe;
  }

  clear(): void {
    this.#waiting = "";
    this.#differences.clear();
  }

  /** These are needed and not there. */
  waiting(parties: readonly PartyIndex[]): void {
    const said = parties.join();
    if (said === this.#waiting) return;
    this.#waiting = said;
    if (parties.length > 0) this.#observe({ kind: "waiting", parties });
  }

  /** Who came for something else than this party. */
  differences(own: Intent, peers: readonly Peer[]): void {
    for (const { node, party, up, presence } of peers) {
      if (!up || presence === null || presence.stage !== "waiting") continue;
      const how = differences(own, presence.intent);
      const said = how.join("; ");
      const { said: before, times } = this.#differences.get(node) ?? { said: "", times: 0 };
      if (said === before || times >= MAX_TOLD) continue;
      this.#differences.set(node, { said, times: times + 1 });
      if (how.length > 0) this.#observe({ kind: "differs", party, how });
    }
  }
}
