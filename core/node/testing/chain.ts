/**
 * Bitcoin in memory: coins, a mempool, blocks with real headers, work at regtest's difficulty and Merkle proofs. One chain for
 * the whole simulation; every node looks at it through a server of its own that may be away, behind, or forgetful.
 */
import { assert, concatBytes, equalBytes, toHex } from "@conclave/bytes";
import {
  hash256,
  outpointKey,
  parseTransaction,
  printHash,
  serializeTransaction,
  targetOf,
  TransactionError,
  txidBytes,
  txidOf,
  type RawTransaction,
} from "@conclave/bitcoin";
import {
  ChainRefused,
  ChainUnreachable,
  type BitcoinChain,
  type BlockHeader,
  type ChainTransaction,
  type MerkleProof,
  type Outpoint,
  type Position,
} from "../chain-port.ts";

interface Mined {
  readonly height: number;
  readonly header: BlockHeader;
  readonly txids: readonly string[];
}

interface KnownTransaction {
  readonly txid: string;
  readonly raw: RawTransaction;
  readonly bytes: Uint8Array;
}

/** What is wrong with one node's server. */
export interface ServerFaults {
  unreachable: boolean;
  /** Its answers are as of so many blocks ago, and its mempool is empty then. */
  blocksBehind: number;
  /** Says that it took a transaction, and forgets it. */
  forgetful: boolean;
}

export type ChainFault = "chain unreachable" | "chain behind" | "broadcast forgotten" | "reorganisation";

/** Regtest's easiest target: every second hash meets it. */
const BITS = 0x207fffff;
/** Deeper than anybody asks for. */
const DEPTH_NOTED = 12;
const uint32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);

export class SimulatedChain {
  readonly #blocks: Mined[] = [];
  readonly #mempool = new Set<string>();
  readonly #transactions = new Map<string, KnownTransaction>();
  /** Who spends an outpoint, in the best chain or the mempool. */
  readonly #spenders = new Map<string, string>();
  readonly #fault: (kind: ChainFault) => void;
  readonly #funding = new Set<string>();

  constructor(fault: (kind: ChainFault) => void) {
    this.#fault = fault;
    this.mine(1_700_000_000);
  }

  /** How deep each transaction has ever been: what was proven before a reorganisation was true then. */
  readonly deepest = new Map<string, number>();

  /** Counts what changed, so that an observer knows when to look. */
  changes = 0;

  get height(): number {
    return this.#blocks.length - 1;
  }

  /** Ids of what was broadcast and is in the best chain or the mempool. */
  standing(): readonly string[] {
    return [...this.#transactions.keys()].filter(
      (txid) => !this.#funding.has(txid) && (this.#mempool.has(txid) || this.#blockOf(txid, this.height) !== undefined),
    );
  }

  /** How deep a transaction is in the best chain; 0 while it is in none of its blocks. */
  depth(txid: string): number {
    const block = this.#blockOf(txid, this.height);
    return block === undefined ? 0 : this.height - block.height + 1;
  }

