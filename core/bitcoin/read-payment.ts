/**
 * Reading a payment that somebody else built. Nothing in the bytes is believed: every script of ours is derived again, and
 * the whole PSBT is rebuilt from what was understood. Only equal bytes are accepted, so there is one PSBT per payment.
 */
import { equalBytes } from "@conclave/bytes";
import { RawPSBTV0 } from "@scure/btc-signer/psbt.js";
import { RawOldTx } from "@scure/btc-signer/script.js";
import { outputType } from "./address.ts";
import { outpointKey, printHash } from "./coins.ts";
import { CHANGE, deriveScript, fingerprint, MAX_INDEX } from "./descriptor.ts";
import type { Branch, ScriptType, Wallet, WalletScript } from "./descriptor.ts";
import {
  buildPayment,
  LOCKTIME_THRESHOLD,
  MAX_INPUTS,
  metadataScript,
  MAX_METADATA_BYTES,
  REPLACEABLE_SEQUENCE,
  TRANSACTION_VERSION,
  unsignedTransaction,
} from "./payment.ts";
import { PaymentRefused, signedWeight } from "./payment-view.ts";
import type { PaymentInput, PaymentOutput, PaymentView } from "./payment-view.ts";
import { readPrevious } from "./previous.ts";
import { MAX_SATS, sats, sumSats } from "./sats.ts";
import type { Sats } from "./sats.ts";
import { virtualSize } from "./size.ts";
import { hash256, serializeStripped } from "./transaction.ts";

/**
 * Largest PSBT of each wallet type. 20 Taproot inputs of 170 bytes and three outputs need a quarter of theirs. P2WPKH adds
 * `MAX_PREVIOUS_BYTES`; 384 KiB keep two proposals, as evidence of a contradiction shows them, within a frame of 1 MiB.
 */
export const MAX_PSBT_BYTES: { readonly [T in ScriptType]: number } = { p2tr: 16_384, p2wpkh: 393_216 };
/** Recipient, metadata, change. */
const MAX_OUTPUTS = 3;

const TAPROOT_ORIGIN = ["tapInternalKey", "tapBip32Derivation"];
const KEY_HASH_ORIGIN = ["bip32Derivation"];

/** How each wallet type's coins are described and signed. The hash type is never spelled out: that would be a second encoding. */
const SPENDING = {
  p2tr: {
    hashType: 0,
    hashTypeName: "DEFAULT",
    originFields: TAPROOT_ORIGIN,
    inputFields: ["witnessUtxo", ...TAPROOT_ORIGIN],
  },
  p2wpkh: {
    hashType: 1,
    hashTypeName: "ALL",
    originFields: KEY_HASH_ORIGIN,
    inputFields: ["nonWitnessUtxo", "witnessUtxo", ...KEY_HASH_ORIGIN],
  },
} as const;

/** Throws `PaymentRefused`. Costs two point multiplications per input, so callers check the sender first. */
export function readPayment(psbt: Uint8Array, wallet: Wallet): PaymentView {
  const decoded = decode(psbt, MAX_PSBT_BYTES[wallet.scriptType]);
  const transaction = frame(decoded);
  const inputs = decoded.inputs.map((input, i) => readInput(wallet, transaction.inputs[i]!, input));
  const keys = new Set(inputs.map(({ outpoint }) => outpointKey(outpoint)));
  if (keys.size !== inputs.length) throw new PaymentRefused("duplicate-input", "the same coin is spent twice");
  const outputs = transaction.outputs.map(({ amount, script }) => ({ value: amountOf(amount), script }));
  const parts = { inputs, locktime: transaction.lockTime, ...classify(wallet, outputs, decoded.outputs) };
  const fee = feeOf(inputs, outputs);
  const rebuilt = buildPayment(wallet, {
    ...parts,
    inputs: inputs.map(({ own, ...input }) => ({ ...input, branch: own.branch, index: own.index })),
  });
  if (!equalBytes(rebuilt, psbt)) {
    throw new PaymentRefused(
      "not-canonical",
      "the PSBT is not the one encoding of this payment (order, repeated or reordered fields)",
    );
  }
  const txid = printHash(
    hash256(serializeStripped(unsignedTransaction({ inputs, outputs, locktime: parts.locktime }))),
  );
  return {
    wallet,
    psbt: Uint8Array.from(psbt),
    txid,
    outputs,
    fee,
    vsize: virtualSize(signedWeight({ wallet, inputs, outputs })),
    ...parts,
  } as unknown as PaymentView;
}

