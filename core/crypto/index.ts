export { COMPACT_SIGNATURE_BYTES, digestScalar, encodeSignature, nonceCoordinate, verifyEcdsa } from "./ecdsa.ts";
export type { NonceCoordinate } from "./ecdsa.ts";
export {
  BASE_OTS,
  CHECK_BLOCKS,
  CHECK_BYTES,
  CHOICE_BYTES,
  COLUMN_BYTES,
  COLUMNS,
  LEAVES,
  MULTIPLY_OTS,
  ROW_BYTES,
  SEED_BYTES,
  TREES,
} from "./ot/parameters.ts";
export { portableEngine } from "./engine.ts";
export type { Ed25519Signer, Ed25519Verifier, Engine } from "./engine.ts";
export { ed25519Group } from "./groups/ed25519.ts";
export type { Group, GroupName, Point } from "./groups/group.ts";
export { invert, mod, randomScalar } from "./groups/scalar.ts";
export { pointSchema, pointsSchema, scalarSchema } from "./groups/schema.ts";
export { secp256k1Group } from "./groups/secp256k1.ts";
export { answerBaseOts, baseOtSchema, chooseBaseOts, openBaseOts, wipeChooser } from "./ot/endemic.ts";
export type { BaseOtChooser } from "./ot/endemic.ts";
export { extendAsReceiver, extendAsSender, extensionSchema } from "./ot/extension.ts";
export type { ExtensionMessage } from "./ot/extension.ts";
export { OtCheckFailed } from "./ot/failure.ts";
export type { OtCheck } from "./ot/failure.ts";
export { columnHashPrefix, gadgetPrefix, streamStart } from "./ot/kernel-inputs.ts";
export type { OtKernel, ScalarRows } from "./ot/kernel.ts";
export {
  answerMultiply,
  beginMultiply,
  checkExtension,
  finishMultiply,
  multiplySchema,
  wipeExtension,
  wipeReceiver,
} from "./ot/rvole.ts";
export type { CheckedExtension, MultiplyMessage, MultiplyReceiver } from "./ot/rvole.ts";
export { growTrees, regrowTrees, treeSchema, wipeLeaves } from "./ot/trees.ts";
export type { AllLeaves, PuncturedLeaves, TreeMessage } from "./ot/trees.ts";
export { commit, evaluateInExponent, isShareOf, sumCommitments } from "./sharing/feldman.ts";
export type { Commitment } from "./sharing/feldman.ts";
export { coefficientAtZero } from "./sharing/lagrange.ts";
export { evaluate, randomPolynomial } from "./sharing/polynomial.ts";
export type { Polynomial } from "./sharing/polynomial.ts";
export { transcriptScalar } from "./transcript.ts";
export { deriveChild, NO_TWEAK, resolveTweak, taggedHash, tweakPublicShare, tweakShare, xOnly } from "./tweaks.ts";
export type { ExtendedKey, TweakContext, Tweaked } from "./tweaks.ts";
export { knowledgeNonce, proveKnowledge, verifyKnowledge } from "./zk/knowledge.ts";
export type { KnowledgeNonce, KnowledgeStatement } from "./zk/knowledge.ts";
