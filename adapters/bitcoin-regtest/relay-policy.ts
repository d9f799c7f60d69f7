import type { Transaction } from "bitcoinjs-lib";
import { refuse } from "./rejected.ts";
import { scriptKind } from "./scripts.ts";

/** What a node asks of a transaction beyond consensus before it relays it. Fee rates in satoshis per 1000 vbytes. */
export interface RelayPolicy {
  /** Below it a transaction is not taken. 1000 by default; Bitcoin Core 30 takes 100. */
  readonly minRelayRate: bigint;
  /** What a replacement adds for its own size (BIP125, rule 4). */
  readonly incrementalRate: bigint;
  /** True: anything may be replaced, as Core does since 29. False: only what signals BIP125. */
  readonly fullRbf: boolean;
}

export const DEFAULT_POLICY: RelayPolicy = { minRelayRate: 1000n, incrementalRate: 1000n, fullRbf: true };

/** Rate that an output must be worth spending at (Core's -dustrelayfee). */
const DUST_RELAY_RATE = 3000n;
/** `sendrawtransaction` refuses to burn more than 0.1 BTC per 1000 vbytes. */
export const MAX_FEE_RATE = 10_000_000n;
export const MAX_STANDARD_WEIGHT = 400_000;
/** So that no transaction is mistaken for an inner node of a Merkle tree. */
const MIN_STRIPPED_SIZE = 65;
const MAX_SCRIPT_SIG = 1650;
const MAX_DATA_CARRIER = 83;
/** A waiting transaction, its unconfirmed ancestors (or descendants) included. */
export const CHAIN_LIMIT = 25;
/** Transactions that one replacement may evict (BIP125, rule 5). */
export const MAX_EVICTED = 100;

/** The fee that a rate asks for a size, rounded up. */
export const feeAt = (rate: bigint, vsize: number): bigint => (rate * BigInt(vsize) + 999n) / 1000n;

/** Shape rules of relay (Core's IsStandardTx). Throws `Rejected`. */
export function checkStandard(tx: Transaction): void {
  if (tx.version < 1 || tx.version > 3) refuse("version");
  if (tx.weight() > MAX_STANDARD_WEIGHT) refuse("tx-size");
  if (tx.ins.some((input) => input.script.length > MAX_SCRIPT_SIG)) refuse("scriptsig-size");
  for (const { script, value } of tx.outs) {
    const kind = scriptKind(script);
    if (kind === "unknown" || kind === "empty") refuse("scriptpubkey");
    if (kind === "op_return" && script.length > MAX_DATA_CARRIER) refuse("datacarrier");
    if (value < dustLimit(script)) refuse("dust");
  }
  if (tx.byteLength(false) < MIN_STRIPPED_SIZE) refuse("tx-size-small");
}

/** Bytes of spending an output, counted as Core's GetDustThreshold does: outpoint, sequence, script or a quarter of the witness. */
const SPEND_SIZE = { witness: 67, legacy: 148 };
const WITNESS_KINDS = new Set(["v0_p2wpkh", "v0_p2wsh", "v1_p2tr", "anchor"]);

/** The least value in satoshis that is worth spending: 294 for P2WPKH, 330 for P2TR, 546 for P2PKH. */
export function dustLimit(script: Uint8Array): bigint {
  const kind = scriptKind(script);
  if (kind === "op_return") return 0n;
  const size = 8 + 1 + script.length + (WITNESS_KINDS.has(kind) ? SPEND_SIZE.witness : SPEND_SIZE.legacy);
  return feeAt(DUST_RELAY_RATE, size);
}
