/** The port to a second implementation of Bitcoin that looks at a transaction before it is broadcast. */

/** What one input of a transaction spends. */
export interface Prevout {
  readonly script: Uint8Array;
  /** Satoshis. */
  readonly value: bigint;
}

/** A signed transaction and what it spends. */
export interface SignedSpend {
  /** BIP144 bytes. */
  readonly rawTx: Uint8Array;
  /** One per input, in order. */
  readonly prevouts: readonly Prevout[];
}

/**
 * Every reason not to broadcast a transaction; an empty list accepts it. Implementations share no code with what built the
 * transaction, never throw on hostile bytes, and refuse whatever they do not understand.
 */
export type SecondOpinion = (spend: SignedSpend) => readonly string[];
