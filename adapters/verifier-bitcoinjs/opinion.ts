/**
 * A second opinion on a signed transaction by bitcoinjs-lib (parser, signature hashes) and libsecp256k1 as WebAssembly
 * (curve): other code than what built and signed it. Knows exactly the two ways in which our wallets spend, Taproot key path
 * and P2WPKH, and the rules around the signature that consensus or relay policy adds (BIP141, 143, 146, 341).
 */
import type { Prevout, SecondOpinion, SignedSpend } from "@conclave/bitcoin";
import { crypto, script as scriptLib, Transaction } from "bitcoinjs-lib";
import { isPointCompressed, isXOnlyPoint, verify, verifySchnorr } from "tiny-secp256k1";

/** Every reason not to broadcast, by input where one is concerned. Never throws. */
export const bitcoinjsOpinion: SecondOpinion = ({ rawTx, prevouts }) => {
  const transaction = parse(rawTx);
  if (typeof transaction === "string") return [transaction];
  const whole = checkWhole(transaction, { rawTx, prevouts });
  // Signature hashes exist only for a transaction whose inputs and previous outputs match one to one.
  if (whole.length > 0) return whole;
  return prevouts.flatMap((prevout, i) => {
    const reason = checkInput(transaction, i, prevouts);
    return reason === undefined ? [] : [`input ${i} (${prevout.value} sat): ${reason}`];
  });
};

/** MAX_STANDARD_TX_WEIGHT: heavier transactions are not relayed. */
const MAX_STANDARD_WEIGHT = 400_000;
const MAX_MONEY = 2_100_000_000_000_000n;
const MAX_STANDARD_VERSION = 3;

function parse(rawTx: Uint8Array): Transaction | string {
  if (rawTx.length > MAX_STANDARD_WEIGHT) return "the transaction is too large to be relayed";
  try {
    return Transaction.fromBuffer(rawTx);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return "the bytes are not a transaction";
  }
}

/** Consensus and relay rules on the transaction as a whole. */
function checkWhole(transaction: Transaction, { rawTx, prevouts }: SignedSpend): readonly string[] {
  const { ins, outs, version } = transaction;
  const found: string[] = [];
  const rule = (holds: boolean, reason: string): void => void (holds || found.push(reason));
  const spent = prevouts.reduce((sum, { value }) => sum + value, 0n);
  const paid = outs.reduce((sum, { value }) => sum + value, 0n);
  const outpoints = new Set(ins.map(({ hash, index }) => `${hash.toString()}:${index}`));

  rule(ins.length > 0 && outs.length > 0, "the transaction has no input or no output");
  rule(ins.length === prevouts.length, `${ins.length} inputs, but ${prevouts.length} previous outputs`);
  rule(outpoints.size === ins.length, "the same coin is spent twice");
  rule(version >= 1 && version <= MAX_STANDARD_VERSION, `version ${version} is not relayed`);
  rule(
    [...outs, ...prevouts].every(({ value }) => value >= 0n && value <= MAX_MONEY),
    "an amount is out of range",
  );
  rule(spent <= MAX_MONEY && paid <= MAX_MONEY, "the amounts together are out of range");
  rule(paid <= spent, "the outputs are worth more than the inputs");
  if (found.length > 0) return found;
  rule(transaction.weight() <= MAX_STANDARD_WEIGHT, "the transaction is too heavy to be relayed");
  rule(sameBytes(transaction.toBuffer(), rawTx), "the bytes are not the canonical serialization");
  return found;
}

/** The first rule that an input breaks. */
function checkInput(transaction: Transaction, i: number, prevouts: readonly Prevout[]): string | undefined {
  const input = transaction.ins[i];
  const prevout = prevouts[i];
  if (input === undefined || prevout === undefined) return "there is no such input";
  // BIP141: "The scriptSig must be exactly empty or validation fails."
  if (input.script.length > 0) return "the scriptSig of a native segwit input is not empty";
  const { script } = prevout;
  if (isKeyHash(script)) return checkKeyHash(transaction, i, prevout);
  if (isTaproot(script)) return checkTaproot(transaction, i, prevouts);
  return "it spends a type of output that this wallet does not use";
}

const OP_1 = 0x51;
const isKeyHash = (script: Uint8Array): boolean => script.length === 22 && script[0] === 0 && script[1] === 20;
const isTaproot = (script: Uint8Array): boolean => script.length === 34 && script[0] === OP_1 && script[1] === 32;

/** BIP341 key path with the default hash type: one witness item of 64 bytes, which rules out annex and script path. */
function checkTaproot(transaction: Transaction, i: number, prevouts: readonly Prevout[]): string | undefined {
  const [signature, ...more] = transaction.ins[i]!.witness;
  if (signature === undefined || more.length > 0) return "a key path spend has exactly one witness item, without annex";
  if (signature.length !== 64) return "the signature has not 64 bytes: only the default hash type is allowed";
  const key = prevouts[i]!.script.slice(2);
  if (!isXOnlyPoint(key)) return "the output key is not on the curve";
  const scripts = prevouts.map(({ script }) => script);
  const values = prevouts.map(({ value }) => value);
  const digest = transaction.hashForWitnessV1(i, scripts, values, Transaction.SIGHASH_DEFAULT);
  return holds(() => verifySchnorr(digest, key, signature)) ? undefined : "the Schnorr signature does not verify";
}

/** BIP143 with SIGHASH_ALL: signature and 33-byte key, whose hash is the program; strict DER and low S (BIP66, BIP146). */
function checkKeyHash(transaction: Transaction, i: number, { script, value }: Prevout): string | undefined {
  const [signature, publicKey, ...more] = transaction.ins[i]!.witness;
  if (signature === undefined || publicKey === undefined || more.length > 0) {
    return "the witness is not one signature and one key";
  }
  const program = script.slice(2);
  if (!isPointCompressed(publicKey)) return "the public key is not a compressed point";
  if (!sameBytes(crypto.hash160(publicKey), program)) return "the public key is not the one that the coin is locked to";
  const decoded = decodeDer(signature);
  if (decoded === undefined) return "the signature is not strict DER";
  if (decoded.hashType !== Transaction.SIGHASH_ALL) return "only the hash type ALL is allowed";
  const scriptCode = Uint8Array.of(0x76, 0xa9, 20, ...program, 0x88, 0xac);
  const digest = transaction.hashForWitnessV0(i, scriptCode, value, Transaction.SIGHASH_ALL);
  if (holds(() => verify(digest, publicKey, decoded.signature, true))) return undefined;
  return holds(() => verify(digest, publicKey, decoded.signature))
    ? "the S value of the signature is high: it would not be relayed"
    : "the ECDSA signature does not verify";
}

function decodeDer(signature: Uint8Array): { readonly signature: Uint8Array; readonly hashType: number } | undefined {
  try {
    return scriptLib.signature.decode(signature);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}

/** libsecp256k1's wrapper throws a `TypeError` instead of saying no to a signature whose numbers are out of range. */
function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return false;
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
