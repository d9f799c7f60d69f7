/**
 * The shares of one party. A share is on disk before the party certifies it, and is used once every party has. Whoever joins
 * another run of the same invite has read, signed by somebody, that the earlier run's share is not everybody's; what comes out
 * of the later run supersedes it. So no two parties ever use different keys of one invite, whoever dies when.
 */
import { assert, bytes, codec, equalBytes, list, record, toHex, uint, utf8, utf8Decode } from "@conclave/bytes";
import type { Engine, Group } from "@conclave/crypto";
import type { EdgeEnd, MadeKey, SigningScheme } from "@conclave/custody";
import { curveOf, keyId, keyShareCodec, validateShare, type KeyShare, type Scheme, type Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { MAX_GROUP } from "./card.ts";
import { readInvite, type Invite } from "./invite.ts";
import type { PartyStore } from "./store.ts";

/** Unfinished runs of one invite: each takes a crash in the last second of a run to come about. */
export const MAX_UNFINISHED = 32;

const MAX_SHARE_BYTES = 8_192;
const MAX_INVITE_BYTES = 8_192;
const MAX_CERTIFICATE_BYTES = 1_024;

const storedShareCodec = codec(
  record({
    version: uint({ min: 1, max: 1 }),
    /** Of runs of one invite, the latest. */
    run: uint({ max: MAX_UNFINISHED }),
    invite: bytes({ max: MAX_INVITE_BYTES }),
    share: bytes({ max: MAX_SHARE_BYTES }),
  }),
);

const certifiedCodec = codec(
  record({ certificates: list(bytes({ max: MAX_CERTIFICATE_BYTES }), { min: 2, max: MAX_GROUP }) }),
);

/** A share that this party holds. */
export interface HeldKey {
  /** Hash of the ceremony; names the share in the store and in every message about it. */
  readonly certificate: Uint8Array;
  readonly id: Uint8Array;
  readonly invite: Invite;
  readonly share: Valid<KeyShare>;
  readonly scheme: SigningScheme;
  readonly run: number;
  /** Every party's signed certificate once the key is in use; null before. */
  readonly certificates: readonly Uint8Array[] | null;
}

/** An edge that must not be used any more, and why. */
export interface DeadEdge {
  readonly peer: PartyIndex;
  readonly reason: string;
}

/** An edge in memory. */
interface OpenedEdge {
  readonly setup: Uint8Array;
  readonly edge: unknown;
  readonly wipe: () => void;
}

const NAME_DIGITS = 32;
const SHARES = "share/";
const EDGES = "edge/";
const nameOf = (hash: Uint8Array): string => toHex(hash).slice(0, NAME_DIGITS);
const shareName = (invite: Uint8Array, certificate: Uint8Array): string =>
  `${SHARES}${nameOf(invite)}/${nameOf(certificate)}`;
const certifiedName = (certificate: Uint8Array): string => `certified/${nameOf(certificate)}`;
const edgeName = (certificate: Uint8Array, peer: PartyIndex): string => `${EDGES}${nameOf(certificate)}/${peer}`;
const deadFolder = (certificate: Uint8Array): string => `dead/${nameOf(certificate)}/`;

export interface KeysParts {
  readonly engine: Engine;
  readonly store: PartyStore;
  readonly schemes: readonly SigningScheme[];
}

export class PartyKeys {
  readonly #parts: KeysParts;
  readonly #held = new Map<string, HeldKey>();
  /** By their names in the store. */
  readonly #edges = new Map<string, OpenedEdge>();

  /** Reads every share, and erases what a process left that died on the way. Throws what the store throws, or `CodecError`. */
  constructor(parts: KeysParts) {
    this.#parts = parts;
    for (const name of parts.store.list(SHARES)) this.#load(name);
    for (const name of parts.store.list(EDGES)) this.#sweepEdge(name);
    for (const { invite, certificates } of this.#held.values())
      if (certificates !== null) this.#eraseUnused(invite.hash);
  }

  #load(name: string): void {
    const { engine, store } = this.#parts;
    const stored = store.get(name);
    const { invite: encoded, share: encodedShare, run } = storedShareCodec.decode(stored);
    const invite = readInvite(engine, encoded.slice());
    const group = this.#group(invite.scheme);
    const share = validateShare(group, keyShareCodec(group).decode(encodedShare));
    stored.fill(0);
    const { certificate } = share.record;
    const certified = certifiedName(certificate);
    const active = store.list("certified/").includes(certified);
    const certificates = active ? certifiedCodec.decode(store.get(certified)).certificates : null;
    this.#hold({ invite, share, run, certificates });
  }

  #hold(parts: Pick<HeldKey, "invite" | "share" | "run" | "certificates">): HeldKey {
    const { share, invite } = parts;
    const { certificate } = share.record;
    const id = keyId(this.#group(invite.scheme), share.record);
    const held = { ...parts, certificate, id, scheme: this.schemeOf(invite.scheme) };
    this.#held.set(toHex(certificate), held);
    return held;
  }

  /** Throws `RangeError` for a scheme that this party does not run. */
  schemeOf(name: Scheme): SigningScheme {
    const scheme = this.#parts.schemes.find((candidate) => candidate.scheme === name);
    if (scheme === undefined) throw new RangeError(`scheme ${name} is not available here`);
    return scheme;
  }

  #group(scheme: Scheme): Group {
    return curveOf(scheme) === "ed25519" ? this.#parts.engine.ed25519 : this.#parts.engine.secp256k1;
  }

  groupOf(held: HeldKey): Group {
    return this.#group(held.invite.scheme);
  }

  /** All shares, in use or not. */
  all(): readonly HeldKey[] {
    return [...this.#held.values()];
  }

  /** The key of an invite that is in use. */
  active(invite: Uint8Array): HeldKey | undefined {
    return this.all().find((held) => held.certificates !== null && equalBytes(held.invite.hash, invite));
  }

  /** The share of an invite that waits for certificates: of several, the one that superseded the others. */
  pending(invite: Uint8Array): HeldKey | undefined {
    if (this.active(invite) !== undefined) return undefined;
    const runs = this.all().filter((held) => equalBytes(held.invite.hash, invite));
    return runs.toSorted((a, b) => b.run - a.run)[0];
  }

  /** The key in use that has this name. */
  named(name: string): HeldKey | undefined {
    return this.all().find(({ invite, certificates }) => certificates !== null && invite.name === name);
  }

  /** Whether another run of the invite could still be kept. */
  hasRoom(invite: Uint8Array): boolean {
    return (this.pending(invite)?.run ?? -1) < MAX_UNFINISHED;
  }

  /** Edges, then the share: durable when it returns. Whatever this party held of the invite is superseded from then on. */
  add(invite: Invite, { share, edges }: MadeKey): HeldKey {
    const { store } = this.#parts;
    const group = this.#group(invite.scheme);
    const valid = validateShare(group, share);
    const { certificate } = valid.record;
    const run = (this.pending(invite.hash)?.run ?? -1) + 1;
    assert(this.active(invite.hash) === undefined && run <= MAX_UNFINISHED, "a run is begun only where there is room");
    for (const [peer, edge] of edges) {
      store.put(edgeName(certificate, peer), edge);
      edge.fill(0);
    }
    const encoded = keyShareCodec(group).encode(valid);
    const stored = storedShareCodec.encode({ version: 1, run, invite: invite.encoded, share: encoded });
    store.put(shareName(invite.hash, certificate), stored);
    encoded.fill(0);
    stored.fill(0);
    return this.#hold({ invite, share: valid, run, certificates: null });
  }

  /** Every party certified this share: it is in use from now on, and what it superseded is erased. Durable when it returns. */
  activate({ certificate, invite, share, run }: HeldKey, certificates: readonly Uint8Array[]): HeldKey {
    assert(certificates.length === share.record.parties.length, "a certificate of every party");
    this.#parts.store.put(certifiedName(certificate), certifiedCodec.encode({ certificates }));
    const active = this.#hold({ invite, share, run, certificates });
    this.#eraseUnused(invite.hash);
    return active;
  }

  #eraseUnused(invite: Uint8Array): void {
    const unused = this.all().filter((held) => held.certificates === null && equalBytes(held.invite.hash, invite));
    for (const { certificate, share } of unused) {
      this.#parts.store.erase(shareName(invite, certificate));
      for (const { index } of share.record.parties) this.#parts.store.erase(edgeName(certificate, index));
      this.#held.delete(toHex(certificate));
    }
  }

  #sweepEdge(name: string): void {
    const [, certificate, peer] = name.split("/");
    const held = this.all().find((candidate) => nameOf(candidate.certificate) === certificate);
    const isDead = held !== undefined && this.dead(held).some((edge) => String(edge.peer) === peer);
    if (held === undefined || isDead) this.#parts.store.erase(name);
  }

  /** Own ends of the live edges of a key, ascending by peer; null for a scheme that needs none. */
  ends(held: HeldKey): readonly EdgeEnd[] | null {
    if (held.scheme.edges === null) return null;
    return held.share.record.parties.flatMap(({ index: peer }) => {
      const opened = this.#edge(held, peer);
      return opened === null ? [] : [{ peer, setup: opened.setup }];
    });
  }

  /** The edges to these parties, opened; null if one of them is not there any more. */
  edgesTo(held: HeldKey, peers: readonly PartyIndex[]): ReadonlyMap<PartyIndex, unknown> | null {
    const edges = new Map<PartyIndex, unknown>();
    if (held.scheme.edges === null) return edges;
    for (const peer of peers) {
      const opened = this.#edge(held, peer);
      if (opened === null) return null;
      edges.set(peer, opened.edge);
    }
    return edges;
  }

  #edge({ certificate, scheme, share }: HeldKey, peer: PartyIndex): OpenedEdge | null {
    const name = edgeName(certificate, peer);
    const known = this.#edges.get(name);
    if (known !== undefined) return known;
    const { store } = this.#parts;
    const isDead = store.list(deadFolder(certificate)).includes(`${deadFolder(certificate)}${peer}`);
    if (peer === share.self || isDead || !store.list(EDGES).includes(name)) return null;
    const encoded = store.get(name);
    const { setup, edge } = scheme.edges!.open(encoded);
    encoded.fill(0);
    const opened = { setup, edge, wipe: () => scheme.edges!.wipe(edge) };
    this.#edges.set(name, opened);
    return opened;
  }

  /** Edges of a key that died. */
  dead({ certificate }: HeldKey): readonly DeadEdge[] {
    const folder = deadFolder(certificate);
    const { store } = this.#parts;
    const edges = store.list(folder).map((name) => ({
      peer: Number(name.slice(folder.length)) as PartyIndex,
      reason: utf8Decode(store.get(name)),
    }));
    return edges.toSorted((a, b) => a.peer - b.peer);
  }

  /**
   * A check on the edge failed, here or at its other end: what the pair shares may be known in part, so it is never used
   * again. Durable when it returns. False if it was dead already.
   */
  killEdge(held: HeldKey, peer: PartyIndex, reason: string): boolean {
    if (held.scheme.edges === null || this.dead(held).some((edge) => edge.peer === peer)) return false;
    const { store } = this.#parts;
    store.put(`${deadFolder(held.certificate)}${peer}`, utf8(reason));
    const name = edgeName(held.certificate, peer);
    this.#edges.get(name)?.wipe();
    this.#edges.delete(name);
    store.erase(name);
    return true;
  }

  /** Overwrite what is in memory. */
  close(): void {
    for (const edge of this.#edges.values()) edge.wipe();
    this.#edges.clear();
  }
}
