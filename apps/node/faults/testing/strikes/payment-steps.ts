/** The durable steps of payments from both accounts, from the wish to the block, on the way that undisturbed ones take. */
export const PAYMENT_STEPS: readonly string[] = [
  "history events insert",
  "history events update",
  "history node_status insert",
  "history node_status insert+voting_rounds insert+votes insert",
  "history requests insert+revisions insert",
  "history requests insert+revisions insert+transactions insert",
  "history sync",
  "history transactions insert",
  "history transactions insert+audit_log insert",
  "history voting_rounds insert+votes insert",
  "history voting_rounds insert+voting_rounds update",
  "history wallet_addresses insert",
  "journal attempt",
  "journal promise+vote(yes)",
  "journal sign+spend(nonce)",
];
