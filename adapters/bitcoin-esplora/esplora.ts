import { createHash } from "node:crypto";
import { equalBytes, fromHex, isHex, toHex } from "@conclave/bytes";
import { parseTransaction, TransactionError, txidOf, type RawTransaction } from "@conclave/bitcoin";
import type { Clock } from "@conclave/node";
import { merkleRootOf, parseHeader } from "./block-header.ts";
import { parseBroadcastRefusal } from "./broadcast.ts";
import {
  type BitcoinChain,
  type BlockHeader,
  type BroadcastResult,
  type ChainHealth,
  ChainLied,
  ChainRefused,
  type ChainTransaction,
  type MerkleProof,
  type Outpoint,
  type Outspend,
  type Position,
  type Tip,
  type Utxo,
} from "./chain.ts";
import { systemClock } from "./clock.ts";
import { Connection } from "./connection.ts";
import { parseBaseUrl } from "./endpoint.ts";
import { readHeaders } from "./headers.ts";
import { readHistory } from "./history.ts";
import { RecentMap } from "./recent-map.ts";
import * as shapes from "./shapes.ts";

/** How to reach an Esplora server. */
export interface EsploraOptions {
  /** For example `https://mempool.space/api`. Public servers learn every script they are asked about. */
  readonly baseUrl: string;
  /** Hash of our network's first block: servers of test networks cannot be told apart otherwise. */
  readonly genesisHash: string;
  /** Allow loopback and private addresses; false by default. Link-local ones are always refused. */
  readonly allowPrivateHosts?: boolean;
  readonly clock?: Clock;
  /** A number from 0 up to, not including, 1. `Math.random` by default: it only spreads retries. */
  readonly random?: () => number;
  /** From a request to the last byte of its answer; 15 s by default. */
  readonly timeoutMs?: number;
  /** 8 MiB by default: a page of large transactions fits, a flood does not. */
  readonly maxResponseBytes?: number;
  /** Tries per question when the server is busy or away; 4 by default. */
  readonly attempts?: number;
}

/** Verified raw transactions kept, because a txid never changes its meaning. */
const RAW_CACHE_SIZE = 500;
const MAX_UTXOS = 10_000;
const MAX_PAGE = 1_000;

/** A client of one Esplora server. Asks nothing until it is used. Throws `EndpointInvalid` for an unusable address. */
export function openEsplora(options: EsploraOptions): BitcoinChain {
  return new Esplora(options);
}

class Esplora implements BitcoinChain {
  readonly #connection: Connection;
  readonly #rawTransactions = new RecentMap<string, Uint8Array>(RAW_CACHE_SIZE);

