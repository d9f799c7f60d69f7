/**
 * What a party keeps of a key. The record is public within the cluster; the share adds this party's secret. Bytes from a
 * disk or a peer are *dirty*: only `validateRecord` and `validateShare` give the types that signing accepts.
 */
import {
  CodecError,
  equalBytes,
  fixedBytes,
  list,
  literal,
  record,
  text,
  transcript,
  uint,
  codec,
  type Codec,
} from "@conclave/bytes";
import { coefficientAtZero, pointSchema, scalarSchema, type Group, type GroupName, type Point } from "@conclave/crypto";
import { MAX_PARTIES, partyIndex, type PartyIndex } from "@conclave/protocol";

/** Which protocol a key signs with. One key has one scheme: mixing ECDSA and Schnorr under one key has no proof. */
export type Scheme = "frost-secp256k1-taproot" | "frost-secp256k1" | "frost-ed25519" | "dkls23-secp256k1";

/** What a key may sign: payments of one Bitcoin network, or messages. Never both. */
export type Purpose = `wallet/${string}` | "messages";

export const SCHEMES = [
  "frost-secp256k1-taproot",
  "frost-secp256k1",
  "frost-ed25519",
  "dkls23-secp256k1",
] as const satisfies readonly Scheme[];

/** What can spend a wallet's coins: BIP340 for Taproot outputs, ECDSA for segwit version 0. */
const WALLET_SCHEMES: readonly Scheme[] = ["frost-secp256k1-taproot", "dkls23-secp256k1"];

export const curveOf = (scheme: Scheme): GroupName => (scheme === "frost-ed25519" ? "ed25519" : "secp256k1");

/** One member of a key's committee. */
export interface KeyParty {
  /** x-coordinate of its share. */
  readonly index: PartyIndex;
  /** Envelope key of the node that holds the share, 32 bytes. */
  readonly node: Uint8Array;
  /** X_i = x_i·G. */
  readonly publicShare: Point;
}

export interface KeyRecord {
  readonly version: 1;
  readonly curve: GroupName;
  readonly scheme: Scheme;
  readonly purpose: Purpose;
  /** How often the key was refreshed or reshared; 0 as generated. */
  readonly epoch: number;
  /** t: how many parties sign. */
  readonly threshold: number;
  /** q: how many votes approve. */
  readonly quorum: number;
  /** Ascending by index. */
  readonly parties: readonly KeyParty[];
  readonly publicKey: Point;
  /** BIP32 chain code, 32 bytes, made jointly. */
  readonly chainCode: Uint8Array;
  /** T: hash of the ceremony that every party signed. */
  readonly certificate: Uint8Array;
}

export interface KeyShare {
  readonly record: KeyRecord;
  readonly self: PartyIndex;
  /** x_i, in [1, q). */
  readonly secret: bigint;
}

declare const validated: unique symbol;
/** A record or share that passed validation. */
export type Valid<T> = T & { readonly [validated]: true };

const PURPOSE = /^(?:wallet\/(?:mainnet|testnet|testnet4|signet|regtest)|messages)$/;

const recordSchema = (group: Group) =>
  record({
    version: uint({ min: 1, max: 1 }),
    curve: literal(group.name),
    scheme: literal(...SCHEMES),
    purpose: text({ max: 32, pattern: PURPOSE }),
    epoch: uint(),
    threshold: uint({ min: 2, max: MAX_PARTIES }),
    quorum: uint({ min: 2, max: MAX_PARTIES }),
    parties: list(record({ index: partyIndex, node: fixedBytes(32), publicShare: pointSchema(group) }), {
      min: 2,
      max: MAX_PARTIES,
    }),
    publicKey: pointSchema(group),
    chainCode: fixedBytes(32),
    certificate: fixedBytes(32),
  });

export const keyRecordCodec = (group: Group): Codec<KeyRecord> =>
  codec(recordSchema(group)) as unknown as Codec<KeyRecord>;

export const keyShareCodec = (group: Group): Codec<KeyShare> =>
  codec(
    record({ record: recordSchema(group), self: partyIndex, secret: scalarSchema(group) }),
  ) as unknown as Codec<KeyShare>;

/** 32 bytes that name a key for ever: unchanged by refresh and reshare. */
export const keyId = (group: Group, { scheme, purpose, publicKey }: KeyRecord): Uint8Array =>
  transcript("keys/id", { scheme, purpose, publicKey: group.encode(publicKey) });

/** Throws `CodecError` saying which rule the record breaks. */
export function validateRecord(group: Group, dirty: KeyRecord): Valid<KeyRecord> {
  const { scheme, curve, parties, threshold, quorum } = dirty;
  const check = (holds: boolean, rule: string): void => {
    if (!holds) throw new CodecError(`key record: ${rule}`);
  };
  check(curve === group.name && curveOf(scheme) === curve, "scheme and curve belong together");
  check(
    WALLET_SCHEMES.includes(scheme) || dirty.purpose === "messages",
    "a wallet key signs for Taproot, or by ECDSA with DKLS23",
  );
  check(threshold <= parties.length, "the threshold is at most the number of parties");
  check(
    quorum >= threshold && quorum <= parties.length,
    "the quorum lies between the threshold and the number of parties",
  );
  check(
    parties.every(({ index }, i) => i === 0 || index > parties[i - 1]!.index),
    "parties ascend by index",
  );
  check(new Set(parties.map(({ node }) => node.join())).size === parties.length, "a node holds one share");
  check(sharesFit(group, dirty), "public shares lie on one polynomial of the right degree through the public key");
  return dirty as Valid<KeyRecord>;
}

/**
 * Every public share, not only t of them, must follow from the first t: interpolate each further point and compare. And t − 1
 * of them must not be enough, or the record would promise a higher threshold than its shares were dealt with.
 */
function sharesFit(group: Group, { parties, threshold, publicKey }: KeyRecord): boolean {
  const base = parties.slice(0, threshold);
  const interpolates = (points: readonly KeyParty[]): boolean => {
    const indices = points.map(({ index }) => index);
    const weights = indices.map((index) => coefficientAtZero(group, indices, index));
    return group.equals(
      group.combine(
        points.map(({ publicShare }) => publicShare),
        weights,
      ),
      publicKey,
    );
  };
  const further = parties.slice(threshold);
  return (
    interpolates(base) &&
    further.every((party) => interpolates([...base.slice(1), party])) &&
    !interpolates(base.slice(1))
  );
}

/** Throws `CodecError` unless the record is valid and the secret belongs to the party's public share. */
export function validateShare(group: Group, dirty: KeyShare): Valid<KeyShare> {
  validateRecord(group, dirty.record);
  const own = dirty.record.parties.find(({ index }) => index === dirty.self);
  if (own === undefined) throw new CodecError("key share: its party is not in the record");
  if (dirty.secret === 0n || !group.equals(group.multiplyBaseSecret(dirty.secret), own.publicShare)) {
    throw new CodecError("key share: the secret does not belong to the public share");
  }
  return dirty as Valid<KeyShare>;
}

/** The committee member that a node is; undefined for others. */
export const partyOf = (key: KeyRecord, node: Uint8Array): KeyParty | undefined =>
  key.parties.find((party) => equalBytes(party.node, node));
