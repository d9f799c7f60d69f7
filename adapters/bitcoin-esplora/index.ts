export { FAILURES_TO_REST, REST_MS } from "./breaker.ts";
export {
  type BitcoinChain,
  type BlockHeader,
  type BroadcastResult,
  type ChainHealth,
  ChainLied,
  ChainRefused,
  type ChainTransaction,
  ChainUnreachable,
  type MerkleProof,
  type Outpoint,
  type Outspend,
  type Position,
  type Tip,
  type TransactionInput,
  type TransactionOutput,
  type Utxo,
} from "./chain.ts";
export { systemClock } from "./clock.ts";
export { EndpointInvalid } from "./endpoint.ts";
export { type EsploraOptions, openEsplora } from "./esplora.ts";
export { MAX_HISTORY } from "./history.ts";
