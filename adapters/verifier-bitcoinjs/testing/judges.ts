/** Two more implementations that judge the same transactions, so that our verdicts are not only our own. Tests only. */
import { createRequire } from "node:module";
import type { SignedSpend } from "@conclave/bitcoin";
import * as libsecp from "tiny-secp256k1";
import * as wally from "wallycore";

/** The part of bitcore-lib (which has no types) that is used here. */
interface Bitcore {
  readonly Transaction: (new (raw: Buffer) => BitcoreTransaction) & {
    readonly Output: new (output: { satoshis: number; script: unknown }) => unknown;
  };
  readonly Script: { readonly fromBuffer: (script: Buffer) => unknown };
}
interface BitcoreTransaction {
  readonly inputs: { output: unknown; readonly script: unknown; readonly witnesses: readonly Buffer[] }[];
}
interface BitcoreInterpreter {
  new (): {
    errstr: string;
    verify(
      scriptSig: unknown,
      script: unknown,
      tx: BitcoreTransaction,
      i: number,
      flags: number,
      witness: readonly Buffer[],
      satoshis: number,
    ): boolean;
  };
  readonly [flag: `SCRIPT_VERIFY_${string}`]: number;
}

const load = createRequire(import.meta.url);
const bitcore = load("bitcore-lib") as Bitcore;
const Interpreter = load("bitcore-lib/lib/script/interpreter.js") as BitcoreInterpreter;
const schnorr = load("bitcore-lib/lib/crypto/schnorr.js") as {
  verify: (key: unknown, message: Buffer, signature: unknown) => boolean;
};

// bitcore's own Schnorr verification refuses valid signatures of keys that begin with a zero byte; libsecp256k1 does not.
schnorr.verify = (key, message, signature) => {
  const point = (key as { point?: { x: { toBuffer: (options: { size: number }) => Buffer } } }).point;
  const publicKey = point === undefined ? (key as Buffer) : point.x.toBuffer({ size: 32 });
  const bytes =
    typeof (signature as { toBuffer?: unknown }).toBuffer === "function"
      ? (signature as { toBuffer: () => Buffer }).toBuffer()
      : (signature as Buffer);
  const short = bytes.subarray(0, 64);
  return libsecp.isXOnlyPoint(publicKey) && short.length === 64 && libsecp.verifySchnorr(message, publicKey, short);
};

const FLAGS = ["P2SH", "STRICTENC", "DERSIG", "LOW_S", "WITNESS", "NULLFAIL", "WITNESS_PUBKEYTYPE", "TAPROOT"].reduce(
  (flags, name) => flags | (Interpreter[`SCRIPT_VERIFY_${name}`] ?? 0),
  0,
);

/** True if bitcore's script interpreter, under relay policy's flags, accepts every input. */
export function interpreterAccepts({ rawTx, prevouts }: SignedSpend): boolean {
  const transaction = new bitcore.Transaction(Buffer.from(rawTx));
  const scripts = prevouts.map(({ script }) => bitcore.Script.fromBuffer(Buffer.from(script)));
  for (const [i, input] of transaction.inputs.entries()) {
    input.output = new bitcore.Transaction.Output({ satoshis: Number(prevouts[i]!.value), script: scripts[i] });
  }
  return transaction.inputs.every((input, i) =>
    new Interpreter().verify(
      input.script,
      scripts[i],
      transaction,
      i,
      FLAGS,
      input.witnesses,
      Number(prevouts[i]!.value),
    ),
  );
}

// libwally's constants, which its type declarations leave out.
const EC_FLAG_ECDSA = 1;
const EC_FLAG_SCHNORR = 2;
const WALLY_SIGHASH_DEFAULT = 0;
const WALLY_SIGHASH_ALL = 1;
const WALLY_TX_FLAG_USE_WITNESS = 1;

/**
 * True if libwally's signature hashes (ALL for P2WPKH, DEFAULT for Taproot, whatever byte follows the signature) and
 * libsecp256k1 accept every signature. Knows no rule besides.
 */
export function wallyAccepts({ rawTx, prevouts }: SignedSpend): boolean {
  const transaction = wally.tx_from_bytes(rawTx, WALLY_TX_FLAG_USE_WITNESS);
  try {
    return prevouts.every((_, i) => wallyAcceptsInput(transaction, prevouts, i));
  } finally {
    wally.tx_free(transaction);
  }
}

function wallyAcceptsInput(
  transaction: ReturnType<typeof wally.tx_from_bytes>,
  prevouts: SignedSpend["prevouts"],
  i: number,
): boolean {
  const { script, value } = prevouts[i]!;
  const witness = (item: number): Uint8Array => Uint8Array.from(wally.tx_get_input_witness(transaction, i, item));
  if (script[0] === 0x51) {
    const scripts = wally.map_init(prevouts.length, null);
    for (const [n, prevout] of prevouts.entries()) wally.map_add_integer(scripts, n, prevout.script);
    const values = prevouts.map((prevout) => prevout.value);
    const digest = wally.tx_get_btc_taproot_signature_hash(
      transaction,
      i,
      scripts,
      values,
      null,
      0,
      0xffff_ffff,
      null,
      WALLY_SIGHASH_DEFAULT,
      0,
    );
    return libsecpAccepts(script.slice(2), digest, EC_FLAG_SCHNORR, witness(0).slice(0, 64));
  }
  const scriptCode = Uint8Array.of(0x76, 0xa9, 20, ...script.slice(2), 0x88, 0xac);
  const digest = wally.tx_get_btc_signature_hash(
    transaction,
    i,
    scriptCode,
    value,
    WALLY_SIGHASH_ALL,
    WALLY_TX_FLAG_USE_WITNESS,
  );
  const compact = wally.ec_sig_from_der(witness(0).slice(0, -1));
  return libsecpAccepts(witness(1), digest, EC_FLAG_ECDSA, compact);
}

/** libwally reports a signature that does not verify by throwing. */
function libsecpAccepts(key: Uint8Array, digest: Uint8Array, flag: number, signature: Uint8Array): boolean {
  try {
    wally.ec_sig_verify(key, digest, flag, signature);
    return true;
  } catch {
    return false;
  }
}
