/**
 * A transport out of connections: one link per peer, greeted before it counts as up, kept alive, found dead, dialled again.
 * Streams of any technology become the `Transport` port here, once for all of them.
 */
import { CodecError, compareBytes } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { MAX_FRAME_BYTES, type Clock, type Timer, type Transport, type TransportHandler } from "../ports.ts";
import { Allowance } from "./allowance.ts";
import type { Connection, Dialer } from "./connection.ts";
import { ACK, BYE, FRAME, HELLO, PING, PONG } from "./framing.ts";
import { ackCodec, helloCodec, LINK_VERSION, type Hello } from "./greeting.ts";
import { Link } from "./link.ts";

/** Longest time from a connection to an accepted greeting. */
const GREETING_MS = 5_000;
/** Longest time that a dial may take. */
const DIAL_MS = 10_000;
/** First wait before dialling again; doubles up to the longest. Nothing that heals within 10 s is waited for longer. */
const REDIAL_FIRST_MS = 100;
const REDIAL_LONGEST_MS = 2_000;
/** A link that held for so long was a good one: the waits begin anew. Shorter ones flap, and are dialled ever less often. */
const STEADY_MS = 5_000;
/** A second life of a peer waits so long for a sign of the first, before it takes its place. */
const CLONE_PROBE_MS = 1_000;
/** Connections of one peer whose greeting is not done. One is usual, two after a quick restart. */
const MAX_GREETING = 4;
/** A peer that says nothing for so long is down, unless the adapter knows better. */
const DEFAULT_SILENCE_MS = 5_000;
/** Silence is looked at so many times in the longest that is allowed; a ping goes out each time if nothing else did. */
const LOOKS = 8;

/** For the log and for tests; `peer` is an authenticated identity. */
export type LinkEvent =
  | { readonly kind: "up"; readonly peer: NodeId }
  | { readonly kind: "down"; readonly peer: NodeId; readonly reason: string }
  | { readonly kind: "undialled"; readonly peer: NodeId; readonly reason: string }
  /** A greeting that was not accepted, or never came. */
  | { readonly kind: "refused"; readonly peer: NodeId; readonly reason: string }
  /** Two processes claim to be this peer at the same time: somebody copied its folder. The newer one is refused. */
  | { readonly kind: "duplicate"; readonly peer: NodeId };

export interface LinkMeshOptions {
  readonly self: NodeId;
  /** Everybody else. */
  readonly peers: readonly NodeId[];
  /** Hash of the roster, 32 bytes: who greets with another is refused. */
  readonly rosterHash: Uint8Array;
  /** 16 random bytes, drawn anew by every process. */
  readonly life: Uint8Array;
  readonly clock: Clock;
  readonly dialer: Dialer;
  readonly silenceMs?: number;
  readonly observe?: (event: LinkEvent) => void;
}

interface Peer {
  readonly id: NodeId;
  /** One of the two dials, so that there is one link and no race: the one whose id is smaller. */
  readonly isDialled: boolean;
  up: LiveLink | null;
  readonly greeting: Set<LiveLink>;
  /** What it may make this node read, over all connections that it makes. */
  readonly allowance: Allowance;
  redialMs: number;
  redial: Timer;
}

interface LiveLink {
  readonly link: Link;
  life: Uint8Array | null;
  /** We accepted its greeting. */
  isWelcome: boolean;
  /** It accepted ours. */
  isAcked: boolean;
  upSinceMs: number;
  heardMs: number;
  saidMs: number;
  timer: Timer;
}

const NO_TIMER: Timer = { cancel: () => {} };

export class LinkMesh implements Transport {
  readonly #options: LinkMeshOptions;
  readonly #silenceMs: number;
  readonly #peers: ReadonlyMap<NodeId, Peer>;
  #handler: TransportHandler | null = null;
  #isClosed = false;
  #look: Timer = NO_TIMER;

