/**
 * DKLS23 signing, last round: every signer publishes its part of numerator and denominator; s is their quotient. Nothing that
 * is not a valid signature leaves this round. Which partial was wrong cannot be told: a failure blames nobody.
 */
import { assert, codec, record, type Codec } from "@conclave/bytes";
import {
  digestScalar,
  encodeSignature,
  type Engine,
  type Group,
  invert,
  mod,
  nonceCoordinate,
  scalarSchema,
  verifyEcdsa,
} from "@conclave/crypto";
import { enter, Fault, type Context, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import type { EncodedPoint } from "../encoded-point.ts";
import { presignatureId } from "../presignature.ts";
import type { Prepared } from "./goal.ts";
import { ecdsaNonceRecordCodec } from "./nonce-record.ts";
import { disclosureCodec, type Disclosure } from "./statement.ts";

/** Public from here on: the secrets of the nonce were spent on it. */
export interface PartialSignature {
  /** s0_i + m·φ_i */
  readonly numerator: bigint;
  /** s1_i */
  readonly denominator: bigint;
}

/** A round-4 state over whatever the signers agreed on. */
export interface CombineState<Agreed> {
  readonly context: Context;
  readonly agreed: Agreed;
  readonly R: EncodedPoint;
  readonly publicKey: EncodedPoint;
  readonly digest: Uint8Array;
  /** H(ssid) of the session that made R. */
  readonly presignature: Uint8Array;
  readonly own: PartialSignature;
}

interface CombineTypes<Agreed> {
  state: CombineState<Agreed>;
  publicState: Agreed;
  broadcast: PartialSignature;
  direct: null;
  checked: PartialSignature;
  result: Uint8Array;
}

/** s0_i + m·φ_i and s1_i. */
export const partialOf = (
  group: Group,
  digest: Uint8Array,
  { s0, s1, phi }: { readonly s0: bigint; readonly s1: bigint; readonly phi: bigint },
): PartialSignature => ({ numerator: mod(s0 + digestScalar(group, digest) * phi, group.order), denominator: s1 });

/** Publish the partial, once the record of what the nonce was spent on is durable. */
export const enterCombine = <Agreed>(
  round: Round<CombineTypes<Agreed>>,
  state: CombineState<Agreed>,
): Step<Uint8Array> =>
  enter(round, state, { broadcast: state.own }, [
    ecdsaNonceRecordCodec.encode({
      kind: "ecdsa-nonce",
      presignature: state.presignature,
      digest: state.digest,
      publicKey: state.publicKey.bytes,
    }),
  ]);

/** The last round of a session that signs at once. */
export function concludeSign(engine: Engine, prepared: Prepared): Step<Uint8Array> {
  const { context, disclosure, R } = prepared;
  const { digest, publicKey, session } = disclosure;
  assert(digest !== null, "a session that signs has a digest from its first round");
  const own = partialOf(engine.secp256k1, digest, prepared);
  const state = { context, agreed: disclosure, R, publicKey, digest, presignature: presignatureId(session), own };
  return enterCombine(signCombineRound(engine), state);
}

export const signCombineRound = (engine: Engine): Round<CombineTypes<Disclosure>> =>
  combineRound(engine, "dkls23/sign/4-combine", disclosureCodec(engine.secp256k1));

export const combineRound = <Agreed>(
  engine: Engine,
  name: string,
  publicState: Codec<Agreed>,
): Round<CombineTypes<Agreed>> => ({
  name,
  broadcast: codec(record({ numerator: scalarSchema(engine.secp256k1), denominator: scalarSchema(engine.secp256k1) })),
  direct: null,
  echo: false,
  // The signature proves itself. There is no check of one partial, so that on failure nobody is named.
  judging: "on-failure",
  publicState,
  open: ({ agreed }) => agreed,
  senders: ({ context }) => context.committee,
  receivers: ({ context }) => context.committee,
  checkPublic: () => {},
  checkPrivate: (_state, _from, partial) => partial,
  finish: (state, peers) => ({ kind: "done", result: combine(engine.secp256k1, state, peers) }),
  wipe: () => {},
});

/** s = Σ(s0 + m·φ) / Σs1. */
function combine(
  group: Group,
  { R, publicKey, digest, own }: CombineState<unknown>,
  peers: ReadonlyMap<PartyIndex, PartialSignature>,
): Uint8Array {
  const sum = (of: (partial: PartialSignature) => bigint): bigint =>
    mod(
      [own, ...peers.values()].reduce((total, partial) => total + of(partial), 0n),
      group.order,
    );
  const denominator = sum((partial) => partial.denominator);
  if (denominator === 0n) throw new Fault("mismatch", "the partial signatures have no quotient");
  const s = mod(sum((partial) => partial.numerator) * invert(denominator, group.order), group.order);
  const signature = encodeSignature(group, nonceCoordinate(group, R.bytes), s);
  if (!verifyEcdsa(group, publicKey.point, digest, signature)) {
    throw new Fault("mismatch", "the partial signatures make no valid signature");
  }
  return signature;
}
