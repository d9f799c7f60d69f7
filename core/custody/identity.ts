/** A node's own secrets beside its shares: one seed for envelopes (its identity), one for votes. Neither is ever converted. */
import { codec, fixedBytes, record, toHex, type Codec, type Rng } from "@conclave/bytes";
import type { NodeId, RosterEntry } from "@conclave/consensus";
import type { Ed25519Signer, Engine } from "@conclave/crypto";
import type { Vault } from "./ports.ts";

interface Seeds {
  readonly envelope: Uint8Array;
  readonly vote: Uint8Array;
}

const seedsCodec: Codec<Seeds> = codec(record({ envelope: fixedBytes(32), vote: fixedBytes(32) }));

const VAULT_NAME = "identity";

/** Signs for this node. The seeds stay behind the two signers. */
export interface Identity {
  readonly id: NodeId;
  readonly envelope: Ed25519Signer;
  readonly vote: Ed25519Signer;
}

/** Draw an identity and store it. Throws `VaultError` if the vault already holds one. */
export function createIdentity(engine: Engine, vault: Vault, rng: Rng): Identity {
  const seeds = { envelope: rng(32), vote: rng(32) };
  vault.put(VAULT_NAME, seedsCodec.encode(seeds));
  return identityOf(engine, seeds);
}

/** The stored identity. Throws `VaultError` `unknown` in a vault that has none yet. */
export function loadIdentity(engine: Engine, vault: Vault): Identity {
  const secret = vault.get(VAULT_NAME);
  const identity = identityOf(engine, seedsCodec.decode(secret));
  secret.fill(0);
  return identity;
}

export const hasIdentity = (vault: Vault): boolean => vault.list("").includes(VAULT_NAME);

function identityOf(engine: Engine, { envelope, vote }: Seeds): Identity {
  const signer = engine.ed25519Signer(envelope);
  return { id: toHex(signer.publicKey) as NodeId, envelope: signer, vote: engine.ed25519Signer(vote) };
}

/** What the roster says of this node: its public half. */
export const rosterEntry = ({ id, vote }: Identity, name: string): RosterEntry => ({
  id,
  name,
  voteKey: vote.publicKey,
});
