export { ChainLied, ChainRefused, ChainUnreachable } from "./chain-port.ts";
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
} from "./chain-port.ts";
export type { Notice } from "./context.ts";
export { ConclaveNode } from "./node.ts";
export type { ClusterView, NodeParts, NodeView } from "./node.ts";
export { IdempotencyConflict, WalletNotReady } from "./payments.ts";
export type { PaymentWish } from "./payments.ts";
export { MAX_FRAME_BYTES } from "./ports.ts";
export type { Clock, Ledger, Timer, Transport, TransportHandler } from "./ports.ts";
export * from "./store-port.ts";
export { DEFAULT_TIMINGS } from "./timings.ts";
export type { Timings } from "./timings.ts";
export { WalletView } from "./wallet.ts";
export type { WalletBalance } from "./wallet.ts";
