/** What a node says of itself in a registry: where it listens, until when. Signed by its libp2p identity, for one roster. */
import { fromHex, isHex, toHex, transcript } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { sign, verify } from "./ed25519.ts";
import { MAX_DIAL_ADDRESSES } from "./limits.ts";
import { peerIdOf } from "./peer-id.ts";

/** Longest multiaddr taken: a DNS name has at most 253 characters. */
const MAX_ADDRESS_CHARACTERS = 320;
const SIGNATURE_BYTES = 64;

export interface Announcement {
  readonly node: NodeId;
  readonly peerId: string;
  readonly addresses: readonly string[];
  /** Higher in each announcement of a node: what was said last, counts. */
  readonly sequence: number;
  /** Milliseconds since the Unix epoch after which nobody believes it. */
  readonly expiresMs: number;
}

/** Why an announcement is not believed. The text names the file, and what to do. */
export class RegistryRefused extends Error {
  override readonly name = "RegistryRefused";
}

/** The hash that is signed: 32 bytes, so it is no message of libp2p's handshake, which signs a longer text. */
const signed = (announcement: Announcement, rosterHash: Uint8Array): Uint8Array =>
  transcript("transport-libp2p/announcement/1", {
    roster: rosterHash,
    node: announcement.node,
    peer: announcement.peerId,
    addresses: [...announcement.addresses],
    sequence: announcement.sequence,
    expires: announcement.expiresMs,
  });

/** The announcement as the text of a file. */
export function printAnnouncement(announcement: Announcement, seed: Uint8Array, rosterHash: Uint8Array): string {
  const signature = toHex(sign(seed, signed(announcement, rosterHash)));
  return `${JSON.stringify({ ...announcement, signature }, null, 2)}\n`;
}

/** Whose announcement is read. */
export interface Sought {
  readonly node: NodeId;
  readonly peerKey: Uint8Array;
  readonly rosterHash: Uint8Array;
}

/** The announcement in the text of a file, of whatever time. Throws `RegistryRefused`, without the file's name. */
export function readAnnouncement(text: string, { node, peerKey, rosterHash }: Sought): Announcement {
  const { announcement, signature } = parsed(text);
  if (announcement.node !== node || announcement.peerId !== peerIdOf(peerKey))
    throw new RegistryRefused("is of another node than its name says");
  if (!verify(peerKey, signed(announcement, rosterHash), signature))
    throw new RegistryRefused("is not signed by this node for this roster");
  return announcement;
}

const FIELDS = ["addresses", "expiresMs", "node", "peerId", "sequence", "signature"];

function parsed(text: string): { readonly announcement: Announcement; readonly signature: Uint8Array } {
  const value = jsonObject(text);
  const { node, peerId, addresses, sequence, expiresMs, signature } = value;
  const isWellFormed =
    Object.keys(value).toSorted().join() === FIELDS.join() &&
    typeof node === "string" &&
    typeof peerId === "string" &&
    isAddressList(addresses) &&
    isCount(sequence) &&
    isCount(expiresMs) &&
    typeof signature === "string" &&
    isHex(signature, SIGNATURE_BYTES);
  if (!isWellFormed) throw new RegistryRefused("is no announcement");
  return {
    announcement: { node: node as NodeId, peerId, addresses, sequence, expiresMs },
    signature: fromHex(signature),
  };
}

function jsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new RegistryRefused("is no announcement");
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isAddressList = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length <= MAX_DIAL_ADDRESSES &&
  value.every((text) => typeof text === "string" && text.length <= MAX_ADDRESS_CHARACTERS);
