/** What comes in from other nodes: frames over links, statements through the coordination, and the links themselves, up and down. */
import type { NodeId } from "@conclave/consensus";
import { requestOfTopic } from "@conclave/custody";
import type { Context } from "./context.ts";
import { Delivery } from "./delivery.ts";
import { Inbox } from "./inbox.ts";
import type { Transport } from "./ports.ts";
import { recentRequests } from "./recall.ts";
import type { RequestId } from "./store/ids.ts";

export interface ArrivalParts {
  readonly context: Context;
  readonly transport: Transport;
  /** Give a peer what it may lack of a request. */
  readonly retell: (request: RequestId, peer: NodeId) => Promise<void>;
  /** A peer is back: what waited for nodes may go on. */
  readonly retryWaiting: () => Promise<void>;
  readonly report: (error: unknown) => void;
}

export class Arrivals {
  readonly delivery: Delivery;
  readonly #parts: ArrivalParts;
  readonly #inbox: Inbox;
  readonly #lastSeen = new Map<NodeId, number>();
  /** When a node that is away was last heard: what came since then, it lacks. */
  readonly #goneSince = new Map<NodeId, number>();
  /** Who came back and was not told yet. */
  readonly #returning = new Set<NodeId>();
  /** Of the frame that is being received. */
  #isMalformed = false;

  constructor(parts: ArrivalParts) {
    this.#parts = parts;
    const { mailbox, clock } = parts.context;
    this.#inbox = new Inbox({ mailbox, clock, read: (wire) => this.#read(wire) });
    this.delivery = new Delivery({
      transport: parts.transport,
      clock,
      hasRoom: (from, length) => parts.context.history.keepsUp() && this.#inbox.hasRoom(from, length),
      malformed: () => {
        this.#isMalformed = true;
      },
      missed: (peer, topics) => {
        for (const topic of topics) this.#retell(peer, topic);
      },
    });
  }

  /** When this node last heard from each, in milliseconds since 1970. */
  get lastSeen(): ReadonlyMap<NodeId, number> {
    return this.#lastSeen;
  }

  /** A frame of a peer's link. False for what no honest peer sends. */
  frame(from: NodeId, frame: Uint8Array): boolean {
    this.#lastSeen.set(from, this.#parts.context.clock.nowMs());
    this.#isMalformed = false;
    const wire = this.delivery.receive(from, frame);
    if (wire !== null) this.#inbox.put(from, wire);
    return !this.#isMalformed;
  }

  /**
   * What a coordination hands over waits for its turn; whoever hands it over waits with it. Resolves with whether custody had any
   * use for it. Rejects with what failed in this node, which was reported: whoever handed it over may do so again.
   */
  async statement(wire: Uint8Array): Promise<boolean> {
    try {
      return await this.#parts.context.mailbox.run(() => this.#read(wire));
    } catch (error) {
      this.#parts.report(error);
      throw error;
    }
  }

  link(peer: NodeId, up: boolean): void {
    const { clock, mailbox, notify } = this.#parts.context;
    notify({ kind: "link", node: peer, up });
    // Away again before it was told: what it lacks, it lacks since the first time.
    if (!up && !this.#goneSince.has(peer)) this.#goneSince.set(peer, this.#lastSeen.get(peer) ?? clock.nowMs());
    // Until a link goes down something came over it, if only to keep it alive.
    this.#lastSeen.set(peer, clock.nowMs());
    if (!up) return;
    this.delivery.linkUp(peer);
    // However often it comes and goes while this node is busy, it is told once.
    if (this.#returning.has(peer)) return;
    this.#returning.add(peer);
    mailbox.post(async () => {
      this.#returning.delete(peer);
      await this.#republish(peer);
      await this.#parts.retryWaiting();
    });
  }

  /** Whether custody had any use for it. */
  async #read(wire: Uint8Array): Promise<boolean> {
    const { custody, clock, act } = this.#parts.context;
    const events = await custody.receive(clock.nowMs(), wire);
    await act(events);
    return events.every(({ kind }) => kind !== "dropped");
  }

  /** A peer whose link is up took nothing for so long that this was given up: its history was away, or its disk full. */
  #retell(peer: NodeId, topic: string): void {
    const request = requestOfTopic(topic) as RequestId | null;
    if (request !== null) this.#parts.context.mailbox.post(() => this.#parts.retell(request, peer));
  }

  /** Give a peer that came back what it may have missed. */
  async #republish(peer: NodeId): Promise<void> {
    const sinceMs = this.#goneSince.get(peer) ?? null;
    this.#goneSince.delete(peer);
    for (const { id } of await recentRequests(this.#parts.context, sinceMs)) await this.#parts.retell(id, peer);
  }
}
