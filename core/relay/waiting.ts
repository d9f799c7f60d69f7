/** Who waits for what, until when; and which questions the peers have been asked. */
import type { MailroomLimits } from "./limits.ts";
import type { Place } from "./place.ts";
import { Tally } from "./tally.ts";
import { Timetable } from "./timetable.ts";

/** One socket, or one HTTP request. */
export interface Connection {
  readonly id: number;
  /** The address at its other end: what quotas are counted by. */
  readonly source: string;
  /** Another relay asks for its own clients. What it asks is never asked on. */
  readonly peer: boolean;
}

export interface Waiter {
  readonly connection: Connection;
  readonly place: Place;
  readonly untilSecond: number;
}

/** What the peers were asked, and until when they look out for it. */
interface Forwarded {
  readonly place: Place;
  readonly untilSecond: number;
}

/** A question for the peers. */
export interface Question {
  readonly place: Place;
  readonly ttlSeconds: number;
}

export class Waiting {
  readonly #limits: MailroomLimits;
  readonly #byPlace = new Map<Place, Map<number, Waiter>>();
  readonly #byConnection = new Map<number, Map<Place, Waiter>>();
  readonly #forwarded = new Map<Place, Forwarded>();
  readonly #sources = new Tally();
  readonly #endings = new Timetable<Waiter>();
  readonly #forwardEndings = new Timetable<Forwarded>();

  constructor(limits: MailroomLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sources.total.count;
  }

  /** In the order in which they asked. */
  at(place: Place): readonly Waiter[] {
    return [...(this.#byPlace.get(place)?.values() ?? [])];
  }

  /** False if there is no room for another question. One that is asked again replaces the earlier. */
  add(waiter: Waiter): boolean {
    const { connection, place } = waiter;
    const own = this.#byConnection.get(connection.id) ?? new Map<Place, Waiter>();
    const earlier = own.get(place);
    if (earlier !== undefined) this.#endings.remove(earlier);
    else if (this.#hasNoRoom(connection, own.size)) return false;
    else this.#sources.add(connection.source);
    this.#byConnection.set(connection.id, own.set(place, waiter));
    const here = this.#byPlace.get(place) ?? new Map<number, Waiter>();
    this.#byPlace.set(place, here.set(connection.id, waiter));
    this.#endings.add(waiter);
    return true;
  }

  remove(waiter: Waiter): void {
    this.#endings.remove(waiter);
    this.#release(waiter);
  }

  removeAt(place: Place, connection: Connection): void {
    const waiter = this.#byPlace.get(place)?.get(connection.id);
    if (waiter !== undefined) this.remove(waiter);
  }

  removeConnection({ id }: Connection): void {
    for (const waiter of this.#byConnection.get(id)?.values() ?? []) this.remove(waiter);
  }

  /** True once: the peers have yet to be asked what a client asks here. */
  forwardOnce(place: Place, untilSecond: number): boolean {
    if (this.#forwarded.has(place)) return false;
    const forwarded: Forwarded = { place, untilSecond };
    this.#forwarded.set(place, forwarded);
    this.#forwardEndings.add(forwarded);
    return true;
  }

  /** Ends what has run out. Returns what the peers have to be asked again, because a client here waits longer than they do. */
  expire(nowSecond: number): readonly Question[] {
    for (const waiter of this.#endings.due(nowSecond)) this.#release(waiter);
    return this.#forwardEndings.due(nowSecond).flatMap(({ place }) => {
      this.#forwarded.delete(place);
      const untilSecond = this.#clientsUntil(place);
      return untilSecond > nowSecond && this.forwardOnce(place, untilSecond)
        ? [{ place, ttlSeconds: untilSecond - nowSecond }]
        : [];
    });
  }

  /** Everything that clients wait for: what a peer is asked when its connection comes up. */
  *open(nowSecond: number): Generator<Question> {
    for (const place of this.#byPlace.keys()) {
      const ttlSeconds = this.#clientsUntil(place) - nowSecond;
      if (ttlSeconds > 0) yield { place, ttlSeconds };
    }
  }

  #hasNoRoom({ source }: Connection, own: number): boolean {
    const { connectionAsks, asks, sourceShare } = this.#limits;
    return own >= connectionAsks || this.size >= asks || this.#sources.of(source).count >= asks * sourceShare;
  }

  #clientsUntil(place: Place): number {
    return this.at(place).reduce(
      (latest, { connection, untilSecond }) => (connection.peer ? latest : Math.max(latest, untilSecond)),
      0,
    );
  }

  #release({ connection, place }: Waiter): void {
    const own = this.#byConnection.get(connection.id);
    own?.delete(place);
    if (own?.size === 0) this.#byConnection.delete(connection.id);
    const here = this.#byPlace.get(place);
    here?.delete(connection.id);
    if (here?.size === 0) this.#byPlace.delete(place);
    this.#sources.remove(connection.source);
    if (this.#clientsUntil(place) === 0) this.#forget(place);
  }

  /** No client waits here any more; whoever asks next, asks the peers again. */
  #forget(place: Place): void {
    const forwarded = this.#forwarded.get(place);
    if (forwarded === undefined) return;
    this.#forwardEndings.remove(forwarded);
    this.#forwarded.delete(place);
  }
}
