/**
 * Who a party is to the others: its number, the key that signs its envelopes, and the two that a relay and the way through it
 * need. A card is public. It is signed by its own envelope key, so nobody can pass on another's card with one key exchanged;
 * whose card it is, people tell one another.
 */
import {
  bytes,
  codec,
  fixedBytes,
  fromHex,
  record,
  refine,
  toHex,
  transcript,
  uint,
  type Codec,
  type Rng,
  type Schema,
} from "@conclave/bytes";
import { nodeId, type NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { Identity } from "@conclave/custody";
import type { PartyIndex } from "@conclave/protocol";
import type { PartyStore } from "./store.ts";
import { parseToken, printToken, TokenError } from "./token.ts";

/** Largest group: as many as DKLS23's setup of pairs takes, and more than people bring together by hand. */
export const MAX_GROUP = 16;

/** A party's number on the wire, from 1: the x-coordinate of its share. */
export const partyNumber: Schema<PartyIndex> = refine(uint({ min: 1, max: MAX_GROUP }), {
  parse: (value) => value as PartyIndex,
  print: (party) => party,
});

export interface Card {
  readonly party: PartyIndex;
  /** Ed25519 key of its envelopes, which names it. */
  readonly node: NodeId;
  /** Ed25519 key under which it publishes at relays. */
  readonly relaySignKey: Uint8Array;
  /** X25519 key that everything to it is sealed for on the way through relays. */
  readonly relaySealKey: Uint8Array;
}

const cardFields = {
  version: uint({ min: 1, max: 1 }),
  party: partyNumber,
  node: nodeId,
  relaySignKey: fixedBytes(32),
  relaySealKey: fixedBytes(32),
};
const cardSchema = record({ ...cardFields, signature: fixedBytes(64) });
const cardCodec = codec(cardSchema);

/** A party's own secrets beside its shares, and its card. */
export interface PartyIdentity {
  readonly card: Card;
  /** The card as it travels. */
  readonly encodedCard: Uint8Array;
  /** Signs envelopes. */
  readonly envelope: Identity;
  readonly relaySignSeed: Uint8Array;
  readonly relaySealSecret: Uint8Array;
}

interface Secrets {
  readonly party: PartyIndex;
  readonly envelope: Uint8Array;
  readonly relaySign: Uint8Array;
  readonly relaySeal: Uint8Array;
}

const secretsCodec: Codec<Secrets> = codec(
  record({ party: partyNumber, envelope: fixedBytes(32), relaySign: fixedBytes(32), relaySeal: fixedBytes(32) }),
);

const STORED = "identity";

/** Whether the store belongs to a party already. */
export const hasIdentity = (store: PartyStore): boolean => store.list("").includes(STORED);

/** The store's identity, drawn now if it has none. Throws `RangeError` if it is another party's. */
export function openIdentity(engine: Engine, store: PartyStore, party: PartyIndex, rng: Rng): PartyIdentity {
  if (!hasIdentity(store)) {
    const drawn = { party, envelope: rng(32), relaySign: rng(32), relaySeal: rng(32) };
    const encoded = secretsCodec.encode(drawn);
    store.put(STORED, encoded);
    encoded.fill(0);
  }
  const stored = secretsCodec.decode(store.get(STORED));
  if (stored.party !== party) throw new RangeError(`this is the data of party ${stored.party}, not of party ${party}`);
  return identityOf(engine, stored);
}

function identityOf(engine: Engine, { party, envelope, relaySign, relaySeal }: Secrets): PartyIdentity {
  const signer = engine.ed25519Signer(envelope);
  const card: Card = {
    party,
    node: toHex(signer.publicKey) as NodeId,
    relaySignKey: engine.ed25519Signer(relaySign).publicKey,
    relaySealKey: engine.x25519Public(relaySeal),
  };
  const encodedCard = cardCodec.encode({ version: 1, ...card, signature: signer.sign(signedPart(card)) });
  return {
    card,
    encodedCard,
    envelope: { id: card.node, envelope: signer, vote: NOBODY_VOTES },
    relaySignSeed: relaySign,
    relaySealSecret: relaySeal,
  };
}

/** In a group without a cluster the operator approves by typing the command. */
const NOBODY_VOTES: Identity["vote"] = {
  publicKey: new Uint8Array(32),
  sign: () => {
    throw new Error("parties without a cluster do not vote");
  },
};

const signedPart = (card: Card): Uint8Array => transcript("party/card", { ...card, node: fromHex(card.node) });

/** The card as one word. */
export const printCard = ({ encodedCard }: PartyIdentity): string => printToken("card", encodedCard);

/** A card inside an invite. */
export const cardBytes = bytes({ max: 300 });

/** The bytes of a card that somebody passed on. Throws `TokenError`. */
export const parseCard = (engine: Engine, token: string): Uint8Array =>
  parseToken("card", token, (body) => {
    readCard(engine, body);
    return body;
  });

/** A card whose signature and keys are right. Throws `CodecError` or `TokenError`. */
export function readCard(engine: Engine, encoded: Uint8Array): Card {
  const { version: _version, signature, ...card } = cardCodec.decode(encoded);
  const signed = checkedKey(card.party, () => engine.ed25519Verifier(fromHex(card.node)))(signedPart(card), signature);
  if (!signed) throw new TokenError(`the card of party ${card.party} is not signed by its own key: it was changed`);
  checkedKey(card.party, () => engine.ed25519Verifier(card.relaySignKey));
  // Any secret will do: what is looked for is a key of small order, which gives zeros with all of them.
  checkedKey(card.party, () => engine.x25519Shared(new Uint8Array(32).fill(1), card.relaySealKey));
  const keys = [card.node, toHex(card.relaySignKey), toHex(card.relaySealKey)];
  if (new Set(keys).size < keys.length)
    throw new TokenError(`the card of party ${card.party} uses one key for two purposes`);
  return card;
}

function checkedKey<T>(party: PartyIndex, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new TokenError(`the card of party ${party} names a key that is none`, { cause });
  }
}
