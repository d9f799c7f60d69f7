/**
 * Presignatures of this node (safety rules L4 and §7): signatures that lack only their digest. They live in memory and die with
 * the process, so no backup can ever bring one back; that one was used is on disk before anything made with it leaves.
 */
import { compareBytes, equalBytes, toHex } from "@conclave/bytes";
import type { TweakContext } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import { MAX_OFFERS, offerOrder, type Offer } from "./attempts.ts";
import { decideSpend } from "./locks/index.ts";
import type { SafetyLog } from "./safety-log.ts";

/** Per key and path: more would only wait to be forgotten. */
export const MAX_PRESIGNATURES = 64;
/** Of all keys and paths. */
const MAX_ALL_PRESIGNATURES = 1_024;
/** So often offered and not used, somebody else has lost its part. */
const MAX_OFFERED = 16;

/** One presignature, as its scheme made it. */
export interface HeldPresignature {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
  /** The key after this tweak is the only one that it signs for. */
  readonly path: TweakContext["path"];
  /** All who hold a part of it, ascending. */
  readonly signers: readonly PartyIndex[];
  readonly value: unknown;
  readonly wipe: () => void;
}

export interface PoolHearers {
  /** Told of each that ends without anything having taken it, while the process lives. */
  readonly burnt: (presignature: HeldPresignature) => void;
  /** Told of each that the journal says was used before: it should not have been here. */
  readonly reused: (presignature: HeldPresignature, reason: string) => void;
}

export class PresignaturePool {
  readonly #log: SafetyLog;
  readonly #hearers: PoolHearers;
  /** By id, hexadecimal. */
  readonly #held = new Map<string, HeldPresignature>();
  readonly #offered = new Map<string, number>();

  constructor(log: SafetyLog, hearers: PoolHearers) {
    this.#log = log;
    this.#hearers = hearers;
  }

  /** False if there is no room: then it is wiped. */
  add(presignature: HeldPresignature): boolean {
    const { key, path, id } = presignature;
    const isKnown = this.#held.has(toHex(id));
    if (!isKnown && this.hasRoom(key, path, 1)) {
      this.#held.set(toHex(id), presignature);
      return true;
    }
    presignature.wipe();
    // Of one that waits already, what waits goes on to wait.
    if (!isKnown) this.#hearers.burnt(presignature);
    return false;
  }

  hasRoom(key: Uint8Array, path: TweakContext["path"], count: number): boolean {
    return this.count(key, path) + count <= MAX_PRESIGNATURES && this.#held.size + count <= MAX_ALL_PRESIGNATURES;
  }

  count(key: Uint8Array, path: TweakContext["path"]): number {
    return this.#of(key, path).length;
  }

  /** For each, all who have to be there for it to be used. */
  signersOf(key: Uint8Array, path: TweakContext["path"]): readonly (readonly PartyIndex[])[] {
    return this.#of(key, path).map(({ signers }) => signers);
  }

  /** Those that a request prefers, as an ack names them. `except`: ids (hexadecimal) that others may use at this moment. */
  offers(
    request: Uint8Array,
    key: Uint8Array,
    { path, except }: { readonly path: TweakContext["path"]; readonly except: ReadonlySet<string> },
  ): readonly Offer[] {
    const order = ({ id }: HeldPresignature): Uint8Array => offerOrder(request, id);
    const free = this.#of(key, path).filter(({ id }) => !except.has(toHex(id)));
    const sorted = free.toSorted((a, b) => compareBytes(order(a), order(b)));
    const offered = sorted.slice(0, MAX_OFFERS);
    for (const held of offered) this.#count(held);
    return offered.map(({ id, signers }) => ({ id, signers }));
  }

  #count(held: HeldPresignature): void {
    const name = toHex(held.id);
    const times = (this.#offered.get(name) ?? 0) + 1;
    this.#offered.set(name, times);
    if (times > MAX_OFFERED) this.#burn(name, held);
  }

  #burn(name: string, held: HeldPresignature): void {
    this.#held.delete(name);
    this.#offered.delete(name);
    held.wipe();
    this.#hearers.burnt(held);
  }

  /**
   * Take one out for good: used up on disk before it is handed out, whatever becomes of it. `binding`: what it will sign. Null if
   * it is gone, because another attempt was quicker or an edge died.
   */
  spend(id: Uint8Array, binding: Uint8Array): { readonly value: unknown } | null {
    const held = this.#held.get(toHex(id));
    if (held === undefined) return null;
    this.#held.delete(toHex(id));
    this.#offered.delete(toHex(id));
    const decision = decideSpend(this.#log.state, { purpose: "presignature", id, binding });
    if (!decision.ok) {
      held.wipe();
      this.#hearers.reused(held, decision.reason);
      return null;
    }
    this.#log.commit(decision.records);
    return { value: held.value };
  }

  /** Burn those that a party holds a part of: an edge to it died, or was made anew. */
  burnWith(key: Uint8Array, party: PartyIndex): void {
    for (const [name, held] of this.#held) {
      if (equalBytes(held.key, key) && held.signers.includes(party)) this.#burn(name, held);
    }
  }

  /** Wipe everything: the process ends. Nobody is told, as nobody would be if it were killed. */
  close(): void {
    for (const held of this.#held.values()) held.wipe();
    this.#held.clear();
    this.#offered.clear();
  }

  #of(key: Uint8Array, path: TweakContext["path"]): readonly HeldPresignature[] {
    return [...this.#held.values()].filter((held) => equalBytes(held.key, key) && held.path.join() === path.join());
  }
}
