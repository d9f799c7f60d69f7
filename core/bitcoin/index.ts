export { InclusionRefused, parseHeader, targetOf } from "./block-header.ts";
export type { BlockHeader, InclusionRefusal } from "./block-header.ts";
export { AddressError, dustLimit, outputType, parseAddress, printAddress } from "./address.ts";
export type { AddressErrorCode, OutputType, Recipient } from "./address.ts";
export { checkPayment, paymentRequestSchema } from "./check-payment.ts";
export type {
  CheckContext,
  KnownCoin,
  Objection,
  ObjectionCode,
  PaymentPolicy,
  PaymentRequest,
} from "./check-payment.ts";
export {
  confirmations,
  isMature,
  isTxid,
  outpointKey,
  outpointSchema,
  printHash,
  txidBytes,
  txidSchema,
} from "./coins.ts";
export type { Coin, Outpoint } from "./coins.ts";
export { descriptorChecksum } from "./descriptor-checksum.ts";
export {
  CHANGE,
  deriveScript,
  fingerprint,
  MAX_INDEX,
  printBranchDescriptor,
  printDescriptor,
  printExtendedKey,
  RECEIVE,
  tweakOf,
} from "./descriptor.ts";
export type { Branch, KeyHashScript, ScriptType, TaprootScript, Wallet, WalletScript } from "./descriptor.ts";
export { verifyEcdsa } from "./ecdsa.ts";
export { feeFor, feeRate, FeeRateError, feeRateSchema, parseFeeRate, printFeeRate, rateOf } from "./fee-rate.ts";
export type { FeeRate } from "./fee-rate.ts";
export { draftCancellation, draftPayment } from "./draft.ts";
export type { CancellationDraft, PaymentDraft } from "./draft.ts";
export { checkFee, defaultFeePolicy, estimateRate, FeeEstimateError } from "./fees.ts";
export type { Estimate, FeePolicy, FeeProblem, FeeProblemCode } from "./fees.ts";
export { finalizePayment, inputDigests, SignatureRefused } from "./finalize.ts";
export type { InputDigest, SignedTransaction } from "./finalize.ts";
export { hashMessage, MESSAGE_HASHES, refuseTransactionPreimage } from "./message.ts";
export type { MessageHash, PreimageCode, PreimageRefusal } from "./message.ts";
export { networks, networkSchema } from "./network.ts";
export type { Network, NetworkName } from "./network.ts";
export { paysNothingLike } from "./paid-outputs.ts";
export { buildPayment, MAX_INPUTS, MAX_METADATA_BYTES, metadataScript } from "./payment.ts";
export type { PaymentParts, SpentCoin } from "./payment.ts";
export { PaymentRefused } from "./payment-view.ts";
export type { PaymentInput, PaymentOutput, PaymentRefusal, PaymentView } from "./payment-view.ts";
export { MAX_PREVIOUS_BYTES, stripWitnesses } from "./previous.ts";
export { MAX_PSBT_BYTES, readPayment } from "./read-payment.ts";
export { checkReplacement, isCancellation } from "./replacement.ts";
export type { ReplacementContext, ReplacementObjection, ReplacementObjectionCode } from "./replacement.ts";
export { AmountError, MAX_SATS, parseAmount, sats, satsSchema, sumSats } from "./sats.ts";
export type { AmountErrorCode, Sats } from "./sats.ts";
export { verifySchnorr } from "./schnorr.ts";
export { CHANGE_DUST, maxPayable, selectCoins } from "./selection.ts";
export type { Selection, SelectionRequest } from "./selection.ts";
export { FeeTooHigh, FeeTooLow, InsufficientFunds, OutputBelowDust, TooManyInputs } from "./selection-errors.ts";
export { INPUT_WEIGHT, SIGNATURE_BYTES, transactionWeight, virtualSize } from "./size.ts";
export {
  checkSpending,
  checkSpendingPolicy,
  DAY_MS,
  findRecipient,
  MAX_RECIPIENTS,
  needsApproval,
  NO_SPENDING_LIMITS,
} from "./spending-policy.ts";
export type { KnownRecipient, SpendingObjection, SpendingObjectionCode, SpendingPolicy } from "./spending-policy.ts";
export { SAFE_DEPTH, spends, verifyInclusion } from "./spv.ts";
export type { Inclusion, InclusionClaim, MerkleProof } from "./spv.ts";
export { hash256, parseTransaction, serializeTransaction, TransactionError, txidOf } from "./transaction.ts";
export type { RawTransaction, TransactionInput, TransactionOutput } from "./transaction.ts";
export type { Prevout, SecondOpinion, SignedSpend } from "./verification.ts";
