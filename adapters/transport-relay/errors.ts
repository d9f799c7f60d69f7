/** What can go wrong between a party and its relays. None of these holds anything of a message but its id. */

/** Relays answered and would not keep a message: a quota, a message too large, a bad signature. Sending it again helps only later, or never. */
export class RelayRefused extends Error {
  override readonly name = "RelayRefused";
  /** The relay's own words. */
  readonly reason: string;
  constructor(url: string, reason: string) {
    super(`${url} refused a message: ${reason}`);
    this.reason = reason;
  }
}

/** No relay took a message in time. */
export class RelayUnreachable extends Error {
  override readonly name = "RelayUnreachable";
  /** By relay: why it did not. */
  readonly reasons: ReadonlyMap<string, string>;
  constructor(reasons: ReadonlyMap<string, string>) {
    const each = [...reasons].map(([url, reason]) => `${url}: ${reason}`).join("; ");
    super(`no relay took the message (${each}); check the relays' addresses and that one of them runs`);
    this.reasons = reasons;
  }
}

/** Nobody published what was asked for within the question's time to live. */
export class AskExpired extends Error {
  override readonly name = "AskExpired";
  constructor(id: string, ttlSeconds: number) {
    super(`no answer for message ${id} within ${ttlSeconds} s`);
  }
}

/** Nothing came for too long, counted from the last thing that did. */
export class Stalled extends Error {
  override readonly name = "Stalled";
  /** Who has not spoken. */
  readonly outstanding: readonly string[];
  constructor(what: string, outstanding: readonly string[], stallMs: number) {
    super(`${what}: nothing new within ${stallMs} ms; still to come: ${outstanding.join(", ")}`);
    this.outstanding = outstanding;
  }
}

/** A party ended the run for everybody, and said so under its signature. */
export class Aborted extends Error {
  override readonly name = "Aborted";
  readonly party: string;
  /** The party's word for the reason, at most `MAX_ABORT_CODE` characters. */
  readonly code: string;
  constructor(party: string, code: string) {
    super(`aborted by ${party}, code ${code}`);
    this.party = party;
    this.code = code;
  }
}

/** A party signed something that nobody of good will sends. */
export class BadMessage extends Error {
  override readonly name = "BadMessage";
  readonly party: string;
  constructor(party: string, what: string) {
    super(`${party} signed ${what}: its program is another version, or it cheats`);
    this.party = party;
  }
}

/** The client was closed while something was under way. */
export class ClientClosed extends Error {
  override readonly name = "ClientClosed";
  constructor() {
    super("the relay client was closed");
  }
}
