/**
 * Sealing of direct parts. Keys come from the ephemeral X25519 keys of the acks, one per direction, and are wiped with the
 * session, so recorded traffic stays closed after a later theft. The envelope is signed over the ciphertext: evidence never
 * exposes a share.
 */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { concatBytes, fromHex, utf8 } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** A node and the ephemeral X25519 key of its ack. */
export interface SealingPeer {
  readonly id: NodeId;
  readonly ephemeral: Uint8Array;
}

/** Seals to and opens from one peer in one session. */
export interface Channel {
  /** `associated` is authenticated along. `ordinal`: position of the round, used once per direction. */
  seal(ordinal: number, associated: Uint8Array, plain: Uint8Array): Uint8Array;
  /** Null if the ciphertext is not what the peer sealed for this place. */
  open(ordinal: number, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null;
  wipe(): void;
}

export function openChannel(
  engine: Engine,
  ssid: Uint8Array,
  own: SealingPeer & { readonly secret: Uint8Array },
  peer: SealingPeer,
): Channel {
  const shared = engine.x25519Shared(own.secret, peer.ephemeral);
  const sendKey = directionKey(shared, ssid, own, peer);
  const receiveKey = directionKey(shared, ssid, peer, own);
  shared.fill(0);
  return {
    seal: (ordinal, associated, plain) => chacha20poly1305(sendKey, nonceOf(ordinal), associated).encrypt(plain),
    open(ordinal, associated, sealed) {
      try {
        return chacha20poly1305(receiveKey, nonceOf(ordinal), associated).decrypt(sealed);
      } catch {
        // The AEAD's only failure is "not authentic"; what follows from it is the caller's to decide.
        return null;
      }
    },
    wipe() {
      sendKey.fill(0);
      receiveKey.fill(0);
    },
  };
}

/** HKDF-SHA256 (RFC 5869) with salt = ssid and info = both identities and ephemerals, sender first: the two directions differ. */
function directionKey(shared: Uint8Array, ssid: Uint8Array, from: SealingPeer, to: SealingPeer): Uint8Array {
  const context = concatBytes(utf8("conclave/seal/v1"), fromHex(from.id), fromHex(to.id), from.ephemeral, to.ephemeral);
  return hkdf(sha256, shared, ssid, context, 32);
}

/** 96-bit nonce: the round's ordinal. Each key seals at most one message per round. */
function nonceOf(ordinal: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(8, ordinal);
  return nonce;
}
