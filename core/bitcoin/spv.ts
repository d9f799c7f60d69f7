/**
 * Proof that a transaction is buried in the chain: its bytes, a Merkle branch and block headers with their work. This is
 * what lets custody release a locked coin, so a chain server is believed in nothing that it cannot prove.
 *
 * Not proven here: that these blocks are in the longest chain, and the height, which headers do not hold. Work is the only
 * witness: a forger must spend the proof of work of `depth` blocks at the network's floor.
 */
import { concatBytes, equalBytes } from "@conclave/bytes";
import { checkLink, checkWork, InclusionRefused, parseHeader } from "./block-header.ts";
import { isTxid, txidBytes } from "./coins.ts";
import type { Outpoint } from "./coins.ts";
import type { Network } from "./network.ts";
import { hash256, parseTransaction, serializeStripped, TransactionError, txidOf } from "./transaction.ts";
import type { RawTransaction } from "./transaction.ts";

/** Blocks on top of and including the transaction's own after which nobody reorganizes. */
export const SAFE_DEPTH = 6;

/** Esplora's answer to `/tx/:txid/merkle-proof`. */
export interface MerkleProof {
  readonly block_height: number;
  /** Sibling hashes from the leaf up, printed (byte-reversed) hexadecimal. */
  readonly merkle: readonly string[];
  /** Position of the transaction in its block. */
  readonly pos: number;
}

/** A block of 4,000,000 weight units holds fewer than 2^17 transactions. */
const MAX_BRANCH = 17;
const MAX_HEADERS = 2_016;

/** What a chain server says about a transaction, with its evidence. */
export interface InclusionClaim {
  /** The transaction itself. A bare txid is no claim: inner nodes of a Merkle tree look like one. */
  readonly rawTx: Uint8Array;
  readonly proof: MerkleProof;
  /** 80-byte headers from the transaction's own block up, without a gap. */
  readonly headers: readonly Uint8Array[];
  /** How many blocks deep the transaction must be; 1 is its own block. */
  readonly depth: number;
  readonly network: Network;
}

/** What the evidence proves. */
export interface Inclusion {
  readonly txid: string;
  /** As the server claims it. */
  readonly height: number;
  /** Blocks proven on top of and including the transaction's own. */
  readonly depth: number;
}

/** Throws `InclusionRefused` unless the claim proves itself. */
export function verifyInclusion({ rawTx, proof, headers, depth, network }: InclusionClaim): Inclusion {
  const transaction = parse(rawTx);
  checkShape(proof);
  if (!Number.isInteger(depth) || depth < 1 || headers.length < depth) {
    throw new InclusionRefused("too-shallow", `${headers.length} headers prove no depth of ${depth}`);
  }
  if (headers.length > MAX_HEADERS) throw new InclusionRefused("malformed-header", `more than ${MAX_HEADERS} headers`);
  const chain = headers.map(parseHeader);
  for (const [i, header] of chain.entries()) {
    checkWork(header, network);
    const parent = chain[i - 1];
    if (parent !== undefined) checkLink(parent, header, { height: proof.block_height + i, network });
  }
  const txid = txidOf(transaction);
  const root = merkleRoot(txidBytes(txid), proof);
  if (!equalBytes(root, chain[0]!.merkleRoot)) {
    throw new InclusionRefused("not-in-block", `the Merkle branch does not lead from ${txid} to the block's root`);
  }
  return { txid, height: proof.block_height, depth: headers.length };
}

/** What a transaction spends, and its id. Throws `InclusionRefused` on bytes that are none. */
export function spends(rawTx: Uint8Array): { readonly txid: string; readonly outpoints: readonly Outpoint[] } {
  const transaction = parse(rawTx);
  return { txid: txidOf(transaction), outpoints: transaction.inputs.map(({ outpoint }) => outpoint) };
}

/** 64 bytes without witnesses are indistinguishable from an inner node of a Merkle tree (CVE-2017-12842). */
const AMBIGUOUS_LENGTH = 64;

function parse(rawTx: Uint8Array): RawTransaction {
  const transaction = parseOrRefuse(rawTx);
  if (serializeStripped(transaction).length === AMBIGUOUS_LENGTH) {
    throw new InclusionRefused(
      "ambiguous-transaction",
      "a transaction of 64 bytes could be an inner node of the Merkle tree",
    );
  }
  return transaction;
}

function parseOrRefuse(rawTx: Uint8Array): RawTransaction {
  try {
    return parseTransaction(rawTx);
  } catch (cause) {
    if (!(cause instanceof TransactionError)) throw cause;
    throw new InclusionRefused("not-a-transaction", cause.message, { cause });
  }
}

function checkShape({ block_height, merkle, pos }: MerkleProof): void {
  const integers = [block_height, pos].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!integers || !Array.isArray(merkle) || merkle.length > MAX_BRANCH || pos >= 2 ** merkle.length) {
    throw new InclusionRefused("malformed-proof", "position, height or length of the Merkle branch is out of range");
  }
  if (!merkle.every(isTxid)) {
    throw new InclusionRefused("malformed-proof", "a Merkle branch consists of 64-digit hashes");
  }
}

/** Root over a leaf and its siblings. */
function merkleRoot(leaf: Uint8Array, { merkle, pos }: MerkleProof): Uint8Array {
  let node = leaf;
  for (const [level, printed] of merkle.entries()) {
    const sibling = txidBytes(printed);
    const isRight = Math.floor(pos / 2 ** level) % 2 === 1;
    // CVE-2012-2459: the last node of an odd level is paired with its own copy, and only the left one is a position.
    if (isRight && equalBytes(sibling, node))
      throw new InclusionRefused("malformed-proof", "the branch names a duplicated node");
    const pair = isRight ? concatBytes(sibling, node) : concatBytes(node, sibling);
    if (couldBeTransaction(pair)) {
      throw new InclusionRefused("ambiguous-transaction", "an inner node of the branch could itself be a transaction");
    }
    node = hash256(pair);
  }
  return node;
}

/**
 * The other half of CVE-2017-12842: a real transaction of 64 bytes whose second half is the txid of one that was never
 * mined, passed off as an inner node. Such bytes have one input and one output with scripts of 4 bytes in all; hashes look
 * like that once in 2^29 nodes, and then a coin stays locked until the next proof.
 */
function couldBeTransaction(pair: Uint8Array): boolean {
  const inputs = pair[4];
  const scriptSigLength = pair[41] ?? 0xff;
  const outputs = pair[46 + scriptSigLength];
  const scriptLength = pair[55 + scriptSigLength];
  return inputs === 1 && scriptSigLength <= 4 && outputs === 1 && scriptLength === 4 - scriptSigLength;
}
