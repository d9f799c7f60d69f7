import { concatBytes } from "@conclave/bytes";
import type { Outpoint, TransactionOutput } from "./chain.ts";
import { displayHash, doubleSha256, internalHash } from "./hashing.ts";

/** What a txid commits to. */
export interface TransactionBody {
  readonly version: number;
  readonly lockTime: number;
  readonly inputs: readonly {
    readonly outpoint: Outpoint;
    readonly scriptSig: Uint8Array;
    readonly sequence: number;
  }[];
  readonly outputs: readonly TransactionOutput[];
}

/** Bytes that are not a transaction. */
export class NotATransaction extends Error {
  override readonly name = "NotATransaction";
}

/** Computed from the legacy serialization, which leaves out witnesses (BIP141). */
export const txidOf = (body: TransactionBody): string => displayHash(doubleSha256(serializeBody(body)));

/** Decodes a raw transaction, with or without witnesses. Throws `NotATransaction` unless it takes up all bytes. */
export function parseTransaction(raw: Uint8Array): TransactionBody {
  const reader = new Reader(raw);
  const version = reader.uint32();
  const segwit = reader.takeSegwitMarker();
  const inputs = reader.list(41, () => ({
    outpoint: { txid: displayHash(reader.bytes(32)), vout: reader.uint32() },
    scriptSig: reader.bytes(reader.compactSize()),
    sequence: reader.uint32(),
  }));
  const outputs = reader.list(9, () => {
    const value = reader.uint64();
    return { value, scriptPubKey: reader.bytes(reader.compactSize()) };
  });
  if (segwit) for (const _ of inputs) reader.list(1, () => reader.bytes(reader.compactSize()));
  const lockTime = reader.uint32();
  reader.end();
  return { version, lockTime, inputs, outputs };
}

function serializeBody({ version, lockTime, inputs, outputs }: TransactionBody): Uint8Array {
  return concatBytes(
    uint32(version),
    compactSize(inputs.length),
    ...inputs.flatMap(({ outpoint, scriptSig, sequence }) => [
      internalHash(outpoint.txid),
      uint32(outpoint.vout),
      compactSize(scriptSig.length),
      scriptSig,
      uint32(sequence),
    ]),
    compactSize(outputs.length),
    ...outputs.flatMap(({ value, scriptPubKey }) => [uint64(value), compactSize(scriptPubKey.length), scriptPubKey]),
    uint32(lockTime),
  );
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

function compactSize(value: number): Uint8Array {
  if (value < 0xfd) return Uint8Array.of(value);
  if (value <= 0xffff) return Uint8Array.of(0xfd, value & 0xff, value >> 8);
  return concatBytes(Uint8Array.of(0xfe), uint32(value));
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.slice(start, start + length);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  compactSize(): number {
    const first = this.#view.getUint8(this.#advance(1));
    if (first < 0xfd) return first;
    if (first === 0xff) throw new NotATransaction("a length of 2^32 or more");
    const [value, least] =
      first === 0xfd ? [this.#view.getUint16(this.#advance(2), true), 0xfd] : [this.uint32(), 0x10000];
    if (value < least) throw new NotATransaction("a length is not encoded the shortest way");
    return value;
  }

  /** Items of at least `minSize` bytes each: a count that the rest cannot hold is refused before anything is built. */
  list<T>(minSize: number, item: () => T): readonly T[] {
    const count = this.compactSize();
    if (count * minSize > this.#bytes.length - this.#at) throw new NotATransaction("more items than bytes");
    return Array.from({ length: count }, item);
  }

  /** Steps over BIP144's marker and flag if they are there. */
  takeSegwitMarker(): boolean {
    const segwit = this.#bytes[this.#at] === 0 && this.#bytes[this.#at + 1] === 1;
    if (segwit) this.#at += 2;
    return segwit;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new NotATransaction("bytes left over");
  }

  #advance(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new NotATransaction("bytes end early");
    this.#at += length;
    return start;
  }
}
