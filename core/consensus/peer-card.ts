/**
 * How a node is reached. The roster binds a node's identity and vote key; its card, signed by the identity, binds the keys of
 * its networks and says where it listens. So a certificate can be renewed and an address changed without a new roster, and
 * nobody but the node itself can do either.
 */
import {
  codec,
  CodecError,
  equalBytes,
  bytes,
  fixedBytes,
  fromHex,
  list,
  record,
  refine,
  text,
  toHex,
  transcript,
  uint,
  type Codec,
  type SchemaOf,
} from "@conclave/bytes";
import type { Ed25519Signer, Engine } from "@conclave/crypto";
import { ed25519Key, entryOf, NODE_NAME, nodeId, type Roster } from "./roster.ts";

/** `host:port`, with IPv6 in brackets. */
const HOST_PORT = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):\d{1,5}$/;
/** Addresses of one kind. A node behind two providers has two; more is a mistake. */
const MAX_ADDRESSES = 8;
const address = (max: number, pattern: RegExp) => text({ max, pattern });

/** DER of a P-256 SubjectPublicKeyInfo: always so long (RFC 5480). */
const TLS_KEY_BYTES = 91;

const cardSchema = record({
  cluster: text({ max: 64, pattern: NODE_NAME }),
  node: nodeId,
  name: text({ max: 32, pattern: NODE_NAME }),
  voteKey: ed25519Key,
  /** Raised by one with every change: of two cards of a node, the higher one holds. */
  serial: uint({ min: 1 }),
  /** Ed25519: the node's libp2p peer id is made of it. */
  libp2pKey: ed25519Key,
  /** Ed25519: signs what the node publishes at a relay. */
  relaySignKey: ed25519Key,
  /** X25519: what the others seal for the node on its way through a relay. */
  relaySealKey: fixedBytes(32),
  /** P-256, as SubjectPublicKeyInfo: the key of the node's certificates. */
  tlsKey: bytes({ min: TLS_KEY_BYTES, max: TLS_KEY_BYTES }),
  endpoints: record({
    /** For QUIC and for TLS. */
    quic: list(address(300, HOST_PORT), { max: MAX_ADDRESSES }),
    libp2p: list(address(300, /^\/[!-~]+$/), { max: MAX_ADDRESSES }),
  }),
});

/** A node as its peers need to know it. */
export type PeerCard = SchemaOf<typeof cardSchema>;

export const peerCardCodec: Codec<PeerCard> = codec(refine(cardSchema, { parse: distinctKeys, print: distinctKeys }));

const signedCardSchema = record({
  card: refine(cardSchema, { parse: distinctKeys, print: distinctKeys }),
  /** Ed25519 by the node's identity. */
  signature: fixedBytes(64),
});

export type SignedCard = SchemaOf<typeof signedCardSchema>;
export const signedCardCodec: Codec<SignedCard> = codec(signedCardSchema);

/** One key for one purpose: none is converted into or used as another. */
function distinctKeys(card: PeerCard): PeerCard {
  const { node, voteKey, libp2pKey, relaySignKey, relaySealKey } = card;
  const keys = [fromHex(node), voteKey, libp2pKey, relaySignKey, relaySealKey].map(toHex);
  if (new Set(keys).size !== keys.length) throw new CodecError(`two keys of ${card.name}'s card are the same key`);
  return card;
}

const signed = (card: PeerCard): Uint8Array => transcript("consensus/peer-card", { card: peerCardCodec.encode(card) });

/** Throws `CodecError` for a card that could not be read again. */
export const signCard = (signer: Ed25519Signer, card: PeerCard): SignedCard => ({
  card,
  signature: signer.sign(signed(card)),
});

/** Whether the node that the card speaks of signed it. */
export const verifyCard = (engine: Engine, { card, signature }: SignedCard): boolean =>
  engine.ed25519Verifier(fromHex(card.node))(signed(card), signature);

/** Throws `CodecError` unless the card is of a node of the roster, with that node's name and vote key, and signed by it. */
export function checkCard(engine: Engine, roster: Roster, signedCard: SignedCard): PeerCard {
  const { card } = signedCard;
  const entry = entryOf(roster, card.node);
  if (card.cluster !== roster.cluster)
    throw new CodecError(`${card.name}'s card is for the cluster ${card.cluster}, and this is ${roster.cluster}`);
  if (entry === undefined) throw new CodecError(`${card.name}'s card is of a node that the roster does not name`);
  if (entry.name !== card.name || !equalBytes(entry.voteKey, card.voteKey))
    throw new CodecError(`${card.name}'s card contradicts the roster: there the node is ${entry.name}`);
  if (!verifyCard(engine, signedCard)) throw new CodecError(`${card.name}'s card is not signed by that node`);
  return card;
}
