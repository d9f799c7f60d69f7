import { fromHex, isHex } from "@conclave/bytes";
import { txidOf } from "@conclave/bitcoin";
import {
  type BlockHeader,
  ChainLied,
  type ChainTransaction,
  type Outpoint,
  type Outspend,
  type Position,
  type TransactionOutput,
} from "./chain.ts";
import { headerBytes, parseHeader } from "./block-header.ts";

/**
 * Parsers of Esplora's JSON. Each takes an unknown value and where it stood, and throws `ChainLied` naming the place if
 * the shape is not the documented one. Unknown fields are ignored: forks add some.
 */

type Fields = Readonly<Record<string, unknown>>;

/** All bitcoins there will ever be, in satoshis. */
const MAX_MONEY = 2_100_000_000_000_000;
const MAX_UINT32 = 0xffffffff;

const lie = (at: string, expected: string): never => {
  throw new ChainLied(`${at}: expected ${expected}`);
};

export function fieldsOf(value: unknown, at: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) lie(at, "an object");
  return value as Fields;
}

/** At most `max` values. */
export function listOf<T>(
  value: unknown,
  at: string,
  { max, item }: { max: number; item: (value: unknown, at: string) => T },
): readonly T[] {
  if (!Array.isArray(value) || value.length > max) return lie(at, `a list of at most ${max}`);
  return value.map((entry, i) => item(entry, `${at}[${i}]`));
}

export function whole(value: unknown, at: string, max = MAX_UINT32): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  return lie(at, `a whole number from 0 to ${max}`);
}

export const sats = (value: unknown, at: string): bigint => BigInt(whole(value, at, MAX_MONEY));

export function hash(value: unknown, at: string): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return value;
  return lie(at, "64 lower-case hexadecimal digits");
}

/** Consensus allows 10,000 bytes in a script that can run; outputs that cannot may be longer, up to a block. */
const MAX_SCRIPT_BYTES = 1_000_000;

function script(value: unknown, at: string): Uint8Array {
  if (typeof value === "string" && value.length <= 2 * MAX_SCRIPT_BYTES && isHex(value)) return fromHex(value);
  return lie(at, "a script in hexadecimal");
}

function flag(value: unknown, at: string): boolean {
  return typeof value === "boolean" ? value : lie(at, "true or false");
}

export function position(value: unknown, at: string): Position {
  const status = fieldsOf(value, at);
  if (!flag(status["confirmed"], `${at}.confirmed`)) return { kind: "waiting" };
  return {
    kind: "confirmed",
    height: whole(status["block_height"], `${at}.block_height`),
    blockHash: hash(status["block_hash"], `${at}.block_hash`),
    blockTime: whole(status["block_time"], `${at}.block_time`),
  };
}

function output(value: unknown, at: string): TransactionOutput {
  const fields = fieldsOf(value, at);
  return {
    scriptPubKey: script(fields["scriptpubkey"], `${at}.scriptpubkey`),
    value: sats(fields["value"], `${at}.value`),
  };
}

/** More inputs or outputs than fit a block. */
const MAX_ITEMS = 100_000;

/** A transaction whose fields hash to the txid it bears, which must be `expected` if given. */
export function transaction(value: unknown, at: string, expected?: string): ChainTransaction {
  const fields = fieldsOf(value, at);
  const txid = hash(fields["txid"], `${at}.txid`);
  if (expected !== undefined && txid !== expected) throw new ChainLied(`${at}: asked for ${expected}, got ${txid}`);
  const version = signedVersion(fields["version"], `${at}.version`);
  const lockTime = whole(fields["locktime"], `${at}.locktime`);
  const inputs = listOf(fields["vin"], `${at}.vin`, { max: MAX_ITEMS, item: input });
  const outputs = listOf(fields["vout"], `${at}.vout`, { max: MAX_ITEMS, item: output });
  const actual = txidOf({
    version,
    inputs: inputs.map((spent) => ({ ...spent, witness: [] })),
    outputs: outputs.map(({ value, scriptPubKey }) => ({ value, script: scriptPubKey })),
    locktime: lockTime,
  });
  if (actual !== txid) throw new ChainLied(`${at}: its parts hash to ${actual}, not to ${txid}`);
  return {
    txid,
    version,
    lockTime,
    inputs: inputs.map(({ outpoint, sequence, claimedPrevout }) => ({ outpoint, sequence, claimedPrevout })),
    outputs,
    position: position(fields["status"], `${at}.status`),
  };
}

