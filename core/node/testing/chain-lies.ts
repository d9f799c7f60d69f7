/**
 * A chain server that lies to its node: it says what no block holds, keeps quiet about what is there, and shows work that was
 * never done. What it says of amounts and coins breaks even the promises of the port, as a bug of the adapter would. Of one
 * transaction it may give answers that an adapter sees through, or none, every time.
 */
import { toHex } from "@conclave/bytes";
import { hash256, txidBytes, type Outpoint } from "@conclave/bitcoin";
import {
  ChainLied,
  ChainRefused,
  ChainUnreachable,
  type BitcoinChain,
  type BlockHeader,
  type Position,
  type Utxo,
} from "../chain-port.ts";
import { mineHeader } from "./chain.ts";

export const CHAIN_LIES = [
  "confirms what waits",
  "hides transactions",
  "tells wrong amounts",
  "invents coins",
  "tells wrong heights",
  "shows headers without work",
] as const;

/** Told about the transaction that the node asks for first, and about no other. */
export const LIES_ABOUT_ONE = [
  "contradicts the hash of one transaction",
  "refuses to speak of one transaction",
  "does not answer about one transaction",
] as const;

export type ChainLie =
  | (typeof CHAIN_LIES)[number]
  | (typeof LIES_ABOUT_ONE)[number]
  /** With real work, which no proof tells apart from the network's own blocks: for tests of those who watch. */
  | "mines blocks of its own";

/** How deep it says that everything is. */
const CLAIMED_DEPTH = 12;
/** By how much it is wrong about heights. */
const FALSE_HEIGHT = 40;

/** The same server while `lie` gives null. `told` hears of every lie. */
export function lyingChain(
  chain: BitcoinChain,
  lie: () => ChainLie | null,
  told: (lie: ChainLie) => void,
): BitcoinChain {
  const says = (wanted: ChainLie): boolean => {
    if (lie() !== wanted) return false;
    told(wanted);
    return true;
  };
  const unless = async <T>(hidden: T, answer: () => Promise<T>): Promise<T> =>
    says("hides transactions") ? hidden : answer();
  const buried = async (): Promise<Position> => {
    const { height } = await chain.tip();
    const at = Math.max(0, height - CLAIMED_DEPTH);
    const header = (await chain.header(at))!;
    return { kind: "confirmed", height: at, blockHash: header.hash, blockTime: header.time };
  };
  /** What it was last asked to prove. */
  let asked = "";
  /** The transaction that it lies about; null before it is asked for one. */
  let chosen: string | null = null;
  /** What a node gets that asks about this transaction, if it is that one. */
  const spoil = (txid: string): void => {
    const about = LIES_ABOUT_ONE.find((known) => known === lie());
    if (about === undefined) chosen = null;
    else if ((chosen ??= txid) === txid && says(about)) throw WORDS[about](txid);
  };
  const claimsBurial = (): boolean => says("confirms what waits") || says("shows headers without work");
  return {
    ...chain,
    tip: async () => {
      const tip = await chain.tip();
      return says("tells wrong heights") ? { ...tip, height: tip.height + FALSE_HEIGHT } : tip;
    },
    utxos: (script) => unless([], async () => twisted(script, await chain.utxos(script), says)),
    history: (script) => unless([], () => chain.history(script)),
    transaction: (txid) => unless(null, async () => (spoil(txid), chain.transaction(txid))),
    rawTransaction: (txid) => unless(null, async () => (spoil(txid), chain.rawTransaction(txid))),
    status: (txid) =>
      unless(null, async () => {
        spoil(txid);
        return claimsBurial() || lie() === "mines blocks of its own" ? buried() : chain.status(txid);
      }),
    outspend: (outpoint) => unless(null, async () => (spoil(outpoint.txid), chain.outspend(outpoint))),
    // Of another transaction, if it has none of this one.
    merkleProof: async (txid) => {
      asked = txid;
      spoil(txid);
      if (lie() === "mines blocks of its own") {
        const { height } = (await buried()) as Extract<Position, { kind: "confirmed" }>;
        const [header] = blocksOver(txid, 1);
        return { txid, height, header: header!, position: 0, branch: [] };
      }
      const proof = await chain.merkleProof(txid);
      if (proof !== null || !claimsBurial()) return proof;
      const at = (await buried()) as Extract<Position, { kind: "confirmed" }>;
      return { txid, height: at.height, header: (await chain.header(at.height))!, position: 0, branch: [] };
    },
    headers: async (from, count) => {
      if (lie() === "mines blocks of its own") return blocksOver(asked, count);
      const headers = await chain.headers(from, count);
      if (!says("shows headers without work")) return headers;
      return Array.from({ length: count }, (_, i) => unworked(headers[i] ?? headers.at(-1)!));
    },
  };
}

const WORDS: { readonly [L in (typeof LIES_ABOUT_ONE)[number]]: (txid: string) => Error } = {
  "contradicts the hash of one transaction": (txid) => new ChainLied(`asked for ${txid}, it gave another`),
  "refuses to speak of one transaction": (txid) =>
    new ChainRefused({ code: null, message: `not of ${txid}`, raw: "no" }),
  "does not answer about one transaction": (txid) => new ChainUnreachable(`no answer about ${txid}`),
};

/** A block with one transaction, and more on top of it, with all the work that the test network asks for. */
function blocksOver(txid: string, count: number): readonly BlockHeader[] {
  const headers: BlockHeader[] = [];
  for (let i = 0; i < count; i++) {
    const previous = headers.at(-1)?.raw;
    const root = i === 0 ? txidBytes(txid) : new Uint8Array(32);
    headers.push(mineHeader(previous === undefined ? new Uint8Array(32) : hash256(previous), root, 1_750_000_000 + i));
  }
  return headers;
}

function twisted(script: Uint8Array, utxos: readonly Utxo[], says: (lie: ChainLie) => boolean): readonly Utxo[] {
  if (utxos.length > 0 && says("tells wrong amounts"))
    return utxos.map((utxo) => ({ ...utxo, value: utxo.value * 2n }));
  if (!says("invents coins")) return utxos;
  const outpoint: Outpoint = { txid: toHex(hash256(script)), vout: 0 };
  const position = { kind: "confirmed", height: 0, blockHash: "00".repeat(32), blockTime: 0 } as const;
  return [...utxos, { outpoint, scriptPubKey: script, value: 700_000n, position }];
}

/** The same header with a target that nobody's work meets: below what any network asks for. */
function unworked(header: BlockHeader): BlockHeader {
  const raw = header.raw.slice();
  // Compact target 0x01010000 is 1.
  raw.set([0, 0, 1, 1], 72);
  return { ...header, raw };
}
