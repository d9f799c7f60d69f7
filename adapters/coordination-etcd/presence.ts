/**
 * This node as others see it in etcd: a key under a lease, touched every few seconds, the hint who leads, and the cluster's
 * numbers for people. Nothing here is believed by anybody: the charter says who the cluster is, and each node what it does.
 */
import { utf8 } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Clock } from "@conclave/node";
import { grantLease, keepAlive, memberStatus, revokeLease, swap } from "./calls.ts";
import { CODES, EtcdRefused, EtcdUnreachable, shown } from "./errors.ts";
import type { EtcdGateway } from "./gateway.ts";
import type { Health } from "./health.ts";
import type { Layout } from "./layout.ts";
import { TWIN_TAKEOVERS } from "./limits.ts";
import type { WatchEvent } from "./shapes.ts";

export interface PresenceParts {
  readonly gateway: EtcdGateway;
  readonly layout: Layout;
  readonly health: Health;
  readonly clock: Clock;
  readonly self: NodeId;
  readonly members: readonly NodeId[];
  readonly config: { readonly threshold: number; readonly totalNodes: number; readonly bitcoinNetwork: string };
  readonly presenceMs: number;
}

export class Presence {
  readonly #parts: PresenceParts;
  readonly #members: ReadonlySet<string>;
  readonly #present = new Set<NodeId>();
  #leader: NodeId | null = null;
  #lease: string | null = null;
  #beats = 0;
  /** Where this node's own key stands, as it wrote it. */
  #ownRevision = 0n;
  #takeovers = 0;
  #seenRevision = 0n;
  #unseenSinceMs: number | null = null;
  #isConfigured = false;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#members = new Set(parts.members);
  }

  /** Members whose key stands there. */
  get present(): readonly NodeId[] {
    return this.#parts.members.filter((node) => this.#present.has(node));
  }

  /** Who says that it leads; a member, or null. */
  get leader(): NodeId | null {
    return this.#leader;
  }

  /** For how long the watch has not shown this node's own beat; 0 if it has. */
  get unseenMs(): number {
    return this.#unseenSinceMs === null ? 0 : this.#parts.clock.nowMs() - this.#unseenSinceMs;
  }

  /** Show that this node lives. Throws what `EtcdGateway.call` throws. */
  async beat(): Promise<void> {
    const { gateway, health } = this.#parts;
    const { hasLeader, errors } = await memberStatus(gateway);
    health.leaderKnown = hasLeader;
    health.alarms = errors.map(shown);
    for (const alarm of health.alarms) health.tell("alarm", `etcd at ${gateway.endpoint} says: ${alarm}`);
    if (this.#lease !== null && !(await keepAlive(gateway, this.#lease))) this.#lease = null;
    this.#lease ??= await grantLease(gateway, Math.ceil(this.#parts.presenceMs / 1_000));
    try {
      await this.#touch(this.#lease);
      if (this.#leader === null) await this.#offerToLead(this.#lease);
    } catch (error) {
      if (error instanceof EtcdRefused && error.code === CODES.notFound) this.#lease = null;
      throw error;
    }
    if (!this.#isConfigured) await this.#configure();
  }

  /** What the watch shows of members and of the leader. */
  changed({ kind, key, value, modRevision }: WatchEvent): void {
    const { layout, self } = this.#parts;
    if (key === layout.leader) {
      const named = kind === "put" ? textOf(value) : null;
      this.#leader = named !== null && this.#isMember(named) ? named : null;
      return;
    }
    const node = layout.peerAt(key);
    if (node === null || !this.#isMember(node)) return;
    if (kind === "put") this.#present.add(node);
    else this.#present.delete(node);
    if (node !== self || modRevision < this.#ownRevision) return;
    this.#seenRevision = modRevision;
    this.#unseenSinceMs = null;
  }

  /** Everything is told from the start, this node's own beat included. */
  clear(): void {
    this.#present.clear();
    this.#leader = null;
    if (this.#ownRevision > 0n) this.#unseenSinceMs = this.#parts.clock.nowMs();
    this.#seenRevision = 0n;
  }

  /** Another etcd: what this node wrote into the one before is not there. */
  reset(): void {
    this.clear();
    this.#lease = null;
    this.#isConfigured = false;
  }

  /** Others see at once that this node is gone. */
  async leave(): Promise<void> {
    if (this.#lease === null) return;
    try {
      await revokeLease(this.#parts.gateway, this.#lease);
    } catch (error) {
      // Then the lease ends by itself.
      if (!(error instanceof EtcdUnreachable || error instanceof EtcdRefused)) throw error;
    }
  }

  #isMember(node: string): node is NodeId {
    return this.#members.has(node);
  }

  async #touch(lease: string): Promise<void> {
    const { gateway, layout, self, clock } = this.#parts;
    const value = utf8(JSON.stringify({ beat: ++this.#beats }));
    const key = layout.peer(self);
    const sinceMs = clock.nowMs();
    const first = await swap(gateway, { key, value, lease, expected: this.#ownRevision });
    if (first.done) this.#takeovers = 0;
    else this.#takenOver();
    const { header, done } = first.done
      ? first
      : await swap(gateway, { key, value, lease, expected: first.found?.modRevision ?? 0n });
    this.#ownRevision = done ? header.revision : 0n;
    if (done && this.#seenRevision < header.revision) this.#unseenSinceMs ??= sinceMs;
  }

  /** An earlier life of this node wrote it, or its lease was over. Again and again it is somebody else. */
  #takenOver(): void {
    this.#takeovers += 1;
    if (this.#takeovers < TWIN_TAKEOVERS) return;
    const { health, self } = this.#parts;
    health.tell(
      "twin",
      `somebody else keeps writing the presence of this node (${self.slice(0, 8)}): if a second process runs with its identity, stop it`,
    );
  }

  async #offerToLead(lease: string): Promise<void> {
    const { gateway, layout, self } = this.#parts;
    await swap(gateway, { key: layout.leader, value: utf8(self), lease, expected: 0n });
  }

  /** Written for people if it is absent. What stands there is compared and never obeyed. */
  async #configure(): Promise<void> {
    const { gateway, layout, config, health } = this.#parts;
    const entries = {
      threshold: config.threshold,
      total_nodes: config.totalNodes,
      bitcoin_network: config.bitcoinNetwork,
    };
    for (const [name, ours] of Object.entries(entries)) {
      const value = utf8(String(ours));
      const { done, found } = await swap(gateway, { key: layout.config(name), value, lease: null, expected: 0n });
      const theirs = done || found === null ? String(ours) : textOf(found.value);
      if (theirs === String(ours)) continue;
      health.tell(
        "differs",
        `etcd says ${name} is "${shown(theirs)}" and this node's charter says "${ours}", by which it goes on: ` +
          `another cluster uses this name, or somebody changed ${layout.config(name)}`,
      );
    }
    this.#isConfigured = true;
  }
}

/** Anybody may have written it: whatever is no text becomes some. */
const textOf = (value: Uint8Array): string => Buffer.from(value).toString("utf8");
