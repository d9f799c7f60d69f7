import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { secp256k1Group } from "@conclave/crypto";
import { keyRecordCodec, type Scheme } from "@conclave/keys";

/** What a host needs to know of a key: the public record in plain data. */
export interface KeyView {
  readonly scheme: Scheme;
  readonly purpose: string;
  readonly epoch: number;
  readonly threshold: number;
  readonly quorum: number;
  /** Ascending by party number. */
  readonly members: readonly { readonly index: number; readonly node: NodeId }[];
  /** 33 bytes compressed. */
  readonly publicKey: Uint8Array;
  readonly chainCode: Uint8Array;
}

/** Throws `CodecError` on bytes that are no key record. */
export function viewKey(record: Uint8Array): KeyView {
  const { scheme, purpose, epoch, threshold, quorum, parties, publicKey, chainCode } =
    keyRecordCodec(secp256k1Group).decode(record);
  const members = parties.map(({ index, node }) => ({ index, node: toHex(node) as NodeId }));
  return { scheme, purpose, epoch, threshold, quorum, members, publicKey: secp256k1Group.encode(publicKey), chainCode };
}
