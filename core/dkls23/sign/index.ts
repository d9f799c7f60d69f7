import type { Engine } from "@conclave/crypto";
import type { Protocol } from "@conclave/protocol";
import { presignatureId, unprintable, type Presignature } from "../presignature.ts";
import { SUITE } from "../suite.ts";
import { commitRound, startSign } from "./1-commit.ts";
import { multiplyRound } from "./2-multiply.ts";
import { openRound } from "./3-open.ts";
import { concludeSign, signCombineRound } from "./4-combine.ts";
import { checkDigest, type FinishConfig, type PresignConfig, type SignConfig } from "./config.ts";
import { finishRound, startFinish } from "./finish.ts";
import type { Goal, Prepared } from "./goal.ts";
import { disclosureHash } from "./statement.ts";

/**
 * DKLS23 signing in four rounds. The digest is agreed on before the first; each signer ends with the verified signature, 65
 * bytes: r ‖ s ‖ recovery id, s in the lower half.
 */
export function signProtocol(engine: Engine): Protocol<SignConfig, Uint8Array> {
  const goal: Goal<Uint8Array> = { name: "sign", conclude: (prepared) => concludeSign(engine, prepared) };
  return {
    id: `${SUITE}/sign`,
    rounds: [commitRound(engine, goal), multiplyRound(engine, goal), openRound(engine, goal), signCombineRound(engine)],
    start(context, config, rng) {
      checkDigest(config.digest);
      return startSign(engine, goal, { context, config, digest: config.digest }, rng);
    },
  };
}

/** The first three rounds, for a digest that comes later. Key, path, epoch, committee and setups are fixed before R is opened. */
export function presignProtocol(engine: Engine): Protocol<PresignConfig, Presignature> {
  const goal: Goal<Presignature> = {
    name: "presign",
    conclude: (prepared) => ({ kind: "done", result: presignatureOf(engine, prepared) }),
  };
  return {
    id: `${SUITE}/presign`,
    rounds: [commitRound(engine, goal), multiplyRound(engine, goal), openRound(engine, goal)],
    start: (context, config, rng) => startSign(engine, goal, { context, config, digest: null }, rng),
  };
}

/** The last round, from a presignature. Result as of `signProtocol`. */
export const finishProtocol = (engine: Engine): Protocol<FinishConfig, Uint8Array> => ({
  id: `${SUITE}/finish`,
  rounds: [finishRound(engine)],
  start: (context, config) => startFinish(engine, context, config),
});

function presignatureOf({ secp256k1: group }: Engine, prepared: Prepared): Presignature {
  const { context, disclosure, R, s0, s1, phi } = prepared;
  const { session, keyId, epoch, path, publicKey, signers, commitments } = disclosure;
  return {
    suite: SUITE,
    id: presignatureId(session),
    keyId,
    epoch,
    self: context.self,
    signers,
    path,
    publicKey,
    setups: commitments.get(context.self)!.setups,
    disclosure: disclosureHash(group, disclosure),
    R,
    secrets: unprintable({
      s0: group.encodeScalar(s0),
      s1: group.encodeScalar(s1),
      phi: group.encodeScalar(phi),
    }),
  };
}
