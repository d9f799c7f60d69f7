/**
 * Messages that are signed as such, with a key that holds no coins here. The hash is computed by every signer, and what
 * Bitcoin or Ethereum would take as the preimage of a spend is refused: the same key may hold coins elsewhere.
 */
import { utf8Decode } from "@conclave/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { looksLikeEthereum, looksLikeEthereumText } from "./ethereum-preimage.ts";
import { looksLikeBip143, looksLikeBip341, looksLikeLegacyPreimage, looksLikeTransaction } from "./spend-preimage.ts";
import { hash256 } from "./transaction.ts";

/** What a message may be hashed with: FIPS 180-4, the same twice, or Keccak with the padding that Ethereum kept. */
export const MESSAGE_HASHES = ["sha256", "sha256d", "keccak256"] as const;
/** One of `MESSAGE_HASHES`. */
export type MessageHash = (typeof MESSAGE_HASHES)[number];

/** The 32 bytes that are signed for a message. */
export function hashMessage(message: Uint8Array, hash: MessageHash): Uint8Array {
  switch (hash) {
    case "sha256":
      return sha256(message);
    case "sha256d":
      return hash256(message);
    case "keccak256":
      return keccak_256(message);
  }
}

/** What a message was taken for. */
export type PreimageCode =
  | "bip143-preimage"
  | "bip341-preimage"
  | "legacy-preimage"
  | "transaction"
  | "inner-hash"
  | "ethereum-transaction"
  | "typed-data";

/** Why a message is not signed. */
export interface PreimageRefusal {
  readonly code: PreimageCode;
  /** For people. */
  readonly message: string;
}

const refusal = (code: PreimageCode, what: string): PreimageRefusal => ({
  code,
  message: `the message reads as ${what}: its signature could spend coins, so a message key does not give it`,
});

/**
 * Why `message`, hashed with `hash`, may be the preimage of a spend, or null. Without `hash` it is refused if any hash would
 * make it one. Refuses some binary messages that only look the part, but lets no such preimage through. Text is refused in
 * two cases only: byte for byte an Ethereum transaction, which takes letters beyond ASCII and an effort; or, for "sha256",
 * of exactly 32 bytes. Bitcoin's hash of a preimage is SHA-256 twice, so who shows the inner hash as a message has a spend
 * signed; finding one that reads as text is work of 2^44 hashes, which machines do in hours.
 */
export function refuseTransactionPreimage(message: Uint8Array, hash?: MessageHash): PreimageRefusal | null {
  if (message.length === INNER_HASH_BYTES && (hash === undefined || hash === "sha256")) {
    return refusal("inner-hash", "the inner of Bitcoin's two hashes of a spend (32 bytes; any other length is none)");
  }
  const ethereum = refusal("ethereum-transaction", "an Ethereum transaction (RLP)");
  // Bitcoin's preimages hold zero bytes, or begin with a control character or half of a UTF-8 letter: never text.
  if (isText(message)) return looksLikeEthereumText(message) ? ethereum : null;
  if (message[0] === EIP191 && (message[1] === INTENDED_VALIDATOR || message[1] === STRUCTURED_DATA))
    return refusal("typed-data", "hashes of typed data (EIP-712), which may move tokens and which nobody can read");
  if (looksLikeTransaction(message)) return refusal("transaction", "a Bitcoin transaction");
  if (looksLikeLegacyPreimage(message)) return refusal("legacy-preimage", "what a spend from before segwit signs");
  if (looksLikeBip143(message)) return refusal("bip143-preimage", "what a segwit spend signs (BIP143)");
  if (looksLikeBip341(message)) return refusal("bip341-preimage", "what a Taproot spend signs (BIP341)");
  return looksLikeEthereum(message) ? ethereum : null;
}

const INNER_HASH_BYTES = 32;
/** ERC-191's first byte, and its versions 0 and 1. Version 0x45, "Ethereum Signed Message", is text with a length. */
const EIP191 = 0x19;
const INTENDED_VALIDATOR = 0x00;
const STRUCTURED_DATA = 0x01;

/** Control characters other than tab, line feed and carriage return. */
const CONTROL = /[^\P{Cc}\t\n\r]/u;

/** Well-formed UTF-8 that a person can be shown. */
function isText(message: Uint8Array): boolean {
  try {
    return !CONTROL.test(utf8Decode(message));
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}
