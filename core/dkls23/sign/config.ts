/** What a signer brings into a session, and the rules it must keep. Checked before any randomness is drawn. */
import { assert, equalBytes } from "@conclave/bytes";
import {
  coefficientAtZero,
  invert,
  mod,
  resolveTweak,
  type Group,
  type Point,
  type TweakContext,
} from "@conclave/crypto";
import type { Context, PartyIndex } from "@conclave/protocol";
import type { Edge } from "../edge.ts";
import { encodePoints, type EncodedPoint } from "../encoded-point.ts";
import type { Presignature } from "../presignature.ts";
import { MAX_SIGNERS } from "./statement.ts";

/** Which key signs, after which tweak, for which approval. */
export interface KeyOrder {
  /** 32 bytes. */
  readonly keyId: Uint8Array;
  readonly epoch: number;
  /** The group key as stored, before any tweak. */
  readonly publicKey: Point;
  /** BIP32 chain code, 32 bytes. */
  readonly chainCode: Uint8Array;
  /** BIP32 only: ECDSA knows no Taproot. */
  readonly tweak: TweakContext;
  /** 32 bytes that name what was approved: signers who approved something else do not sign together. */
  readonly approval: Uint8Array;
}

/** For a presignature: everything but the digest. */
export interface PresignConfig extends KeyOrder {
  /** t: exactly so many parties sign. */
  readonly threshold: number;
  /** Own x_i, untweaked, in [1, q). */
  readonly share: bigint;
  /** This party's edge to each other signer at least. The session reads them and leaves them to their owner. */
  readonly edges: ReadonlyMap<PartyIndex, Edge>;
}

export interface SignConfig extends PresignConfig {
  /** What is signed: 32 bytes, hashed by this party itself. */
  readonly digest: Uint8Array;
}

/** For using up a presignature. */
export interface FinishConfig extends KeyOrder {
  /** Read once: its secrets are zero afterwards. */
  readonly presignature: Presignature;
  /** The setups of this party's live edges to the other signers. */
  readonly setups: ReadonlyMap<PartyIndex, Uint8Array>;
  readonly digest: Uint8Array;
}

/** Throws `AssertionError` on a config that custody must never make. */
export function checkPresignConfig(group: Group, { committee, self }: Context, config: PresignConfig): void {
  checkKey(config);
  checkCommittee(committee);
  assert(committee.length === config.threshold, "exactly the threshold of parties sign");
  assert(config.share > 0n && config.share < group.order, "a share is a scalar from 1 to q − 1");
  for (const party of committee) {
    if (party === self) continue;
    const edge = config.edges.get(party);
    assert(edge !== undefined, `there is no edge to party ${party}`);
    assert(edge.peer === party, `the edge to party ${party} belongs to another party`);
    assert(edge.setup.length === 32, "a setup id is 32 bytes");
  }
}

/** Throws `AssertionError` unless the presignature was made for exactly this key, path, epoch, committee and setups. */
export function checkFinishConfig(group: Group, { committee, self }: Context, config: FinishConfig): void {
  const { presignature } = config;
  checkKey(config);
  checkCommittee(committee);
  checkDigest(config.digest);
  assert(equalBytes(presignature.keyId, config.keyId), "the presignature belongs to another key");
  assert(presignature.epoch === config.epoch, "the presignature belongs to another epoch");
  assert(presignature.self === self, "the presignature belongs to another party");
  assert(presignature.signers.join() === committee.join(), "the presignature belongs to another committee");
  assert(presignature.path.join() === config.tweak.path.join(), "the presignature belongs to another path");
  assert(
    equalBytes(presignature.publicKey.bytes, derivedKey(group, config).publicKey.bytes),
    "the presignature belongs to another derived key",
  );
  for (const party of committee) {
    if (party === self) continue;
    const setup = config.setups.get(party);
    assert(
      setup !== undefined && equalBytes(setup, presignature.setups.get(party)!),
      `the presignature belongs to another setup with party ${party}`,
    );
  }
}

export function checkDigest(digest: Uint8Array): void {
  assert(digest.length === 32, "a digest is 32 bytes");
}

function checkKey({ keyId, approval, epoch, chainCode, tweak }: KeyOrder): void {
  assert(keyId.length === 32, "a key id is 32 bytes");
  assert(approval.length === 32, "an approval is 32 bytes");
  assert(chainCode.length === 32, "a chain code is 32 bytes");
  assert(Number.isSafeInteger(epoch) && epoch >= 0, "an epoch is a non-negative integer");
  assert(tweak.taproot === null, "ECDSA does not sign for a Taproot output");
}

function checkCommittee(committee: readonly PartyIndex[]): void {
  assert(committee.length >= 2 && committee.length <= MAX_SIGNERS, `2 to ${MAX_SIGNERS} parties sign`);
  assert(
    committee.every((party, i) => Number.isInteger(party) && party >= 1 && (i === 0 || party > committee[i - 1]!)),
    "signers ascend and are distinct",
  );
}

/** The key that the signature verifies under, and what was added to the stored secret on the way (BIP32). */
export function derivedKey(
  group: Group,
  { publicKey, chainCode, tweak }: Pick<KeyOrder, "publicKey" | "chainCode" | "tweak">,
): { readonly publicKey: EncodedPoint; readonly offset: bigint } {
  const derived = resolveTweak(group, { publicKey, chainCode }, tweak, { evenY: false });
  return { publicKey: encodePoints(group, [derived.publicKey])[0]!, offset: derived.offset };
}

/** λ_i·x_i + offset/t: additive shares of the derived secret, before the shares of zero are added. */
export function additiveShare(
  group: Group,
  { committee, self }: Context,
  { share, offset }: { readonly share: bigint; readonly offset: bigint },
): bigint {
  const weighted = coefficientAtZero(group, committee, self) * share;
  return mod(weighted + offset * invert(BigInt(committee.length), group.order), group.order);
}
