/**
 * What a chain server says of a coin, as far as it proves it: the transaction that made it, and that miners took that in. A server
 * that invents a coin would have the cluster sign what no network takes, and people believe in money that never came.
 */
import { toHex } from "@conclave/bytes";
import {
  outpointKey,
  parseTransaction,
  TransactionError,
  txidOf,
  type NetworkName,
  type RawTransaction,
} from "@conclave/bitcoin";
import { ChainLied, ChainRefused, type BitcoinChain, type Utxo } from "./chain-port.ts";
import { Latest } from "./latest.ts";
import { proves } from "./settlement/inclusion.ts";

/** Coins remembered as proven: more than a wallet has at a time. */
const MAX_REMEMBERED = 10_000;

/** An id that no transaction has: what a coinbase "spends". */
const NOTHING = "00".repeat(32);

/** What is left of a claim. */
export interface ProvenCoin {
  /** Of its block; null while it waits, and for one whose block the server does not prove. */
  readonly height: number | null;
  readonly coinbase: boolean;
}

export class CoinProofs {
  readonly #chain: BitcoinChain;
  readonly #network: NetworkName;
  /** By coin and block: after a reorganisation it is proven anew. */
  readonly #proven = new Latest<string, ProvenCoin>(MAX_REMEMBERED);

  constructor(chain: BitcoinChain, network: NetworkName) {
    this.#chain = chain;
    this.#network = network;
  }

  /** Null for a coin that its server contradicts itself about, or says nothing more of. Throws `ChainUnreachable`. */
  async look(utxo: Utxo): Promise<ProvenCoin | null> {
    const block = utxo.position.kind === "confirmed" ? utxo.position.blockHash : "waiting";
    const key = `${outpointKey(utxo.outpoint)}/${utxo.value}/${block}`;
    const known = this.#proven.get(key);
    if (known !== undefined) return known;
    const found = await this.#prove(utxo);
    if (found === null || found.height === null) return found;
    this.#proven.set(key, found);
    return found;
  }

  async #prove(utxo: Utxo): Promise<ProvenCoin | null> {
    try {
      const rawTx = await this.#chain.rawTransaction(utxo.outpoint.txid);
      const transaction = rawTx && made(rawTx, utxo);
      if (rawTx === null || transaction === null) return null;
      const coinbase = transaction.inputs[0]?.outpoint.txid === NOTHING;
      return { height: (await this.#isMined(rawTx, utxo)) ? heightOf(utxo) : null, coinbase };
    } catch (error) {
      // Of this coin alone: the others are not to wait for it.
      const isAboutIt = [ChainLied, ChainRefused, TransactionError].some((kind) => error instanceof kind);
      if (isAboutIt) return null;
      throw error;
    }
  }

  async #isMined(rawTx: Uint8Array, utxo: Utxo): Promise<boolean> {
    if (utxo.position.kind !== "confirmed") return false;
    const proof = await this.#chain.merkleProof(utxo.outpoint.txid);
    if (proof === null || proof.height !== utxo.position.height) return false;
    const { height, branch, position, header } = proof;
    const claim = { rawTx, proof: { block_height: height, merkle: [...branch], pos: position }, headers: [header.raw] };
    return proves(claim, this.#network, 1);
  }
}

const heightOf = ({ position }: Utxo): number | null => (position.kind === "confirmed" ? position.height : null);

/** The transaction, if it is the one of this id and did make this coin. Throws `TransactionError` on bytes that are none. */
function made(rawTx: Uint8Array, { outpoint, scriptPubKey, value }: Utxo): RawTransaction | null {
  const transaction = parseTransaction(rawTx);
  const output = transaction.outputs[outpoint.vout];
  const isIt = txidOf(transaction) === outpoint.txid && output?.value === value;
  return isIt && toHex(output.script) === toHex(scriptPubKey) ? transaction : null;
}
