/** Where peers are, from the registry and the roster; and where we are, for as long as we run. */
import type { NodeId } from "@conclave/consensus";
import type { Clock, Timer } from "@conclave/node";
import { ANNOUNCE_MS } from "./limits.ts";
import { RegistryRefused, type Announcer, type PeerRegistry, type Sought } from "./registry.ts";

export interface WhereaboutsOptions {
  readonly registry: PeerRegistry | null;
  readonly clock: Clock;
  /** A peer's entry is not believed, or ours cannot be written. Told once for each reason. */
  readonly trouble: (node: NodeId, reason: string) => void;
}

export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  /** What was told last of a node's entry. */
  readonly #told = new Map<NodeId, string>();
  #next: Timer | null = null;
  #announcer: Announcer | null = null;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  /** Addresses to dial, in order: what the peer announced, then what the roster says. The registry is read anew for each dial. */
  async of(peer: Sought, roster: readonly string[]): Promise<readonly string[]> {
    const announced = await this.#asked(peer.node, async () => this.#options.registry?.find(peer));
    return [...new Set([...(announced ?? []), ...roster])];
  }

  /** Announce these addresses now, and again until `leave`. */
  async announce(announcer: Announcer): Promise<void> {
    const { registry, clock } = this.#options;
    if (registry === null) return;
    this.#announcer = announcer;
    await this.#asked(announcer.node, () => registry.announce(announcer));
    if (this.#announcer !== null) this.#next = clock.schedule(ANNOUNCE_MS, () => void this.announce(announcer));
  }

  /** Announce that we are gone. */
  async leave(): Promise<void> {
    const announcer = this.#announcer;
    this.#announcer = null;
    this.#next?.cancel();
    if (announcer !== null)
      await this.#asked(announcer.node, async () => this.#options.registry?.announce({ ...announcer, addresses: [] }));
  }

  /** What the registry answers, or undefined after telling why there is no answer: without it, links are slower to come and no less safe. */
  async #asked<T>(node: NodeId, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await ask();
      this.#told.delete(node);
      return answer;
    } catch (error) {
      if (!(error instanceof RegistryRefused) && !isFromDisk(error)) throw error;
      if (this.#told.get(node) !== error.message) this.#options.trouble(node, error.message);
      this.#told.set(node, error.message);
      return undefined;
    }
  }
}

const isFromDisk = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
