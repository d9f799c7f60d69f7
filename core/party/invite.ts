/**
 * What parties agree on before they talk: who they are, what key they make, where they meet. Everybody has to have the very
 * same invite, since its hash stands in every message; a changed one meets nobody.
 */
import { codec, compareBytes, fixedBytes, list, literal, record, text, toHex, transcript, uint } from "@conclave/bytes";
import { NODE_NAME, type NodeId, type Roster } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { SCHEMES, type Scheme } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { cardBytes, MAX_GROUP, readCard, type Card } from "./card.ts";
import { parseToken, printToken, TokenError } from "./token.ts";

/** More relays than anybody runs for one group; each gets every message. */
export const MAX_RELAYS = 8;
const MAX_URL_LENGTH = 200;
/** Where a relay answers: http or https, a host, perhaps a port and a path. */
export const RELAY_URL = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/;

/** Names of keys, as people type them. */
export const KEY_NAME = NODE_NAME;

interface Terms {
  readonly relays: readonly string[];
  /** Drawn for this invite: two invites of the same cards make two keys. */
  readonly session: Uint8Array;
  readonly name: string;
  readonly scheme: Scheme;
  readonly threshold: number;
}

export interface Invite extends Terms {
  /** Ascending by party: 1 to n. */
  readonly cards: readonly Card[];
  /** The whole invite as it travels. */
  readonly encoded: Uint8Array;
  /** Stands in every message. */
  readonly hash: Uint8Array;
}

const inviteCodec = codec(
  record({
    version: uint({ min: 1, max: 1 }),
    relays: list(text({ max: MAX_URL_LENGTH, pattern: RELAY_URL }), { min: 1, max: MAX_RELAYS }),
    session: fixedBytes(32),
    name: text({ max: 32, pattern: KEY_NAME }),
    scheme: literal(...SCHEMES),
    threshold: uint({ min: 2, max: MAX_GROUP }),
    cards: list(cardBytes, { min: 2, max: MAX_GROUP }),
  }),
);

/** Make an invite of cards in any order. Throws `TokenError` saying what does not fit together. */
export function makeInvite(engine: Engine, terms: Terms, cards: readonly Uint8Array[]): Invite {
  const ordered = cards.toSorted((a, b) => readCard(engine, a).party - readCard(engine, b).party);
  checkGroup(
    ordered.map((card) => readCard(engine, card)),
    terms.threshold,
  );
  return readInvite(engine, inviteCodec.encode({ version: 1, ...terms, cards: ordered }));
}

/** The invite as one word. */
export const printInvite = ({ encoded }: Invite): string => printToken("invite", encoded);

/** Throws `TokenError`. */
export const parseInvite = (engine: Engine, token: string): Invite =>
  parseToken("invite", token, (body) => readInvite(engine, body));

/** An invite whose cards are right and fit together. Throws `TokenError` or `CodecError`. */
export function readInvite(engine: Engine, encoded: Uint8Array): Invite {
  const { version: _version, cards: encodedCards, ...terms } = inviteCodec.decode(encoded);
  const cards = encodedCards.map((card) => readCard(engine, card));
  checkGroup(cards, terms.threshold);
  return { ...terms, cards, encoded, hash: transcript("party/invite", { encoded }) };
}

function checkGroup(cards: readonly Card[], threshold: number): void {
  const refuse = (why: string): never => {
    throw new TokenError(why);
  };
  const n = cards.length;
  if (n < 2 || n > MAX_GROUP) refuse(`a group has 2 to ${MAX_GROUP} parties, and these are ${n} cards`);
  if (threshold < 2 || threshold > n) refuse(`a threshold for ${n} parties is 2 to ${n}, not ${threshold}`);
  const numbers = cards.map(({ party }) => party);
  const twice = numbers.find((party, i) => numbers.indexOf(party) !== i);
  if (twice !== undefined) refuse(`two cards are of party ${twice}: every party has a PARTY_ID of its own`);
  if (numbers.some((party, i) => party !== i + 1))
    refuse(`the parties of a group of ${n} are numbered 1 to ${n} in order, and these are ${numbers.join(", ")}`);
  const keys = cards.flatMap(({ node, relaySignKey, relaySealKey }) => [
    node,
    toHex(relaySignKey),
    toHex(relaySealKey),
  ]);
  if (new Set<string>(keys).size < keys.length) refuse("two cards share a key: one party cannot be two");
}

/** The group as envelopes know it. Nobody votes, so the places of vote keys are empty. */
export const rosterOf = ({ name, cards }: Invite): Roster => ({
  cluster: name,
  version: 1,
  nodes: cards.map(({ node, party }) => ({ id: node, name: `party${party}`, voteKey: new Uint8Array(32) })),
});

/** The card of one party. Throws `RangeError` if it is not in the group. */
export function cardOf({ cards }: Invite, party: PartyIndex): Card {
  const card = cards.find((candidate) => candidate.party === party);
  if (card === undefined) throw new RangeError(`there is no party ${party} in this group`);
  return card;
}

export const partyOfNode = ({ cards }: Invite, node: NodeId): PartyIndex | undefined =>
  cards.find((card) => card.node === node)?.party;

/** Throws `TokenError` unless the invite has this very card at its place. */
export function checkInvited({ cards }: Invite, own: Card): void {
  const card = cards.find(({ party }) => party === own.party);
  if (card === undefined)
    throw new TokenError(`the invite is for parties 1 to ${cards.length}, and this is party ${own.party}`);
  const same =
    card.node === own.node &&
    compareBytes(card.relaySignKey, own.relaySignKey) === 0 &&
    compareBytes(card.relaySealKey, own.relaySealKey) === 0;
  if (!same)
    throw new TokenError(
      `party ${own.party} of the invite is somebody else: its card is not the one that "info" prints here. Ask for an invite made with yours`,
    );
}

const FINGERPRINT_BYTES = 12;

/** 96 bits for reading aloud: the same at everybody who has the same invite, or came out of the same ceremony. */
export function fingerprint(hash: Uint8Array): string {
  const digits = toHex(transcript("party/fingerprint", { hash }).subarray(0, FINGERPRINT_BYTES));
  return digits.match(/.{4}/g)!.join(" ");
}
