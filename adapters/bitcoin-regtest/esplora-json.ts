import type { ChainBlock } from "./chain.ts";
import type { EsploraView, Sighting } from "./esplora-view.ts";
import { displayHash, outpoint, toHex } from "./hash.ts";
import { REGTEST_DIFFICULTY } from "./params.ts";
import type { Output, ScriptStats } from "./script-index.ts";
import { addressOf, disassemble, scriptTypeName } from "./scripts.ts";

/** Esplora's JSON (API.md of Blockstream/esplora). `amountLie` is added to every amount: 0 except in tests of clients. */
export type Sats = (value: bigint) => number;

export const satsWith =
  (amountLie: number): Sats =>
  (value) =>
    Number(value) + amountLie;

export const statusJson = (block: ChainBlock | null): object =>
  block === null
    ? { confirmed: false }
    : {
        confirmed: true,
        block_height: block.height,
        block_hash: block.hash,
        block_time: block.block.timestamp,
      };

export function outputJson({ script, value }: Output, sats: Sats): object {
  const address = addressOf(script);
  return {
    scriptpubkey: toHex(script),
    scriptpubkey_asm: disassemble(script),
    scriptpubkey_type: scriptTypeName(script),
    ...(address === null ? {} : { scriptpubkey_address: address }),
    value: sats(value),
  };
}

export function transactionJson({ entry, block }: Sighting, sats: Sats): object {
  const { tx, txid, prevouts, fee } = entry;
  const vin = tx.ins.map((input, i) => {
    const prevout = prevouts[i];
    return {
      txid: displayHash(input.hash),
      vout: input.index,
      prevout: prevout === undefined ? null : outputJson(prevout, sats),
      scriptsig: toHex(input.script),
      scriptsig_asm: disassemble(input.script),
      ...(input.witness.length === 0 ? {} : { witness: input.witness.map(toHex) }),
      is_coinbase: prevout === undefined,
      sequence: input.sequence,
    };
  });
  return {
    txid,
    version: tx.version,
    locktime: tx.locktime,
    vin,
    vout: tx.outs.map((output) => outputJson(output, sats)),
    size: tx.byteLength(),
    weight: tx.weight(),
    fee: Number(fee),
    status: statusJson(block),
  };
}

export function blockJson({ block, hash, height, entries }: ChainBlock, view: EsploraView): object {
  return {
    id: hash,
    height,
    version: block.version,
    timestamp: block.timestamp,
    tx_count: entries.length,
    size: block.byteLength(),
    weight: block.weight(),
    merkle_root: displayHash(block.merkleRoot!),
    previousblockhash: height === 0 ? null : displayHash(block.prevHash!),
    mediantime: view.medianTime(height),
    nonce: block.nonce,
    bits: block.bits,
    difficulty: REGTEST_DIFFICULTY,
  };
}

export const statsJson = (stats: Readonly<ScriptStats>): object => ({
  tx_count: stats.transactions,
  funded_txo_count: stats.funded,
  funded_txo_sum: Number(stats.fundedSats),
  spent_txo_count: stats.spent,
  spent_txo_sum: Number(stats.spentSats),
});

export function outspendJson(view: EsploraView, { txid, vout }: { txid: string; vout: number }): object {
  const spend = view.spend(outpoint(txid, vout));
  const spender = spend === undefined ? undefined : view.transaction(spend.txid);
  if (spend === undefined || spender === undefined) return { spent: false };
  return { spent: true, txid: spend.txid, vin: spend.vin, status: statusJson(spender.block) };
}