  constructor(options: LinkMeshOptions) {
    this.#options = options;
    this.#silenceMs = options.silenceMs ?? DEFAULT_SILENCE_MS;
    this.#peers = new Map(
      options.peers.map((id): [NodeId, Peer] => {
        const isDialled = options.self < id;
        const allowance = new Allowance(options.clock);
        const waits = { redialMs: REDIAL_FIRST_MS, redial: NO_TIMER };
        return [id, { id, isDialled, allowance, up: null, greeting: new Set(), ...waits }];
      }),
    );
  }

  send(to: NodeId, frame: Uint8Array): void {
    const peer = this.#peers.get(to);
    if (peer === undefined) throw new RangeError("no such peer on this network");
    if (frame.length > MAX_FRAME_BYTES) throw new RangeError(`a frame holds at most ${MAX_FRAME_BYTES} bytes`);
    if (peer.up !== null) this.#say(peer.up, FRAME, frame);
  }

  isUp(peer: NodeId): boolean {
    return this.#peers.get(peer)?.up != null;
  }

  async start(handler: TransportHandler): Promise<void> {
    if (this.#handler !== null || this.#isClosed) throw new Error("a transport is started once, and not after its end");
    this.#handler = handler;
    for (const peer of this.#peers.values()) if (peer.isDialled) this.#dial(peer);
    this.#lookLater();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#handler = null;
    this.#look.cancel();
    for (const peer of this.#peers.values()) {
      peer.redial.cancel();
      const links = [...peer.greeting, ...(peer.up === null ? [] : [peer.up])];
      peer.up = null;
      peer.greeting.clear();
      for (const live of links) {
        live.timer.cancel();
        live.link.send(BYE, new Uint8Array());
        live.link.end();
      }
    }
  }

  /** A connection that a peer opened, and that is proven to be this peer's. */
  accept(from: NodeId, connection: Connection): void {
    const peer = this.#peers.get(from);
    if (peer === undefined || this.#handler === null) return connection.destroy();
    this.#greet(peer, connection);
  }

  #dial(peer: Peer): void {
    if (peer.up !== null || this.#isClosed) return;
    const { clock, dialer } = this.#options;
    let isLate = false;
    const failed = (reason: string): void => {
      deadline.cancel();
      if (isLate || this.#isClosed) return;
      isLate = true;
      this.#observe({ kind: "undialled", peer: peer.id, reason });
      this.#redialLater(peer);
    };
    const deadline = clock.schedule(DIAL_MS, () => failed(`no answer within ${DIAL_MS} ms`));
    dialer.dial(peer.id).then(
      (connection) => {
        deadline.cancel();
        if (isLate || this.#isClosed) connection.destroy();
        else this.#greet(peer, connection);
      },
      (error: unknown) => failed(error instanceof Error ? error.message : String(error)),
    );
  }

  #redialLater(peer: Peer): void {
    if (!peer.isDialled || this.#isClosed) return;
    peer.redial.cancel();
    // Nodes that lost the same peer at the same moment do not come back at the same moment.
    const spread = 1 + (this.#options.life[peer.id.charCodeAt(0) % this.#options.life.length]! / 255) * 0.5;
    peer.redial = this.#options.clock.schedule(peer.redialMs * spread, () => this.#dial(peer));
    peer.redialMs = Math.min(peer.redialMs * 2, REDIAL_LONGEST_MS);
  }

  #greet(peer: Peer, connection: Connection): void {
    const { self, rosterHash, life, clock } = this.#options;
    if (peer.greeting.size >= MAX_GREETING) {
      const [oldest] = peer.greeting;
      this.#refuse(peer, oldest!, "newer connections took its place before it greeted");
    }
    const nowMs = clock.nowMs();
    const live: LiveLink = {
      link: new Link(connection, { clock, allowance: peer.allowance }),
      life: null,
      isWelcome: false,
      isAcked: false,
      upSinceMs: nowMs,
      heardMs: nowMs,
      saidMs: nowMs,
      timer: clock.schedule(GREETING_MS, () => this.#refuse(peer, live, `no greeting within ${GREETING_MS} ms`)),
    };
    peer.greeting.add(live);
    live.link.open({
      message: (kind, payload) => this.#message(peer, live, kind, payload),
      closed: (reason) => this.#ended(peer, live, reason),
    });
    const hello: Hello = { version: LINK_VERSION, roster: rosterHash, from: self, to: peer.id, life };
    this.#say(live, HELLO, helloCodec.encode(hello));
  }

  #message(peer: Peer, live: LiveLink, kind: number, payload: Uint8Array): void {
    live.heardMs = this.#options.clock.nowMs();
    if (kind === BYE) return live.link.destroy("it said goodbye");
    if (live !== peer.up) return this.#greeting(peer, live, kind, payload);
    if (kind === FRAME) this.#frame(peer, payload);
    else if (kind === PING) this.#say(live, PONG, new Uint8Array());
    else if (kind !== PONG) live.link.destroy("it greeted a second time on one connection");
  }

  #frame(peer: Peer, frame: Uint8Array): void {
    if (this.#handler?.frame(peer.id, frame) === false) peer.allowance.spendOnMalformed();
  }

  #greeting(peer: Peer, live: LiveLink, kind: number, payload: Uint8Array): void {
    if (kind === HELLO && live.life === null) return this.#hello(peer, live, payload);
    if (kind !== ACK || live.isAcked) return this.#refuse(peer, live, "it did not greet as meshes do");
    const ack = decoded(() => ackCodec.decode(payload));
    if (ack === null || compareBytes(ack.life, this.#options.life) !== 0)
      return this.#refuse(peer, live, "it acknowledged somebody else's greeting");
    live.isAcked = true;
    this.#upIfDone(peer, live);
  }

  #hello(peer: Peer, live: LiveLink, payload: Uint8Array): void {
    const { self, rosterHash } = this.#options;
    const hello = decoded(() => helloCodec.decode(payload));
    if (hello === null) return this.#refuse(peer, live, "its greeting cannot be read");
    if (hello.version !== LINK_VERSION) {
      const reason = `it speaks version ${hello.version} of this protocol and this node version ${LINK_VERSION}: run the same release on both`;
      return this.#refuse(peer, live, reason);
    }
    if (hello.from !== peer.id || hello.to !== self)
      return this.#refuse(peer, live, "its greeting is for somebody else");
    if (compareBytes(hello.roster, rosterHash) !== 0)
      return this.#refuse(peer, live, "it has another roster: compare the roster files of both nodes");
    live.life = hello.life;
    const { up } = peer;
    if (up === null || compareBytes(up.life!, hello.life) === 0) return this.#welcome(peer, live);
    this.#probe(peer, up, live);
  }

  /** Another life of a peer whose link is up: a restart that nobody noticed yet, or a copy of its folder. */
  #probe(peer: Peer, up: LiveLink, live: LiveLink): void {
    const askedMs = this.#options.clock.nowMs();
    up.heardMs = Math.min(up.heardMs, askedMs - 1);
    this.#say(up, PING, new Uint8Array());
    live.timer.cancel();
    live.timer = this.#options.clock.schedule(CLONE_PROBE_MS, () => {
      if (peer.up !== up || up.heardMs < askedMs) return this.#welcome(peer, live);
      this.#observe({ kind: "duplicate", peer: peer.id });
      this.#refuse(peer, live, "another process with this node's identity is connected and answers");
    });
  }

  /** Its greeting is accepted, and it is told so. A link that was up until now goes down: the peer would not greet again over a good one. */
  #welcome(peer: Peer, live: LiveLink): void {
    if (!peer.greeting.has(live)) return;
    peer.up?.link.destroy("the peer connected anew");
    live.isWelcome = true;
    this.#say(live, ACK, ackCodec.encode({ life: live.life! }));
    this.#upIfDone(peer, live);
  }

  #upIfDone(peer: Peer, live: LiveLink): void {
    if (!live.isWelcome || !live.isAcked) return;
    live.timer.cancel();
    peer.greeting.delete(live);
    peer.redial.cancel();
    peer.up = live;
    live.upSinceMs = this.#options.clock.nowMs();
    this.#observe({ kind: "up", peer: peer.id });
    this.#handler?.link(peer.id, true);
  }

  #refuse(peer: Peer, live: LiveLink, reason: string): void {
    this.#observe({ kind: "refused", peer: peer.id, reason });
    live.timer.cancel();
    peer.greeting.delete(live);
    live.link.destroy(reason);
    this.#redialLater(peer);
  }

  #ended(peer: Peer, live: LiveLink, reason: string): void {
    live.timer.cancel();
    if (peer.greeting.delete(live)) {
      this.#observe({ kind: "refused", peer: peer.id, reason });
      return this.#redialLater(peer);
    }
    if (peer.up !== live) return;
    peer.up = null;
    if (this.#options.clock.nowMs() - live.upSinceMs >= STEADY_MS) peer.redialMs = REDIAL_FIRST_MS;
    this.#observe({ kind: "down", peer: peer.id, reason });
    this.#handler?.link(peer.id, false);
    this.#redialLater(peer);
  }

  /**
   * Now and then: a word to those who heard nothing lately, an end to those who say nothing. A look that comes late means that
   * this process stood still, not that everybody else did.
   */
  #lookLater(): void {
    const { clock } = this.#options;
    const everyMs = this.#silenceMs / LOOKS;
    const dueMs = clock.nowMs() + everyMs;
    this.#look = clock.schedule(everyMs, () => {
      const nowMs = clock.nowMs();
      for (const { up } of this.#peers.values()) {
        if (up === null) continue;
        if (nowMs - dueMs > everyMs) up.heardMs = nowMs;
        if (nowMs - up.heardMs > this.#silenceMs) up.link.destroy(`nothing was heard of it for ${this.#silenceMs} ms`);
        else if (nowMs - up.saidMs >= everyMs) this.#say(up, PING, new Uint8Array());
      }
      if (!this.#isClosed) this.#lookLater();
    });
  }

  #say(live: LiveLink, kind: number, payload: Uint8Array): void {
    live.saidMs = this.#options.clock.nowMs();
    live.link.send(kind, payload);
  }

  #observe(event: LinkEvent): void {
    this.#options.observe?.(event);
  }
}

/** What a codec reads, or null for bytes that it refuses. */
function decoded<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return null;
  }
}
