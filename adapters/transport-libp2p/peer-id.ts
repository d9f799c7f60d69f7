/** libp2p's name for an Ed25519 key, computed without loading libp2p: configurations and registries need it too. */

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** Identity multihash of 36 bytes: the protobuf of key type 1 (Ed25519) with 32 bytes of key. From libp2p's peer-ids specification. */
const PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
export const KEY_BYTES = 32;

/** The peer id of a 32-byte Ed25519 public key, as text (`12D3KooW…`). Throws `RangeError` for another length. */
export function peerIdOf(key: Uint8Array): string {
  if (key.length !== KEY_BYTES) throw new RangeError(`an Ed25519 public key has ${KEY_BYTES} bytes, not ${key.length}`);
  let rest = 0n;
  for (const byte of [...PREFIX, ...key]) rest = (rest << 8n) | BigInt(byte);
  let digits = "";
  for (; rest > 0n; rest /= 58n) digits = BASE58[Number(rest % 58n)]! + digits;
  // The first byte is zero, and a leading zero byte is written as the digit zero.
  return BASE58[0]! + digits;
}
