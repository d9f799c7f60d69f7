import type { Rng } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { Allowance, MAX_FRAME_BYTES, type Clock, type Transport, type TransportHandler } from "@conclave/node";
import type { Address } from "@conclave/relay";
import { connectRelay, type OwnAddress, type RelayClient, type RelayMode, type RelayNotice } from "./client.ts";
import { systemClock } from "./clock.ts";
import { PairKeys } from "./link/keys.ts";
import { DEFAULT_LINK_TIMINGS, Link, type LinkTimings } from "./link/link.ts";
import type { Platform } from "./platform.ts";

/** What the roster says of a peer. */
export interface RelayPeer {
  /** Ed25519 public key under which it publishes: 32 bytes. */
  readonly signKey: Uint8Array;
  /** Static X25519 public key: 32 bytes. */
  readonly sealKey: Uint8Array;
}

export interface RelayTransportOptions {
  readonly self: NodeId;
  readonly peers: ReadonlyMap<NodeId, RelayPeer>;
  /** Seed of our own Ed25519 key: 32 bytes. */
  readonly signSeed: Uint8Array;
  /** Our own static X25519 secret: 32 bytes. */
  readonly sealSecret: Uint8Array;
  /** 32 bytes. */
  readonly rosterHash: Uint8Array;
  readonly urls: readonly string[];
  readonly mode: RelayMode;
  readonly engine: Engine;
  readonly randomBytes: Rng;
  readonly clock?: Clock;
  readonly platform?: Platform;
  readonly timings?: LinkTimings;
  readonly observe?: (notice: RelayTransportNotice) => void;
}

/** For logs and counters. */
export type RelayTransportNotice =
  | RelayNotice
  /** A relay handed over something in a peer's mailbox that is not the peer's, or not of now. */
  | { readonly kind: "rejected"; readonly peer: NodeId; readonly why: string };

/** Messages of links. Others who use the same keys on the same relays stay out of each other's way by their tags. */
const LINK_TAG = 0x6c696e6bn;
/** How long `close` waits for its goodbyes to leave. */
const GOODBYE_PATIENCE_MS = 500;
const GOODBYE_LOOK_MS = 5;

/**
 * Nodes that meet at relays: per ordered pair one mailbox, whose id only the two can compute. Every frame goes to all relays,
 * numbered and receipted end to end, so that losing one loses nothing. Throws `RangeError` for a key that is none.
 */
export function openRelayTransport(options: RelayTransportOptions): Transport {
  return new RelayTransport(options);
}

class RelayTransport implements Transport {
  readonly #options: RelayTransportOptions;
  readonly #clock: Clock;
  readonly #pairs: ReadonlyMap<NodeId, PairKeys>;
  readonly #links = new Map<NodeId, Link>();
  #client: RelayClient | null = null;
  #state: "new" | "running" | "closed" = "new";
  #closing: Promise<void> | null = null;

  constructor(options: RelayTransportOptions) {
    const { self, engine, sealSecret, rosterHash, peers } = options;
    if (peers.has(self)) throw new RangeError("a node is no peer of its own");
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pairs = new Map(
      [...peers].map(([peer, { sealKey }]) => [
        peer,
        new PairKeys({ engine, self, peer, sealSecret, peerSealKey: sealKey, rosterHash }),
      ]),
    );
  }

  send(to: NodeId, frame: Uint8Array): void {
    if (!this.#pairs.has(to)) throw new RangeError(`${to} is no peer of this node`);
    if (frame.length > MAX_FRAME_BYTES) throw new RangeError(`a frame holds at most ${MAX_FRAME_BYTES} bytes`);
    this.#links.get(to)?.send(frame);
  }

  isUp(peer: NodeId): boolean {
    return this.#links.get(peer)?.isUp ?? false;
  }

  async start(handler: TransportHandler): Promise<void> {
    if (this.#state !== "new") throw new Error("a transport is started once, and not after its end");
    this.#state = "running";
    const { urls, mode, engine, signSeed, randomBytes, platform, observe } = this.#options;
    const client = connectRelay({
      urls,
      mode,
      engine,
      signer: engine.ed25519Signer(signSeed),
      rng: randomBytes,
      clock: this.#clock,
      ...(platform === undefined ? {} : { platform }),
      ...(observe === undefined ? {} : { observe }),
    });
    this.#client = client;
    for (const peer of this.#pairs.keys()) this.#links.set(peer, this.#open(client, peer, handler));
    client.onUp(() => {
      for (const link of this.#links.values()) link.relayReturned();
    });
    for (const link of this.#links.values()) link.start();
  }

  async close(): Promise<void> {
    this.#closing ??= this.#end();
    await this.#closing;
  }

  async #end(): Promise<void> {
    this.#state = "closed";
    for (const link of this.#links.values()) link.close({ parting: true });
    const deadlineMs = this.#clock.nowMs() + GOODBYE_PATIENCE_MS;
    while ((this.#client?.unsentBytes ?? 0) > 0 && this.#clock.nowMs() < deadlineMs) {
      await new Promise<void>((resolve) => {
        this.#clock.schedule(GOODBYE_LOOK_MS, resolve);
      });
    }
    this.#client?.close();
  }

  #open(client: RelayClient, peer: NodeId, handler: TransportHandler): Link {
    const { engine, randomBytes, timings = DEFAULT_LINK_TIMINGS, observe } = this.#options;
    const { signKey } = this.#options.peers.get(peer)!;
    const pair = this.#pairs.get(peer)!;
    const outgoing: OwnAddress = { tag: LINK_TAG, receiver: signKey, instance: pair.mailbox.send };
    const incoming: Address = {
      tag: LINK_TAG,
      sender: signKey,
      receiver: client.publicKey,
      instance: pair.mailbox.receive,
    };
    const allowance = new Allowance(this.#clock);
    const link = new Link({
      pair,
      engine,
      clock: this.#clock,
      rng: randomBytes,
      timings,
      post: (packet, terms) => client.post(client.letter(outgoing, packet, terms), terms),
      events: {
        link: (up) => handler.link(peer, up),
        frame: (frame) => {
          allowance.spend(frame.length);
          if (handler.frame(peer, frame) === false) allowance.spendOnMalformed();
        },
        dropped: (why) => observe?.({ kind: "rejected", peer, why }),
      },
    });
    // A peer that sends more than it may is not heard for a while: without receipts it waits, and sends that again.
    const heard = ({ payload }: { readonly payload: Uint8Array }): void => {
      if (allowance.waitMs() === 0) link.received(payload);
    };
    client.subscribe(incoming, heard, { sealed: true });
    return link;
  }
}
