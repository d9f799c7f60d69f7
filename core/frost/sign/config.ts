/** What a signer brings into a session, and the rules it must keep. Checked before any randomness is drawn. */
import { assert } from "@conclave/bytes";
import type { Group, Point, TweakContext } from "@conclave/crypto";
import { MAX_PARTIES, type Context, type PartyIndex } from "@conclave/protocol";
import type { Suite, SuiteId } from "../suite.ts";

export interface SignConfig {
  /** The suite that the key was made for, from its record. */
  readonly suite: SuiteId;
  /** 32 bytes. */
  readonly keyId: Uint8Array;
  readonly epoch: number;
  /** t: exactly so many parties sign. */
  readonly threshold: number;
  /** The group key as stored, before any tweak. */
  readonly publicKey: Point;
  /** BIP32 chain code, 32 bytes; null on ed25519, where nothing is derived. */
  readonly chainCode: Uint8Array | null;
  /** X_i of the key's committee, untweaked; the signers' at least. */
  readonly publicShares: ReadonlyMap<PartyIndex, Point>;
  /** Own x_i, untweaked, in [1, q). */
  readonly share: bigint;
  readonly tweak: TweakContext;
  /** What is signed. Taproot: the 32-byte signature hash. */
  readonly message: Uint8Array;
  /** 32 bytes that name what was approved: signers who approved something else do not sign together. */
  readonly approval: Uint8Array;
}

/** Throws `AssertionError` on a config that custody must never make. */
export function checkConfig(suite: Suite, { committee, self }: Context, config: SignConfig): void {
  const { group, messageBytes } = suite;
  assert(config.suite === suite.id, `a share of ${config.suite} does not sign in ${suite.id}`);
  assert(config.keyId.length === 32, "a key id is 32 bytes");
  assert(config.approval.length === 32, "an approval is 32 bytes");
  assert(Number.isSafeInteger(config.epoch) && config.epoch >= 0, "an epoch is a non-negative integer");
  assert(
    Number.isInteger(config.threshold) && config.threshold >= 2 && config.threshold <= MAX_PARTIES,
    `a threshold is 2 to ${MAX_PARTIES}`,
  );
  assert(committee.length === config.threshold, "exactly the threshold of parties sign");
  checkSigners(committee);
  assert(
    committee.every((party) => config.publicShares.has(party)),
    "every signer has a public share",
  );
  assert(committee.includes(self), "a party signs only among signers that include it");
  assert(config.share > 0n && config.share < group.order, "a share is a scalar from 1 to q − 1");
  const { length } = config.message;
  assert(
    length >= messageBytes.min && length <= messageBytes.max,
    `a message of ${suite.id} is ${messageBytes.min} to ${messageBytes.max} bytes`,
  );
  checkTweak(group, suite, config);
}

function checkSigners(committee: readonly PartyIndex[]): void {
  assert(
    committee.every((party) => Number.isInteger(party) && party >= 1 && party <= MAX_PARTIES),
    `signers are numbered 1 to ${MAX_PARTIES}`,
  );
  assert(
    committee.every((party, i) => i === 0 || party > committee[i - 1]!),
    "signers ascend and are distinct",
  );
}

function checkTweak({ name }: Group, { evenY }: Suite, { chainCode, tweak }: SignConfig): void {
  if (name === "secp256k1") {
    assert(chainCode !== null && chainCode.length === 32, "a chain code is 32 bytes");
    assert(evenY || tweak.taproot === null, "only a Taproot key signs for a Taproot output");
  } else {
    assert(chainCode === null, "an ed25519 key has no chain code");
    assert(tweak.path.length === 0 && tweak.taproot === null, "an ed25519 key is not tweaked");
  }
}
