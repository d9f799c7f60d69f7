/** The messages that a relay keeps, in order of arrival at each place, within everybody's limits. */
import { compareBytes } from "@conclave/bytes";
import type { MailroomLimits } from "./limits.ts";
import type { Place } from "./place.ts";
import { Tally } from "./tally.ts";
import { Timetable } from "./timetable.ts";

export interface Kept {
  readonly place: Place;
  readonly bytes: Uint8Array;
  /** In hexadecimal. No two messages have the same. */
  readonly signature: string;
  /** The sender's key, in hexadecimal. */
  readonly sender: string;
  /** The address that it came from; empty if nobody knows any more. */
  readonly source: string;
  readonly oneReceiver: boolean;
  readonly untilSecond: number;
}

/** Why there is no room for a message. */
export type NoRoom = "sender-quota" | "source-quota" | "mailbox-full" | "full";

export class Store {
  readonly #limits: MailroomLimits;
  readonly #places = new Map<Place, Map<string, Kept>>();
  readonly #senders = new Tally();
  readonly #sources = new Tally();
  readonly #mailboxes = new Tally();
  readonly #endings = new Timetable<Kept>();

  constructor(limits: MailroomLimits) {
    this.#limits = limits;
  }

  get size(): { readonly messages: number; readonly bytes: number; readonly senders: number } {
    const { count, bytes } = this.#senders.total;
    return { messages: count, bytes, senders: this.#senders.holders };
  }

  at(place: Place): readonly Kept[] {
    return [...(this.#places.get(place)?.values() ?? [])];
  }

  *all(): Generator<Kept> {
    for (const kept of this.#places.values()) yield* kept.values();
  }

  /** True if exactly these bytes are kept there. */
  holds(place: Place, signature: string, bytes: Uint8Array): boolean {
    const kept = this.#places.get(place)?.get(signature);
    return kept !== undefined && compareBytes(kept.bytes, bytes) === 0;
  }

  noRoomFor({ place, bytes: { length }, sender, source }: Kept, mailbox: boolean): NoRoom | null {
    const { senderBytes, senderMessages, mailboxBytes, bytes, messages, sourceShare } = this.#limits;
    const [own, here, all] = [this.#senders.of(sender), this.#sources.of(source), this.#senders.total];
    if (own.count >= senderMessages || own.bytes + length > senderBytes) return "sender-quota";
    if (mailbox && this.#mailboxes.of(place).bytes + length > mailboxBytes) return "mailbox-full";
    if (all.count >= messages || all.bytes + length > bytes) return "full";
    const full = here.count >= messages * sourceShare || here.bytes + length > bytes * sourceShare;
    return full ? "source-quota" : null;
  }

  keep(kept: Kept): void {
    const here = this.#places.get(kept.place);
    if (here === undefined) this.#places.set(kept.place, new Map([[kept.signature, kept]]));
    else here.set(kept.signature, kept);
    for (const [tally, holder] of this.#tallies(kept)) tally.add(holder, kept.bytes.length);
    this.#endings.add(kept);
  }

  forget(kept: Kept): void {
    this.#endings.remove(kept);
    this.#release(kept);
  }

  expire(nowSecond: number): void {
    for (const kept of this.#endings.due(nowSecond)) this.#release(kept);
  }

  #release(kept: Kept): void {
    const here = this.#places.get(kept.place);
    here?.delete(kept.signature);
    if (here?.size === 0) this.#places.delete(kept.place);
    for (const [tally, holder] of this.#tallies(kept)) tally.remove(holder, kept.bytes.length);
  }

  #tallies({ sender, source, place }: Kept): readonly (readonly [Tally, string])[] {
    return [
      [this.#senders, sender],
      [this.#sources, source],
      [this.#mailboxes, place],
    ];
  }
}