/** Servers print the version signed or unsigned, by age. Returned unsigned. */
function signedVersion(value: unknown, at: string): number {
  const signed = typeof value === "number" && Number.isInteger(value) && value < 0 && value >= -0x80000000;
  return signed ? value >>> 0 : whole(value, at);
}

function input(value: unknown, at: string) {
  const fields = fieldsOf(value, at);
  const coinbase = flag(fields["is_coinbase"], `${at}.is_coinbase`);
  const prevout = fields["prevout"];
  return {
    outpoint: { txid: hash(fields["txid"], `${at}.txid`), vout: whole(fields["vout"], `${at}.vout`) },
    scriptSig: script(fields["scriptsig"], `${at}.scriptsig`),
    sequence: whole(fields["sequence"], `${at}.sequence`),
    claimedPrevout: coinbase || prevout === null ? null : output(prevout, `${at}.prevout`),
  };
}

/** A header rebuilt from a block's fields; its hash must be the block's id. */
export function block(value: unknown, at: string): { height: number; header: BlockHeader } {
  const fields = fieldsOf(value, at);
  const id = hash(fields["id"], `${at}.id`);
  const previous = fields["previousblockhash"];
  const raw = headerBytes({
    version: signedVersion(fields["version"], `${at}.version`) | 0,
    previous: previous === null ? "00".repeat(32) : hash(previous, `${at}.previousblockhash`),
    merkleRoot: hash(fields["merkle_root"], `${at}.merkle_root`),
    time: whole(fields["timestamp"], `${at}.timestamp`),
    bits: whole(fields["bits"], `${at}.bits`),
    nonce: whole(fields["nonce"], `${at}.nonce`),
  });
  return { height: whole(fields["height"], `${at}.height`), header: parseHeader(raw, id) };
}

/** An unspent output as the server puts it; its value is yet to be proven. */
export interface UtxoClaim {
  readonly outpoint: Outpoint;
  readonly value: bigint;
  readonly position: Position;
}

export function utxoClaim(value: unknown, at: string): UtxoClaim {
  const fields = fieldsOf(value, at);
  return {
    outpoint: { txid: hash(fields["txid"], `${at}.txid`), vout: whole(fields["vout"], `${at}.vout`) },
    value: sats(fields["value"], `${at}.value`),
    position: position(fields["status"], `${at}.status`),
  };
}

/** Null for an output that nothing spends. */
export function outspend(value: unknown, at: string): Outspend | null {
  const fields = fieldsOf(value, at);
  if (!flag(fields["spent"], `${at}.spent`)) return null;
  return {
    txid: hash(fields["txid"], `${at}.txid`),
    vin: whole(fields["vin"], `${at}.vin`),
    position: position(fields["status"], `${at}.status`),
  };
}

/** No estimate above this is an estimate: satoshis per vbyte. */
const MAX_FEE_RATE = 100_000;

export function feeEstimates(value: unknown, at: string): ReadonlyMap<number, number> {
  const entries = Object.entries(fieldsOf(value, at)).map(([target, rate]): [number, number] => {
    if (!/^[1-9]\d{0,3}$/.test(target)) return lie(at, "numbers of blocks");
    if (typeof rate !== "number" || !(rate > 0 && rate <= MAX_FEE_RATE)) return lie(`${at}.${target}`, "a fee rate");
    return [Number(target), rate];
  });
  return new Map(entries.sort(([a], [b]) => a - b));
}