type DecodedPsbt = ReturnType<typeof RawPSBTV0.decode>;
type InputFields = DecodedPsbt["inputs"][number];
type UnsignedTx = ReturnType<typeof RawOldTx.decode>;

function decode(psbt: Uint8Array, maxBytes: number): DecodedPsbt {
  if (psbt.length > maxBytes) {
    throw new PaymentRefused("too-large", `a payment has at most ${maxBytes} bytes, not ${psbt.length}`);
  }
  try {
    return RawPSBTV0.decode(psbt);
  } catch (cause) {
    throw new PaymentRefused("not-a-psbt", "the bytes are not a PSBT of version 0", { cause });
  }
}

/** Only these fields may appear in a map. Anything else could mean something to somebody. */
function onlyFields(map: object, allowed: readonly string[], where: string): void {
  const unknown = Object.keys(map).find((name) => !allowed.includes(name));
  if (unknown !== undefined)
    throw new PaymentRefused("unknown-field", `${where} holds the field ${unknown}, which no payment has`);
}

/** What concerns the transaction as a whole. */
function frame({ global }: DecodedPsbt): UnsignedTx {
  onlyFields(global, ["unsignedTx"], "the PSBT");
  const transaction: UnsignedTx | undefined = global.unsignedTx;
  if (transaction === undefined) throw new PaymentRefused("not-a-psbt", "the PSBT holds no transaction");
  const { version, lockTime, inputs, outputs } = transaction;
  if (version !== TRANSACTION_VERSION)
    throw new PaymentRefused("wrong-version", `transaction version ${version} instead of 2`);
  if (lockTime >= LOCKTIME_THRESHOLD)
    throw new PaymentRefused("locktime-not-a-height", "the locktime is a time, not a height");
  if (inputs.length < 1 || inputs.length > MAX_INPUTS) {
    throw new PaymentRefused("input-count", `${inputs.length} inputs where 1 to ${MAX_INPUTS} can be signed`);
  }
  if (outputs.length < 1 || outputs.length > MAX_OUTPUTS) {
    throw new PaymentRefused("output-count", `${outputs.length} outputs where a payment has 1 to ${MAX_OUTPUTS}`);
  }
  return transaction;
}

function readInput(wallet: Wallet, input: UnsignedTx["inputs"][number], fields: InputFields): PaymentInput {
  const outpoint = { txid: printHash(input.txid.toReversed()), vout: input.index };
  const where = `input ${outpointKey(outpoint)}`;
  const { hashType, hashTypeName, inputFields } = SPENDING[wallet.scriptType];
  if (fields.sighashType !== undefined && fields.sighashType !== hashType) {
    throw new PaymentRefused(
      "sighash-type",
      `${where} asks for hash type ${fields.sighashType}: only ${hashTypeName} signs the whole payment`,
    );
  }
  onlyFields(fields, inputFields, where);
  if (input.sequence !== REPLACEABLE_SEQUENCE) {
    throw new PaymentRefused(
      "wrong-sequence",
      `${where} has sequence ${input.sequence} instead of ${REPLACEABLE_SEQUENCE}`,
    );
  }
  const own = readOrigin(wallet, fields);
  if (
    own === undefined ||
    fields.witnessUtxo === undefined ||
    !equalBytes(fields.witnessUtxo.script, own.scriptPubKey)
  ) {
    throw new PaymentRefused("input-not-ours", `${where} does not spend a script of this wallet`);
  }
  const coin = { outpoint, value: amountOf(fields.witnessUtxo.amount), own };
  return own.scriptType === "p2tr" ? coin : { ...coin, previous: previousOf(coin, fields) };
}

/** BIP174: the transaction that made a P2WPKH coin, checked against its outpoint and what is claimed about it. */
function previousOf({ outpoint, value, own }: PaymentInput, { nonWitnessUtxo }: InputFields): Uint8Array {
  // Its witnesses, if it has any, fall away here: the rebuilt PSBT has none, so such a one is not canonical.
  const previous = nonWitnessUtxo === undefined ? undefined : RawOldTx.encode(nonWitnessUtxo);
  return serializeStripped(readPrevious({ outpoint, value, script: own.scriptPubKey }, previous));
}

