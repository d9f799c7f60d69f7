/** What Bitcoin signatures sign, written out as the BIPs say. Only for tests, which compare the hashes with bitcoinjs-lib's. */
import { concatBytes, utf8 } from "@conclave/bytes";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Transaction } from "bitcoinjs-lib";
import { hash256 } from "../index.ts";

export interface Coin {
  readonly script: Uint8Array;
  readonly value: bigint;
}
export interface Signing {
  readonly tx: Transaction;
  readonly coins: readonly Coin[];
  readonly index: number;
  readonly hashType: number;
}

const u32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
const u64 = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
const size = (value: number): Uint8Array =>
  value < 0xfd ? Uint8Array.of(value) : Uint8Array.of(0xfd, value, value >>> 8);
const withLength = (bytes: Uint8Array): Uint8Array => concatBytes(size(bytes.length), bytes);
const outpoint = ({ hash, index }: Transaction["ins"][number]): Uint8Array => concatBytes(hash, u32(index));
const outputBytes = ({ value, script }: Coin): Uint8Array => concatBytes(u64(value), withLength(script));
const flags = (hashType: number) => ({
  anyone: (hashType & 0x80) !== 0,
  none: (hashType & 31) === 2,
  single: (hashType & 31) === 3,
});

/** BIP143 for input `index` with `script` as its script code. */
export function bip143Preimage({ tx, coins, index, hashType }: Signing, script: Uint8Array): Uint8Array {
  const { anyone, none, single } = flags(hashType);
  const zero = new Uint8Array(32);
  const input = tx.ins[index]!;
  const own = tx.outs[index];
  const outputs = none
    ? zero
    : single
      ? own === undefined
        ? zero
        : hash256(outputBytes(own))
      : hash256(concatBytes(...tx.outs.map(outputBytes)));
  return concatBytes(
    u32(tx.version),
    anyone ? zero : hash256(concatBytes(...tx.ins.map(outpoint))),
    anyone || none || single ? zero : hash256(concatBytes(...tx.ins.map(({ sequence }) => u32(sequence)))),
    outpoint(input),
    withLength(script),
    u64(coins[index]!.value),
    u32(input.sequence),
    outputs,
    u32(tx.locktime),
    u32(hashType),
  );
}

/** The transaction as the first Bitcoin signs it: scripts out, one in, parts left out by hash type; then the hash type. */
export function legacyPreimage({ tx, index, hashType }: Signing, script: Uint8Array): Uint8Array {
  const { anyone, none, single } = flags(hashType);
  const inputs = tx.ins
    .map((input, i) =>
      concatBytes(
        outpoint(input),
        withLength(i === index ? script : new Uint8Array()),
        u32((none || single) && i !== index ? 0 : input.sequence),
      ),
    )
    .filter((_, i) => !anyone || i === index);
  const blank: Coin = { value: 2n ** 64n - 1n, script: new Uint8Array() };
  const outputs = none
    ? []
    : single
      ? tx.outs.slice(0, index + 1).map((own, i) => (i === index ? own : blank))
      : tx.outs;
  const parts = [size(inputs.length), ...inputs, size(outputs.length), ...outputs.map(outputBytes)];
  return concatBytes(u32(tx.version), ...parts, u32(tx.locktime), u32(hashType));
}

export interface TaprootSigning extends Signing {
  readonly annex: Uint8Array | null;
  readonly leafHash: Uint8Array | null;
}

/** BIP341's SigMsg without epoch byte, with BIP342's extension for a leaf. */
export function sigMsg({ tx, coins, index, hashType, annex, leafHash }: TaprootSigning): Uint8Array {
  const anyone = (hashType & 0x80) !== 0;
  const [none, single] = [(hashType & 3) === 2, (hashType & 3) === 3];
  const input = tx.ins[index]!;
  const coin = coins[index]!;
  const empty = new Uint8Array();
  return concatBytes(
    Uint8Array.of(hashType),
    u32(tx.version),
    u32(tx.locktime),
    anyone ? empty : sha256(concatBytes(...tx.ins.map(outpoint))),
    anyone ? empty : sha256(concatBytes(...coins.map(({ value }) => u64(value)))),
    anyone ? empty : sha256(concatBytes(...coins.map(({ script }) => withLength(script)))),
    anyone ? empty : sha256(concatBytes(...tx.ins.map(({ sequence }) => u32(sequence)))),
    none || single ? empty : sha256(concatBytes(...tx.outs.map(outputBytes))),
    Uint8Array.of((leafHash === null ? 0 : 2) + (annex === null ? 0 : 1)),
    anyone ? concatBytes(outpoint(input), outputBytes(coin), u32(input.sequence)) : u32(index),
    annex === null ? empty : sha256(withLength(annex)),
    single ? sha256(outputBytes(tx.outs[index]!)) : empty,
    leafHash === null ? empty : concatBytes(leafHash, Uint8Array.of(0), u32(0xffff_ffff)),
  );
}

/** In front of a SigMsg: BIP340's tag, twice, and the epoch byte. */
export const TAP_SIGHASH_PREFIX = concatBytes(sha256(utf8("TapSighash")), sha256(utf8("TapSighash")), Uint8Array.of(0));

/** RLP (Ethereum's Yellow Paper, Appendix B): byte strings and lists of them. */
export type Rlp = Uint8Array | readonly Rlp[];

export function rlp(item: Rlp): Uint8Array {
  if (item instanceof Uint8Array) {
    return item.length === 1 && item[0]! < 0x80 ? item : concatBytes(rlpLength(item.length, 0x80), item);
  }
  const content = concatBytes(...item.map(rlp));
  return concatBytes(rlpLength(content.length, 0xc0), content);
}

function rlpLength(length: number, offset: number): Uint8Array {
  if (length <= 55) return Uint8Array.of(offset + length);
  const digits = bigEndian(BigInt(length));
  return Uint8Array.of(offset + 55 + digits.length, ...digits);
}

/** A number as RLP has it: no zeros in front, nothing for 0. */
export function bigEndian(value: bigint): Uint8Array {
  const digits: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 8n) digits.unshift(Number(rest & 255n));
  return Uint8Array.from(digits);
}
