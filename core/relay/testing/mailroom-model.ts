/** What a mailroom does, written down a second time as plainly as possible: lists, no limits, no signatures. */

export interface ModelMessage {
  readonly name: string;
  readonly place: string;
  readonly mailbox: boolean;
  readonly oneReceiver: boolean;
  readonly ttlSeconds: number;
}

export interface ModelConnection {
  readonly id: number;
  readonly peer: boolean;
}

interface Ending {
  readonly untilMs: number;
}
type Waiter = Ending & { readonly connection: ModelConnection; readonly place: string };
type Kept = Ending & { readonly message: ModelMessage };

/** `>3 a`: message a goes to connection 3. `?p 7`: peers are asked at place p for seven seconds. */
export type Happening = string;

const MS = 1_000;
const untilMs = (nowMs: number, ttlSeconds: number): number => Math.ceil(nowMs / MS + ttlSeconds) * MS;

export class MailroomModel {
  waiters: Waiter[] = [];
  kept: Kept[] = [];
  #asked = new Map<string, number>();
  #passedOn = new Map<string, number>();

  disconnect({ id }: ModelConnection): void {
    this.waiters = this.waiters.filter(({ connection }) => connection.id !== id);
    this.#forgetAsked();
  }

  ask(connection: ModelConnection, place: string, mailbox: boolean, ttlSeconds: number, nowMs: number): Happening[] {
    const happened = this.tick(nowMs);
    const found = this.kept.filter(({ message }) => message.place === place);
    for (const { message } of found) happened.push(`>${connection.id} ${message.name}`);
    const gone = found.filter(({ message }) => mailbox || message.oneReceiver);
    for (const { message } of gone) this.#passedOn.set(message.name, nowMs);
    this.kept = this.kept.filter((kept) => !gone.includes(kept));
    if (found.length > 0 && !mailbox) return happened;
    this.waiters = this.waiters.filter((w) => w.connection.id !== connection.id || w.place !== place);
    if (ttlSeconds > 0) this.waiters.push({ connection, place, untilMs: untilMs(nowMs, ttlSeconds) });
    this.#forgetAsked();
    if (ttlSeconds > 0 && !connection.peer && !this.#asked.has(place)) {
      this.#asked.set(place, untilMs(nowMs, ttlSeconds));
      happened.push(`?${place} ${ttlSeconds}`);
    }
    return happened;
  }

  publish(connection: ModelConnection, message: ModelMessage, nowMs: number): [outcome: string, ...Happening[]] {
    const happened = this.tick(nowMs);
    const here = this.kept.filter((kept) => kept.message.place === message.place);
    if (here.some((kept) => kept.message.name === message.name)) return ["repeated", ...happened];
    if (here.length > 0 && !message.mailbox) return ["taken", ...happened];
    const passedOn = this.#passedOn.get(message.name);
    if (connection.peer && passedOn !== undefined && nowMs - passedOn < 5 * MS) return ["repeated", ...happened];
    const receivers = this.waiters.filter(
      ({ connection: to, place }) => place === message.place && !(message.mailbox && connection.peer && to.peer),
    );
    for (const { connection: to } of receivers) happened.push(`>${to.id} ${message.name}`);
    if (!message.mailbox) {
      this.waiters = this.waiters.filter((waiter) => !receivers.includes(waiter));
      this.#forgetAsked();
    }
    const through = message.mailbox ? receivers.length > 0 : message.oneReceiver && receivers.length === 1;
    if (through) this.#passedOn.set(message.name, nowMs);
    else if (message.ttlSeconds > 0) this.kept.push({ message, untilMs: untilMs(nowMs, message.ttlSeconds) });
    return ["accepted", ...happened];
  }

  tick(nowMs: number): Happening[] {
    this.waiters = this.waiters.filter((waiter) => waiter.untilMs > nowMs);
    this.kept = this.kept.filter((kept) => kept.untilMs > nowMs);
    this.#forgetAsked();
    const second = Math.floor(nowMs / MS) * MS;
    return [...this.#asked].flatMap(([place, until]) => {
      if (until > nowMs) return [];
      const latest = Math.max(...this.#clientsAt(place).map((waiter) => waiter.untilMs));
      this.#asked.set(place, latest);
      return [`?${place} ${(latest - second) / MS}`];
    });
  }

  #clientsAt(place: string): Waiter[] {
    return this.waiters.filter((waiter) => waiter.place === place && !waiter.connection.peer);
  }

  #forgetAsked(): void {
    for (const place of this.#asked.keys()) if (this.#clientsAt(place).length === 0) this.#asked.delete(place);
  }
}
