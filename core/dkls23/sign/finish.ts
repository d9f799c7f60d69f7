/** Use up a presignature: one broadcast round. */
import { codec, fixedBytes, literal, record, uint, type Codec } from "@conclave/bytes";
import type { Engine, Group } from "@conclave/crypto";
import type { Context, PartyIndex, Step } from "@conclave/protocol";
import { encodedPointSchema, type EncodedPoint } from "../encoded-point.ts";
import { spendPresignature } from "../presignature.ts";
import { SUITE } from "../suite.ts";
import { combineRound, enterCombine, partialOf, type CombineState } from "./4-combine.ts";
import { checkFinishConfig, type FinishConfig } from "./config.ts";
import { pathSchema, signersSchema } from "./statement.ts";

/** What the signers must agree on: which presignature answers which digest. */
export interface FinishStatement {
  readonly suite: typeof SUITE;
  /** ssid of this session, 32 bytes. */
  readonly session: Uint8Array;
  readonly presignature: Uint8Array;
  /** Hash of all that was public when R was opened, every signer's setups among it. */
  readonly disclosure: Uint8Array;
  readonly keyId: Uint8Array;
  readonly epoch: number;
  readonly path: readonly number[];
  readonly publicKey: EncodedPoint;
  readonly R: EncodedPoint;
  readonly approval: Uint8Array;
  readonly digest: Uint8Array;
  readonly signers: readonly PartyIndex[];
}

export const finishStatementCodec = (group: Group): Codec<FinishStatement> =>
  codec(
    record({
      suite: literal(SUITE),
      session: fixedBytes(32),
      presignature: fixedBytes(32),
      disclosure: fixedBytes(32),
      keyId: fixedBytes(32),
      epoch: uint(),
      path: pathSchema,
      publicKey: encodedPointSchema(group),
      R: encodedPointSchema(group),
      approval: fixedBytes(32),
      digest: fixedBytes(32),
      signers: signersSchema,
    }),
  );

type FinishRound = Parameters<typeof enterCombine<FinishStatement>>[0];

export const finishRound = (engine: Engine): FinishRound =>
  combineRound(engine, "dkls23/finish", finishStatementCodec(engine.secp256k1));

/** Check that the presignature is for this order, spend it, publish the partial. */
export function startFinish(engine: Engine, context: Context, config: FinishConfig): Step<Uint8Array> {
  const group = engine.secp256k1;
  checkFinishConfig(group, context, config);
  const { presignature } = config;
  const { id, disclosure, keyId, epoch, path, publicKey, R } = presignature;
  const digest = Uint8Array.from(config.digest);
  const agreed: FinishStatement = {
    suite: SUITE,
    session: Uint8Array.from(context.ssid),
    presignature: id,
    disclosure,
    keyId,
    epoch,
    path,
    publicKey,
    R,
    approval: Uint8Array.from(config.approval),
    digest,
    signers: context.committee,
  };
  const own = partialOf(group, digest, spendPresignature(group, presignature));
  const state: CombineState<FinishStatement> = { context, agreed, R, publicKey, digest, presignature: id, own };
  return enterCombine(finishRound(engine), state);
}
