/**
 * Sealing of direct parts between two parties of one run. The keys come from the ephemeral X25519 keys of their acks, which
 * they signed, and are wiped with the run: what a relay kept stays closed after a later theft.
 */
import { concatBytes, utf8 } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import type { Ssid } from "@conclave/protocol";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

export interface ChannelEnd {
  /** Ed25519 key: 32 bytes. */
  readonly signKey: Uint8Array;
  /** Of the ack: 32 bytes. */
  readonly ephemeral: Uint8Array;
}

export interface Channel {
  /** `ordinal`: the round's position, used once per direction. `associated` is authenticated along. */
  seal(ordinal: number, associated: Uint8Array, plain: Uint8Array): Uint8Array;
  /** Null if this is not what the peer sealed for this place. */
  open(ordinal: number, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null;
  wipe(): void;
}

/** Throws `RangeError` if the peer's ephemeral key is none. */
export function openChannel(
  engine: Engine,
  ssid: Ssid,
  own: ChannelEnd & { readonly secret: Uint8Array },
  peer: ChannelEnd,
): Channel {
  const shared = engine.x25519Shared(own.secret, peer.ephemeral);
  // HKDF-SHA256 (RFC 5869), salt: the session; info: both ends, sender first.
  const keyOf = (from: ChannelEnd, to: ChannelEnd): Uint8Array => {
    const ends = concatBytes(from.signKey, to.signKey, from.ephemeral, to.ephemeral);
    return hkdf(sha256, shared, ssid, concatBytes(utf8("conclave/relay-run/v1"), ends), 32);
  };
  const [sendKey, receiveKey] = [keyOf(own, peer), keyOf(peer, own)];
  shared.fill(0);
  return {
    seal: (ordinal, associated, plain) => chacha20poly1305(sendKey, nonceOf(ordinal), associated).encrypt(plain),
    open(ordinal, associated, sealed) {
      try {
        return chacha20poly1305(receiveKey, nonceOf(ordinal), associated).decrypt(sealed);
      } catch {
        // The AEAD's only failure is "not authentic".
        return null;
      }
    },
    wipe() {
      sendKey.fill(0);
      receiveKey.fill(0);
    },
  };
}

function nonceOf(ordinal: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(8, ordinal);
  return nonce;
}
