/**
 * What the user of a local network should hear of though he did nothing: a node's process that ended, a server that does not
 * answer, and its return. Each is said once.
 */
import type { LocalNetwork } from "./folder.ts";
import type { LocalCluster } from "./local-cluster.ts";
import type { Progress } from "./progress.ts";
import type { Trouble } from "./speaker.ts";

/** Between two questions to a node: it notices most within seconds itself. */
const LOOK_MS = 3_000;

/** What is said of each node's parts, and how they are called; the rest is told where it happens. */
const TOLD: Readonly<Record<string, string>> = {
  store: "history",
  coordination: "etcd",
  journal: "safety journal",
};

export interface TroubleParts {
  readonly network: LocalNetwork;
  readonly running: LocalCluster;
  readonly progress: Progress;
  /** Whether the user can type commands. */
  readonly hands: boolean;
  /** Shorter for tests. */
  readonly lookMs?: number;
}

/** Looks until the returned function is called. */
export function tellTroubles(parts: TroubleParts): () => void {
  const { network, running, lookMs = LOOK_MS } = parts;
  const stopWatching = running.watchEnds((node, { message }) => tellEnd(parts, node, message));
  const known = new Known(parts);
  const asked = new Set<number>();
  const look = (node: number): void => {
    const speaker = running.speakers[node] ?? null;
    if (speaker === null) return known.gone(node);
    // A node that stands still is asked once.
    if (asked.has(node)) return;
    asked.add(node);
    speaker
      .troubles()
      .then((troubles) => known.heard(node, troubles))
      // It ended meanwhile, which is told above.
      .catch(() => {})
      .finally(() => asked.delete(node));
  };
  const timer = setInterval(() => network.names.forEach((_, node) => look(node)), lookMs);
  return () => {
    clearInterval(timer);
    stopWatching();
  };
}

function tellEnd({ network, running, progress, hands }: TroubleParts, node: number, message: string): void {
  const { names, threshold, quorum } = network;
  const left = running.speakers.filter((speaker) => speaker !== null).length;
  const needed = Math.max(threshold, quorum);
  const effect =
    left >= needed
      ? `${left} of ${names.length} nodes run, payments go on`
      : `payments wait for ${needed} nodes, ${left} run`;
  const back =
    hands && left > 0 ? `type "start ${names[node]}" to start it again` : "start the network again to have it back";
  progress.event("nodeEnded", { node: names[node], message, running: left });
  progress.say(`${message}; ${effect}; ${back}`);
}

/** Which nodes are in which trouble. */
class Known {
  readonly #parts: TroubleParts;
  readonly #nodes = new Map<string, Set<number>>();

  constructor(parts: TroubleParts) {
    this.#parts = parts;
  }

  heard(node: number, troubles: readonly Trouble[]): void {
    for (const [name, what] of Object.entries(TOLD)) {
      const trouble = troubles.find((found) => found.name === name);
      const nodes = this.#nodes.get(name) ?? new Set();
      this.#nodes.set(name, nodes);
      const wasWell = nodes.size === 0;
      if (trouble !== undefined) nodes.add(node);
      else if (!nodes.delete(node)) continue;
      if (wasWell && trouble !== undefined)
        this.#tell(name, `${what}: ${trouble.detail} (${this.#name(node)} says so)`);
      if (nodes.size === 0) this.#tell(name, `${what}: well again on every node that runs`);
    }
  }

  /** Nobody can say how it is for a node that does not run. */
  gone(node: number): void {
    for (const nodes of this.#nodes.values()) nodes.delete(node);
  }

  #name(node: number): string {
    return this.#parts.network.names[node]!;
  }

  #tell(name: string, text: string): void {
    const { progress } = this.#parts;
    const isWell = this.#nodes.get(name)?.size === 0;
    progress.event(isWell ? "wellAgain" : "trouble", { name, message: text });
    progress.say(text);
  }
}
