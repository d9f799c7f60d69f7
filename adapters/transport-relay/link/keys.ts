/**
 * The keys between two nodes that know each other's static X25519 keys. A relay sees neither whose mailboxes these are, nor
 * what is in them, nor can it make anything that opens.
 */
import { concatBytes, fromHex, utf8 } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

export const KEY_BYTES = 32;

/** One end of one pair, as it is configured. */
export interface PairConfig {
  readonly engine: Engine;
  readonly self: NodeId;
  readonly peer: NodeId;
  /** Own static X25519 secret and the peer's static public key. */
  readonly sealSecret: Uint8Array;
  readonly peerSealKey: Uint8Array;
  /** 32 bytes: nodes with different rosters do not find each other's mailboxes. */
  readonly rosterHash: Uint8Array;
}

/** What one end of a link is while it lasts: an X25519 key drawn for it and for nothing else. */
export interface Life {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

/** By direction. */
export interface DirectionKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

export interface SessionKeys extends DirectionKeys {
  /** Names the session on its packets: 8 bytes. */
  readonly id: Uint8Array;
}

const SESSION_ID_BYTES = 8;

/** Everything that one end derives about one pair. */
export class PairKeys {
  readonly #engine: Engine;
  readonly #self: NodeId;
  readonly #peer: NodeId;
  readonly #rosterHash: Uint8Array;
  readonly #secret: Uint8Array;
  /** Seals greetings: the only keys that last. */
  readonly greeting: DirectionKeys;
  /** What the ids of the two mailboxes are made of beside the public keys. */
  readonly mailbox: DirectionKeys;

  /** Throws `RangeError` if the peer's key is none. */
  constructor({ engine, self, peer, sealSecret, peerSealKey, rosterHash }: PairConfig) {
    this.#engine = engine;
    this.#self = self;
    this.#peer = peer;
    this.#rosterHash = rosterHash;
    this.#secret = engine.x25519Shared(sealSecret, peerSealKey);
    this.greeting = this.#both("greeting");
    this.mailbox = this.#both("mailbox");
  }

  /**
   * Keys of the link between two lives. The static secret proves who the two are; the secret of the lives is gone with them,
   * so that traffic that a relay kept stays closed after a later theft. Throws `RangeError` if the peer's life is no key.
   */
  session(own: Life, peerLife: Uint8Array): SessionKeys {
    const shared = this.#engine.x25519Shared(own.secret, peerLife);
    const secret = concatBytes(this.#secret, shared);
    const derive = (what: string, from: "self" | "peer", length: number): Uint8Array => {
      const ends = from === "self" ? [own.public, peerLife] : [peerLife, own.public];
      return this.#derive(secret, `session/${what}`, from, concatBytes(...ends), length);
    };
    const lower = this.#self < this.#peer ? "self" : "peer";
    const keys = {
      send: derive("key", "self", KEY_BYTES),
      receive: derive("key", "peer", KEY_BYTES),
      id: derive("id", lower, SESSION_ID_BYTES),
    };
    shared.fill(0);
    secret.fill(0);
    return keys;
  }

  #both(what: string): DirectionKeys {
    const derive = (from: "self" | "peer"): Uint8Array =>
      this.#derive(this.#secret, what, from, new Uint8Array(), KEY_BYTES);
    return { send: derive("self"), receive: derive("peer") };
  }

  /** HKDF-SHA256 (RFC 5869), salt: the roster; info: what for, and who speaks to whom. */
  #derive(secret: Uint8Array, what: string, from: "self" | "peer", lives: Uint8Array, length: number): Uint8Array {
    const ends = from === "self" ? [this.#self, this.#peer] : [this.#peer, this.#self];
    // Of fixed width behind the label, whose length differs from every other's.
    const info = concatBytes(utf8(`conclave/relay-link/v1/${what}/`), ...ends.map(fromHex), lives);
    return hkdf(sha256, secret, this.#rosterHash, info, length);
  }
}
