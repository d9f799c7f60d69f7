import { Block, Transaction } from "bitcoinjs-lib";
import { heightScript, meetsTarget, merkleRoot, witnessCommitment } from "./block-rules.ts";
import { internalHash } from "./hash.ts";
import { BlockInvalid } from "./rejected.ts";
import { REGTEST_BITS, subsidy } from "./params.ts";

/** Version bits of a block that signals nothing (BIP9). */
const BLOCK_VERSION = 0x20000000;
/** Output script before the commitment: OP_RETURN, push of 36 bytes, marker (BIP141). */
const COMMITMENT_PREFIX = Buffer.from("6a24aa21a9ed", "hex");

/** What goes into one block. */
export interface BlockPlan {
  readonly previous: string;
  readonly height: number;
  /** Unix seconds. */
  readonly time: number;
  /** Where subsidy and fees go. */
  readonly payTo: Uint8Array;
  /** Tells two blocks of one height apart. */
  readonly extraNonce: number;
  readonly transactions: readonly Transaction[];
  /** Satoshis. */
  readonly fees: bigint;
}

/** Builds the block and does its proof of work: two tries on average. */
export function mineBlock(plan: BlockPlan): Block {
  const coinbase = buildCoinbase(plan);
  const transactions = [coinbase, ...plan.transactions];
  const commitment = witnessCommitment(transactions);
  coinbase.addOutput(Buffer.concat([COMMITMENT_PREFIX, commitment]), 0n);
  const block = new Block();
  block.version = BLOCK_VERSION;
  block.prevHash = internalHash(plan.previous);
  block.merkleRoot = merkleRoot(transactions);
  block.witnessCommit = commitment;
  block.timestamp = plan.time;
  block.bits = REGTEST_BITS;
  block.transactions = transactions;
  while (!meetsTarget(block)) block.nonce += 1;
  return block;
}

function buildCoinbase({ height, payTo, extraNonce, fees }: BlockPlan): Transaction {
  const tx = new Transaction();
  tx.version = 2;
  const extra = Buffer.alloc(5);
  extra[0] = 4; // push of four bytes
  extra.writeUInt32LE(extraNonce, 1);
  tx.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, Buffer.concat([heightScript(height), extra]));
  tx.ins[0]!.witness = [new Uint8Array(32)]; // BIP141: the reserved value
  tx.addOutput(payTo, subsidy(height) + fees);
  return tx;
}

/** A block out of its bytes in hex. Throws `BlockInvalid` if they are not one block. */
export function decodeBlock(hex: string): Block {
  try {
    return Block.fromBuffer(Buffer.from(hex, "hex"));
  } catch (cause) {
    throw new BlockInvalid("not the bytes of a block", { cause });
  }
}