/** Our own script at the path that the fields of BIP174 or BIP371 name; `undefined` if they do not describe one. */
function readOrigin(wallet: Wallet, fields: InputFields | DecodedPsbt["outputs"][number]): WalletScript | undefined {
  const origins =
    wallet.scriptType === "p2tr"
      ? fields.tapBip32Derivation?.map(([, { der }]) => der)
      : fields.bip32Derivation?.map(([, der]) => der);
  const [origin, ...more] = origins ?? [];
  if (origin === undefined || more.length > 0) return undefined;
  const { path, fingerprint: parent } = origin;
  const [branch, index, ...deeper] = path;
  if (deeper.length > 0 || !isBranch(branch) || index === undefined || index > MAX_INDEX) return undefined;
  return parent === fingerprint(wallet) ? deriveScript(wallet, branch, index) : undefined;
}

const isBranch = (value: number | undefined): value is Branch => value === 0 || value === 1;

function amountOf(value: bigint): Sats {
  if (value < 0n || value > MAX_SATS)
    throw new PaymentRefused("amount-out-of-range", "an amount is above 21 million BTC");
  return sats(value);
}

type Classified = Pick<PaymentView, "recipient" | "metadata" | "change">;

/** Each output is our change, the metadata, or what the recipient gets; none of them twice. */
function classify(wallet: Wallet, outputs: readonly PaymentOutput[], fields: DecodedPsbt["outputs"]): Classified {
  let { recipient, metadata, change }: Classified = { recipient: null, metadata: null, change: null };
  const once = (taken: unknown, what: string): void => {
    if (taken !== null) throw new PaymentRefused("output-count", `two outputs look like ${what}`);
  };
  for (const [i, output] of outputs.entries()) {
    const map = fields[i] ?? {};
    if (Object.keys(map).length > 0) {
      once(change, "change");
      change = readChange(wallet, output, map, i);
    } else if (output.script[0] === OP_RETURN) {
      once(metadata, "metadata");
      metadata = readMetadata(output);
    } else {
      once(recipient, "the recipient");
      if (outputType(output.script) === undefined) {
        throw new PaymentRefused("output-script", `output ${i} pays a script that has no address`);
      }
      recipient = output;
    }
  }
  if (recipient === null && change === null) throw new PaymentRefused("output-count", "the payment pays nobody");
  return { recipient, metadata, change };
}

function readChange(
  wallet: Wallet,
  output: PaymentOutput,
  fields: DecodedPsbt["outputs"][number],
  i: number,
): Classified["change"] {
  onlyFields(fields, SPENDING[wallet.scriptType].originFields, `output ${i}`);
  const own = readOrigin(wallet, fields);
  if (own === undefined || own.branch !== CHANGE || !equalBytes(own.scriptPubKey, output.script)) {
    throw new PaymentRefused(
      "change-not-ours",
      `output ${i} is declared as change, but is not a change script of this wallet`,
    );
  }
  return { index: own.index, value: output.value };
}

const OP_RETURN = 0x6a;

/** The bytes behind OP_RETURN's single push. That the push is the shortest is seen when the PSBT is rebuilt. */
function readMetadata({ value, script }: PaymentOutput): Uint8Array {
  const metadata = script.slice(script.length > 2 + 75 ? 3 : 2);
  const wellFormed =
    metadata.length > 0 && metadata.length <= MAX_METADATA_BYTES && equalBytes(metadataScript(metadata), script);
  if (!wellFormed || value !== 0n) {
    throw new PaymentRefused(
      "output-script",
      `OP_RETURN carries one push of 1 to ${MAX_METADATA_BYTES} bytes and no money`,
    );
  }
  return metadata;
}

function feeOf(inputs: readonly PaymentInput[], outputs: readonly PaymentOutput[]): Sats {
  const total = (values: readonly { readonly value: Sats }[]): bigint =>
    values.reduce((sum, { value }) => sum + value, 0n);
  const [spent, paid] = [total(inputs), total(outputs)];
  if (spent > MAX_SATS) throw new PaymentRefused("amount-out-of-range", "the inputs together are above 21 million BTC");
  if (paid >= spent) throw new PaymentRefused("negative-fee", "the outputs leave no fee");
  return sumSats([sats(spent - paid)]);
}
