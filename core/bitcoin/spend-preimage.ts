/**
 * The layouts of what Bitcoin signatures sign, recognised by structure alone: whatever fits one is taken for it. Every real
 * preimage fits, because a layout asks for nothing that consensus does not.
 */
import { concatBytes, equalBytes, utf8 } from "@conclave/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import { MAX_SATS } from "./sats.ts";

/** The offset behind a part that begins at `at`, or `NONE`. */
type Part = (bytes: Uint8Array, at: number) => number;
const NONE = -1;

const fixed =
  (length: number): Part =>
  (bytes, at) =>
    at + length <= bytes.length ? at + length : NONE;

const sequence =
  (...parts: readonly Part[]): Part =>
  (bytes, at) =>
    parts.reduce((offset, part) => (offset === NONE ? NONE : part(bytes, offset)), at);

const nothing: Part = (_, at) => at;

/** Bitcoin's compact size, in any of its four widths, shortest or not. */
function compactSize(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } | undefined {
  const [first] = bytes.subarray(at);
  if (first === undefined) return undefined;
  if (first < 0xfd) return { value: first, next: at + 1 };
  const width = 2 ** (first - 0xfc);
  const next = at + 1 + width;
  return next <= bytes.length ? { value: Number(littleEndian(bytes.subarray(at + 1, next))), next } : undefined;
}

const littleEndian = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** A length and as many bytes. */
const variable: Part = (bytes, at) => {
  const length = compactSize(bytes, at);
  return length === undefined ? NONE : fixed(length.value)(bytes, length.next);
};

/** A count and as many parts, none of them empty. */
const many =
  (part: Part, { min = 0 }: { readonly min?: number } = {}): Part =>
  (bytes, at) => {
    const count = compactSize(bytes, at);
    if (count === undefined || count.value < min) return NONE;
    let offset = count.next;
    for (let i = 0; i < count.value && offset !== NONE; i++) offset = part(bytes, offset);
    return offset;
  };

/** The value of a coin: consensus allows none above 21 million BTC. */
const coinValue: Part = (bytes, at) => {
  const next = fixed(8)(bytes, at);
  return next !== NONE && littleEndian(bytes.subarray(at, next)) <= MAX_SATS ? next : NONE;
};

const matches = (part: Part, bytes: Uint8Array): boolean => part(bytes, 0) === bytes.length;

const OUTPOINT_BYTES = 36;
const HASH_BYTES = 32;
const input = sequence(fixed(OUTPOINT_BYTES), variable, fixed(4));
/** Of any value: a legacy preimage with SIGHASH_SINGLE holds outputs of −1. */
const output = sequence(fixed(8), variable);
const inputs = many(input, { min: 1 });

/** BIP143: version, two hashes, outpoint, script code, value, sequence, hash of outputs, locktime, hash type. */
const bip143 = sequence(fixed(4 + 2 * HASH_BYTES + OUTPOINT_BYTES), variable, coinValue, fixed(4 + HASH_BYTES + 4 + 4));

/** Any hash type: those who sign one input, or no output, put zeros in place of hashes. */
export const looksLikeBip143 = (message: Uint8Array): boolean => matches(bip143, message);

/** The signature hash of the first Bitcoin: the transaction with scripts taken out and put in, then four bytes of hash type. */
const legacy = sequence(fixed(4), inputs, many(output), fixed(4 + 4));

/** Any hash type. */
export const looksLikeLegacyPreimage = (message: Uint8Array): boolean => matches(legacy, message);

const stripped = sequence(fixed(4), inputs, many(output), fixed(4));
const witness = many(variable);

/** BIP144: marker 0 and flag 1 before the inputs, and a witness for each behind the outputs. */
const withWitnesses: Part = (bytes, at) => {
  const body = at + 6;
  if (bytes[at + 4] !== 0 || bytes[at + 5] !== 1) return NONE;
  const count = compactSize(bytes, body)?.value ?? 0;
  let offset = sequence(inputs, many(output))(bytes, body);
  for (let i = 0; i < count && offset !== NONE; i++) offset = witness(bytes, offset);
  return offset === NONE ? NONE : fixed(4)(bytes, offset);
};

/** Signed or not, with or without witnesses. */
export const looksLikeTransaction = (message: Uint8Array): boolean =>
  matches(stripped, message) || matches(withWitnesses, message);

const TAP_SIGHASH = sha256(utf8("TapSighash"));
const TAP_SIGHASH_PREFIX = concatBytes(TAP_SIGHASH, TAP_SIGHASH);

/**
 * BIP341's SigMsg: behind the tagged hash's prefix (whatever follows), behind the epoch byte, or bare. Only with the prefix is
 * SHA-256 of it a signature hash; the others are refused because somebody may add what is missing.
 */
export function looksLikeBip341(message: Uint8Array): boolean {
  if (equalBytes(message.subarray(0, TAP_SIGHASH_PREFIX.length), TAP_SIGHASH_PREFIX)) return true;
  return isSigMsg(message) || (message[0] === 0 && isSigMsg(message.subarray(1)));
}

const HASH_TYPES: ReadonlySet<number | undefined> = new Set([0x00, 0x01, 0x02, 0x03, 0x81, 0x82, 0x83]);
const ANYONE_CAN_PAY = 0x80;
const NO_OUTPUTS = 2;
const SINGLE_OUTPUT = 3;
/** BIP341: twice the extension flag (1: BIP342), plus 1 with an annex. */
const MAX_SPEND_TYPE = 3;

/** "Common signature message" (BIP341), with BIP342's extension where the spend type names it. */
function isSigMsg(message: Uint8Array): boolean {
  const [hashType] = message;
  if (hashType === undefined || !HASH_TYPES.has(hashType)) return false;
  const anyone = (hashType & ANYONE_CAN_PAY) !== 0;
  const outputs = hashType & 3;
  const allOutputs = outputs !== NO_OUTPUTS && outputs !== SINGLE_OUTPUT;
  // Hash type, version, locktime; hashes of prevouts, amounts, scripts, sequences; hash of outputs.
  const head = 1 + 4 + 4 + (anyone ? 0 : 4 * HASH_BYTES) + (allOutputs ? HASH_BYTES : 0);
  const spendType = message[head];
  if (spendType === undefined || spendType > MAX_SPEND_TYPE) return false;
  const layout = sequence(
    fixed(head + 1),
    anyone ? sequence(fixed(OUTPOINT_BYTES), coinValue, variable, fixed(4)) : fixed(4),
    (spendType & 1) === 1 ? fixed(HASH_BYTES) : nothing,
    outputs === SINGLE_OUTPUT ? fixed(HASH_BYTES) : nothing,
    // BIP342: leaf hash, key version, position of the last code separator.
    (spendType & 2) === 2 ? fixed(HASH_BYTES + 1 + 4) : nothing,
  );
  return matches(layout, message);
}
