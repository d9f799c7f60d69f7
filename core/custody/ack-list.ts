/** The acks that a coordinator hands out with `begin`, read by everybody who gets them. */
import { equalBytes } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import type { Member } from "./attempt-plan.ts";
import { ackCodec, type Ack } from "./attempts.ts";
import type { EnvelopeReader } from "./envelope.ts";

/** What this node knows of its own ack. */
export interface OwnAck {
  readonly index: PartyIndex;
  /** X25519 secret behind the ephemeral key that the ack names; null if none was given or it is over. */
  readonly secret: Uint8Array | null;
}

export interface AckListParts {
  readonly engine: Engine;
  readonly reader: EnvelopeReader;
  readonly members: readonly Member[];
  readonly coordinator: NodeId;
  /** Hash of the setup that all of them answer. */
  readonly setup: Uint8Array;
  readonly own: OwnAck;
}

/**
 * Acks by party. Null unless every ack is a different member's, signed for this setup, in order, and the own one is as it was
 * sent. Throws `EnvelopeRefused` or `CodecError` on what is no ack.
 */
export function readAcks(
  { engine, reader, members, coordinator, setup, own }: AckListParts,
  wires: readonly Uint8Array[],
): ReadonlyMap<PartyIndex, Ack & { readonly node: NodeId }> | null {
  const acks = new Map<PartyIndex, Ack & { readonly node: NodeId }>();
  let last = 0;
  for (const wire of wires) {
    const { header, body } = reader.open(wire);
    const member = members.find(({ node }) => node === header.sender);
    const ack = ackCodec.decode(body);
    if (header.kind !== "ack" || member === undefined || member.index <= last) return null;
    if (header.receiver !== coordinator || !equalBytes(ack.setup, setup)) return null;
    if (!isUsable(engine, own.secret, ack.ephemeral)) return null;
    if (member.index === own.index && !isOwn(engine, own.secret, ack.ephemeral)) return null;
    acks.set(member.index, { ...ack, node: member.node });
    last = member.index;
  }
  return acks;
}

const isOwn = (engine: Engine, secret: Uint8Array | null, ephemeral: Uint8Array): boolean =>
  secret !== null && equalBytes(engine.x25519Public(secret), ephemeral);

/** False for a public key of small order: nothing may be sealed to one, and an ack that holds one is none. */
export function isUsable(engine: Engine, secret: Uint8Array | null, ephemeral: Uint8Array): boolean {
  if (secret === null) return true;
  try {
    engine.x25519Shared(secret, ephemeral).fill(0);
    return true;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return false;
  }
}