  /** A payment from nowhere, waiting for the next block. */
  fund(script: Uint8Array, value: bigint): void {
    const from: Outpoint = { txid: toHex(hash256(uint32(this.#funding.size))), vout: 0 };
    const raw: RawTransaction = {
      version: 2,
      inputs: [{ outpoint: from, scriptSig: NOTHING, sequence: 0xffffffff, witness: [] }],
      outputs: [{ script, value }],
      locktime: 0,
    };
    this.#funding.add(txidOf(raw));
    this.#admit(raw, serializeTransaction(raw));
  }

  /** Whoever has the key spends a coin for himself, and no node was asked. Returns the transaction's id. */
  spendElsewhere(outpoint: Outpoint): string {
    const value = this.#output(outpoint)?.value ?? 0n;
    const raw: RawTransaction = {
      version: 2,
      inputs: [{ outpoint, scriptSig: NOTHING, sequence: 0xffffffff, witness: [new Uint8Array(64)] }],
      outputs: [{ script: Uint8Array.of(0x51), value: value - 500n }],
      locktime: 0,
    };
    const txid = txidOf(raw);
    // Not one of those that `standing` is about: it breaks no rule of the cluster's, but tests it.
    this.#funding.add(txid);
    this.#mempool.forEach((waiting) => {
      if (
        this.#transactions
          .get(waiting)!
          .raw.inputs.some((input) => outpointKey(input.outpoint) === outpointKey(outpoint))
      )
        this.#mempool.delete(waiting);
    });
    this.#admit(raw, serializeTransaction(raw));
    return txid;
  }

  mine(timeS: number): void {
    const txids = [...this.#mempool];
    this.#mempool.clear();
    const leaves = [hash256(uint32(this.#blocks.length)), ...txids.map(txidBytes)];
    const previous = this.#blocks.at(-1)?.header.raw;
    const header = mineHeader(
      previous === undefined ? new Uint8Array(32) : hash256(previous),
      merkleTree(leaves, 0).root,
      timeS,
    );
    this.changes += 1;
    this.#blocks.push({ height: this.#blocks.length, header, txids });
    for (const mined of this.#blocks.slice(-DEPTH_NOTED))
      for (const txid of mined.txids)
        this.deepest.set(txid, Math.max(this.deepest.get(txid) ?? 0, this.#blocks.length - mined.height));
  }

  /** The last blocks are replaced by more empty ones; what they held waits again. */
  reorganise(depth: number, timeS: number): void {
    assert(depth < this.#blocks.length, "the first block stays");
    const dropped = this.#blocks.splice(-depth);
    for (let i = 0; i <= depth; i++) this.mineEmpty(timeS + i + 1);
    for (const { txids } of dropped) for (const txid of txids) this.#mempool.add(txid);
    this.#fault("reorganisation");
  }

  mineEmpty(timeS: number): void {
    const waiting = [...this.#mempool];
    this.#mempool.clear();
    this.mine(timeS);
    for (const txid of waiting) this.#mempool.add(txid);
  }

  /** One node's server. */
  server(faults: ServerFaults): BitcoinChain {
    const reach = (): number => {
      if (faults.unreachable) {
        this.#fault("chain unreachable");
        throw new ChainUnreachable("the simulated server does not answer");
      }
      if (faults.blocksBehind > 0) this.#fault("chain behind");
      return Math.max(0, this.height - faults.blocksBehind);
    };
    const fresh = (): boolean => faults.blocksBehind === 0;
    return {
      verifyNetwork: async () => void reach(),
      tip: async () => {
        const { header, height } = this.#blocks[reach()]!;
        return { height, hash: header.hash, time: header.time };
      },
      utxos: async (script) => this.#utxos(script, reach(), fresh()),
      history: async (script) => {
        const tip = reach();
        return this.#visible(tip, fresh())
          .filter(({ raw }) => this.#touches(raw, script))
          .map((known) => this.#show(known, tip));
      },
      transaction: async (txid) => {
        const tip = reach();
        const known = this.#visible(tip, fresh()).find((candidate) => candidate.txid === txid);
        return known === undefined ? null : this.#show(known, tip);
      },
      rawTransaction: async (txid) => {
        const tip = reach();
        return this.#visible(tip, fresh()).find((candidate) => candidate.txid === txid)?.bytes ?? null;
      },
      status: async (txid) => {
        const tip = reach();
        const known = this.#visible(tip, fresh()).find((candidate) => candidate.txid === txid);
        return known === undefined ? null : this.#position(txid, tip);
      },
      outspend: async (outpoint) => {
        const tip = reach();
        const spender = this.#visible(tip, fresh()).find(({ raw }) => spendsOutpoint(raw, outpoint));
        if (spender === undefined) return null;
        const vin = spender.raw.inputs.findIndex((input) => outpointKey(input.outpoint) === outpointKey(outpoint));
        return { txid: spender.txid, vin, position: this.#position(spender.txid, tip) };
      },
      merkleProof: async (txid) => this.#proof(txid, reach()),
      header: async (at) => {
        const tip = reach();
        const found = this.#blocks.slice(0, tip + 1).find(({ height, header }) => height === at || header.hash === at);
        return found?.header ?? null;
      },
      headers: async (from, count) =>
        this.#blocks.slice(from, Math.min(reach() + 1, from + count)).map(({ header }) => header),
      broadcast: async (bytes) => {
        reach();
        return this.#broadcast(bytes, faults.forgetful);
      },
      feeEstimates: async () => {
        reach();
        return new Map([[6, 2]]);
      },
      health: () => ({ state: "ok", lastAnswerMs: null, retryAtMs: null, message: "simulated" }),
    };
  }

  #broadcast(bytes: Uint8Array, forgetful: boolean): { txid: string; outcome: "accepted" | "already-known" } {
    const raw = parse(bytes);
    const txid = txidOf(raw);
    if (this.#mempool.has(txid) || this.#blockOf(txid, this.height) !== undefined)
      return { txid, outcome: "already-known" };
    for (const { outpoint } of raw.inputs) {
      const spender = this.#spenders.get(outpointKey(outpoint));
      const source = this.#transactions.get(outpoint.txid)?.raw.outputs[outpoint.vout];
      if (source === undefined || (spender !== undefined && spender !== txid))
        throw new ChainRefused({ code: -25, message: "bad-txns-inputs-missingorspent", raw: "" });
    }
    if (forgetful) this.#fault("broadcast forgotten");
    else this.#admit(raw, bytes);
    return { txid, outcome: "accepted" };
  }

  #admit(raw: RawTransaction, bytes: Uint8Array): void {
    const txid = txidOf(raw);
    this.#transactions.set(txid, { txid, raw, bytes: bytes.slice() });
    this.#mempool.add(txid);
    this.changes += 1;
    for (const { outpoint } of raw.inputs) this.#spenders.set(outpointKey(outpoint), txid);
  }

  #blockOf(txid: string, tip: number): Mined | undefined {
    return this.#blocks.find(({ height, txids }) => height <= tip && txids.includes(txid));
  }

  #position(txid: string, tip: number): Position {
    const block = this.#blockOf(txid, tip);
    if (block === undefined) return { kind: "waiting" };
    const { height, header } = block;
    return { kind: "confirmed", height, blockHash: header.hash, blockTime: header.time };
  }

  /** What a server at this height knows, newest first. */
  #visible(tip: number, withMempool: boolean): readonly KnownTransaction[] {
    return [...this.#transactions.values()]
      .filter(({ txid }) => (withMempool && this.#mempool.has(txid)) || this.#blockOf(txid, tip) !== undefined)
      .toReversed();
  }

  #touches(raw: RawTransaction, script: Uint8Array): boolean {
    const pays = raw.outputs.some((output) => equalBytes(output.script, script));
    return pays || raw.inputs.some(({ outpoint }) => equalBytes(this.#output(outpoint)?.script ?? NOTHING, script));
  }

  #output({ txid, vout }: Outpoint) {
    return this.#transactions.get(txid)?.raw.outputs[vout];
  }

  #utxos(script: Uint8Array, tip: number, withMempool: boolean) {
    const visible = this.#visible(tip, withMempool);
    const spent = new Set(visible.flatMap(({ raw }) => raw.inputs.map(({ outpoint }) => outpointKey(outpoint))));
    return visible.flatMap(({ txid, raw }) =>
      raw.outputs.flatMap((output, vout) => {
        const outpoint = { txid, vout };
        if (!equalBytes(output.script, script) || spent.has(outpointKey(outpoint))) return [];
        return [{ outpoint, scriptPubKey: output.script, value: output.value, position: this.#position(txid, tip) }];
      }),
    );
  }

  #show({ txid, raw }: KnownTransaction, tip: number): ChainTransaction {
    return {
      txid,
      version: raw.version,
      lockTime: raw.locktime,
      inputs: raw.inputs.map(({ outpoint, sequence }) => {
        const source = this.#output(outpoint) ?? { script: NOTHING, value: 0n };
        return { outpoint, sequence, claimedPrevout: { scriptPubKey: source.script, value: source.value } };
      }),
      outputs: raw.outputs.map(({ script, value }) => ({ scriptPubKey: script, value })),
      position: this.#position(txid, tip),
    };
  }

  #proof(txid: string, tip: number): MerkleProof | null {
    const block = this.#blockOf(txid, tip);
    if (block === undefined) return null;
    const position = block.txids.indexOf(txid) + 1;
    const leaves = [hash256(uint32(block.height)), ...block.txids.map(txidBytes)];
    const { branch } = merkleTree(leaves, position);
    return { txid, height: block.height, header: block.header, position, branch };
  }
}

const NOTHING = new Uint8Array(0);

const spendsOutpoint = (raw: RawTransaction, outpoint: Outpoint): boolean =>
  raw.inputs.some((input) => outpointKey(input.outpoint) === outpointKey(outpoint));

function parse(bytes: Uint8Array): RawTransaction {
  try {
    return parseTransaction(bytes);
  } catch (error) {
    if (!(error instanceof TransactionError)) throw error;
    throw new ChainRefused({ code: -22, message: "TX decode failed", raw: error.message });
  }
}

/** A header with work at regtest's difficulty. */
export function mineHeader(previous: Uint8Array, merkleRoot: Uint8Array, time: number): BlockHeader {
  const target = targetOf(BITS)!;
  for (let nonce = 0; ; nonce++) {
    const raw = concatBytes(uint32(4), previous, merkleRoot, uint32(time), uint32(BITS), uint32(nonce));
    const hash = printHash(hash256(raw));
    if (BigInt(`0x${hash}`) > target) continue;
    const links = { previous: printHash(previous), merkleRoot: printHash(merkleRoot) };
    return { hash, version: 4, ...links, time, bits: BITS, nonce, raw };
  }
}

/** Root over leaves in consensus byte order, and the branch of one of them as Esplora prints it. */
function merkleTree(leaves: readonly Uint8Array[], at: number): { root: Uint8Array; branch: readonly string[] } {
  const branch: string[] = [];
  let level = [...leaves];
  for (let index = at; level.length > 1; index >>= 1) {
    if (level.length % 2 === 1) level.push(level.at(-1)!);
    branch.push(printHash(level[index ^ 1]!));
    level = Array.from({ length: level.length / 2 }, (_, i) => hash256(concatBytes(level[2 * i]!, level[2 * i + 1]!)));
  }
  return { root: level[0]!, branch };
}
