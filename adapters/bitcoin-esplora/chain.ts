/** The port that this adapter implements, as the rest of the folder names it. */
export { ChainLied, ChainRefused, ChainUnreachable } from "@conclave/node";
export type {
  BitcoinChain,
  BlockHeader,
  BroadcastResult,
  ChainHealth,
  ChainTransaction,
  MerkleProof,
  Outspend,
  Position,
  Tip,
  TransactionInput,
  TransactionOutput,
  Utxo,
} from "@conclave/node";
export type { Outpoint } from "@conclave/bitcoin";