  constructor(options: EsploraOptions) {
    this.#connection = new Connection({
      base: parseBaseUrl(options.baseUrl),
      genesisHash: options.genesisHash,
      allowPrivateHosts: options.allowPrivateHosts ?? false,
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      timeoutMs: options.timeoutMs ?? 15_000,
      maxResponseBytes: options.maxResponseBytes ?? 8 << 20,
      attempts: options.attempts ?? 4,
    });
  }

  verifyNetwork(): Promise<void> {
    return this.#connection.verifyNetwork();
  }

  health(): ChainHealth {
    return this.#connection.health();
  }

  async tip(): Promise<Tip> {
    const hash = await this.#tipHash();
    const { height, header } = shapes.block(await this.#connection.json(`/block/${hash}`), "tip");
    if (header.hash !== hash) throw new ChainLied(`tip: asked for block ${hash}, got ${header.hash}`);
    return { height, hash, time: header.time };
  }

  async utxos(scriptPubKey: Uint8Array): Promise<readonly Utxo[]> {
    const answer = await this.#connection.json(`/scripthash/${scriptHash(scriptPubKey)}/utxo`);
    const claims = shapes.listOf(answer, "utxo", { max: MAX_UTXOS, item: shapes.utxoClaim });
    const once = new Map(claims.map((claim) => [`${claim.outpoint.txid}:${claim.outpoint.vout}`, claim]));
    return Promise.all([...once.values()].map((claim) => this.#proveUtxo(claim, scriptPubKey)));
  }

  async history(scriptPubKey: Uint8Array): Promise<readonly ChainTransaction[]> {
    const path = `/scripthash/${scriptHash(scriptPubKey)}`;
    const page = async (rest: string): Promise<readonly ChainTransaction[]> =>
      shapes.listOf(await this.#connection.json(`${path}${rest}`), "txs", { max: MAX_PAGE, item: shapes.transaction });
    const source = {
      tipHash: () => this.#tipHash(),
      confirmedCount: async () => {
        const summary = shapes.fieldsOf(await this.#connection.json(path), "scripthash");
        const stats = shapes.fieldsOf(summary["chain_stats"], "scripthash.chain_stats");
        return shapes.whole(stats["tx_count"], "scripthash.chain_stats.tx_count");
      },
      firstPage: () => page("/txs"),
      pageAfter: (lastTxid: string) => page(`/txs/chain/${lastTxid}`),
    };
    return readHistory(source, scriptPubKey);
  }

  async transaction(txid: string): Promise<ChainTransaction | null> {
    const answer = await this.#connection.jsonOrNull(`/tx/${checkHash(txid)}`);
    return answer === null ? null : shapes.transaction(answer.value, "tx", txid);
  }

  async rawTransaction(txid: string): Promise<Uint8Array | null> {
    const known = this.#rawTransactions.get(checkHash(txid));
    if (known !== undefined) return Uint8Array.from(known);
    const text = await this.#connection.textOrNull(`/tx/${txid}/hex`);
    if (text === null) return null;
    if (!isHex(text)) throw new ChainLied(`raw transaction ${txid}: not hexadecimal`);
    const raw = fromHex(text);
    const actual = txidOf(parseRaw(raw, txid));
    if (actual !== txid) throw new ChainLied(`raw transaction ${txid}: it hashes to ${actual}`);
    this.#rawTransactions.set(txid, raw);
    return Uint8Array.from(raw);
  }

  async status(txid: string): Promise<Position | null> {
    const position = shapes.position(await this.#connection.json(`/tx/${checkHash(txid)}/status`), "status");
    if (position.kind === "confirmed") return position;
    // Esplora says "unconfirmed" of transactions it has never heard of, too.
    return (await this.transaction(txid))?.position ?? null;
  }

  async outspend({ txid, vout }: Outpoint): Promise<Outspend | null> {
    const answer = await this.#connection.json(`/tx/${checkHash(txid)}/outspend/${vout}`);
    const outspend = shapes.outspend(answer, "outspend");
    if (outspend === null) return null;
    const spender = await this.#rawBody(outspend.txid);
    const spent = spender?.inputs[outspend.vin]?.outpoint;
    if (spent === undefined || spent.txid !== txid || spent.vout !== vout) {
      throw new ChainLied(`outspend of ${txid}:${vout}: input ${outspend.vin} of ${outspend.txid} does not spend it`);
    }
    return outspend;
  }

  async merkleProof(txid: string): Promise<MerkleProof | null> {
    const answer = await this.#connection.jsonOrNull(`/tx/${checkHash(txid)}/merkle-proof`);
    if (answer === null) return null;
    const fields = shapes.fieldsOf(answer.value, "proof");
    const height = shapes.whole(fields["block_height"], "proof.block_height");
    const position = shapes.whole(fields["pos"], "proof.pos");
    const branch = shapes.listOf(fields["merkle"], "proof.merkle", { max: 32, item: shapes.hash });
    const header = await this.header(height);
    if (header === null) throw new ChainLied(`proof of ${txid}: there is no block ${height}`);
    const root = merkleRootOf(txid, { position, branch });
    if (root !== header.merkleRoot) throw new ChainLied(`proof of ${txid} does not lead to block ${height}`);
    return { txid, height, header, position, branch };
  }

  async header(heightOrHash: number | string): Promise<BlockHeader | null> {
    const hash = typeof heightOrHash === "number" ? await this.#blockHashAt(heightOrHash) : checkHash(heightOrHash);
    const text = hash === null ? null : await this.#connection.textOrNull(`/block/${hash}/header`);
    if (hash === null || text === null) return null;
    if (!isHex(text)) throw new ChainLied(`block ${hash}: its header is not hexadecimal`);
    return parseHeader(fromHex(text), hash);
  }

  async headers(fromHeight: number, count: number): Promise<readonly BlockHeader[]> {
    const source = {
      tipHeight: async () => (await this.tip()).height,
      blocksDownFrom: async (height: number) =>
        shapes.listOf(await this.#connection.json(`/blocks/${height}`), "blocks", {
          max: MAX_PAGE,
          item: shapes.block,
        }),
    };
    return readHeaders(source, { fromHeight, count });
  }

  async broadcast(rawTx: Uint8Array): Promise<BroadcastResult> {
    const txid = txidToBroadcast(rawTx);
    const { accepted, text } = await this.#connection.post("/tx", toHex(rawTx));
    if (accepted) {
      if (text !== txid) throw new ChainLied(`broadcast of ${txid}: answered with another txid`);
      return { txid, outcome: "accepted" };
    }
    const refusal = parseBroadcastRefusal(text);
    if (refusal !== null) throw refusal;
    return { txid, outcome: "already-known" };
  }

  async feeEstimates(): Promise<ReadonlyMap<number, number>> {
    return shapes.feeEstimates(await this.#connection.json("/fee-estimates"), "fee-estimates");
  }

  async #tipHash(): Promise<string> {
    const text = await this.#connection.textOrNull("/blocks/tip/hash");
    return shapes.hash(text, "tip hash");
  }

  async #blockHashAt(height: number): Promise<string | null> {
    const text = await this.#connection.textOrNull(`/block-height/${height}`);
    return text === null ? null : shapes.hash(text, `hash of block ${height}`);
  }

  async #proveUtxo(claim: shapes.UtxoClaim, scriptPubKey: Uint8Array): Promise<Utxo> {
    const { txid, vout } = claim.outpoint;
    const output = (await this.#rawBody(txid))?.outputs[vout];
    if (output === undefined) throw new ChainLied(`utxo ${txid}:${vout}: there is no such output`);
    if (output.value !== claim.value) {
      throw new ChainLied(`utxo ${txid}:${vout}: said to be worth ${claim.value} sats, is worth ${output.value}`);
    }
    if (!equalBytes(output.script, scriptPubKey)) {
      throw new ChainLied(`utxo ${txid}:${vout}: belongs to another script`);
    }
    return { value: output.value, scriptPubKey, outpoint: claim.outpoint, position: claim.position };
  }

  async #rawBody(txid: string): Promise<RawTransaction | null> {
    const raw = await this.rawTransaction(txid);
    return raw === null ? null : parseRaw(raw, txid);
  }
}

/** Esplora's name for a script: SHA-256, in plain order. */
const scriptHash = (scriptPubKey: Uint8Array): string => createHash("sha256").update(scriptPubKey).digest("hex");

function parseRaw(raw: Uint8Array, txid: string): RawTransaction {
  try {
    return parseTransaction(raw);
  } catch (cause) {
    if (cause instanceof TransactionError) throw new ChainLied(`raw transaction ${txid}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** Throws `ChainRefused` with a node's code for "not a transaction", without asking one. */
function txidToBroadcast(rawTx: Uint8Array): string {
  try {
    return txidOf(parseTransaction(rawTx));
  } catch (cause) {
    if (!(cause instanceof TransactionError)) throw cause;
    throw new ChainRefused({ code: -22, message: `not a transaction: ${cause.message}`, raw: "" });
  }
}

/** Txids and block hashes go into paths: anything else is a mistake of ours. */
function checkHash(hash: string): string {
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new RangeError("a txid or block hash is 64 lower-case hexadecimal digits");
  return hash;
}
