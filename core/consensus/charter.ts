/**
 * What the operators of a cluster agreed on: who its nodes are and the numbers under which its keys are made. Signed by every
 * node, so that none starts in a cluster that another one understands differently.
 */
import {
  codec,
  CodecError,
  fixedBytes,
  fromHex,
  list,
  literal,
  record,
  transcript,
  uint,
  type Codec,
  type SchemaOf,
} from "@conclave/bytes";
import type { Ed25519Signer, Engine } from "@conclave/crypto";
import { checkQuorums, entryOf, MAX_NODES, nodeId, rosterSchema } from "./roster.ts";

/** Bitcoin networks that a cluster's wallet can be of. */
const NETWORKS = ["mainnet", "testnet", "testnet4", "signet", "regtest"] as const;

/** How the nodes of a cluster reach each other. All of them use the same. */
export const TRANSPORTS = ["quic", "tls", "libp2p", "relay"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

const charterSchema = record({
  version: uint({ min: 1, max: 1 }),
  roster: rosterSchema,
  network: literal(...NETWORKS),
  threshold: uint({ min: 2, max: MAX_NODES }),
  quorum: uint({ min: 2, max: MAX_NODES }),
  /** Milliseconds since the Unix epoch at which the cluster's ledger has height 0. */
  genesisMs: uint(),
  transport: literal(...TRANSPORTS),
});

export type Charter = SchemaOf<typeof charterSchema>;
export const charterCodec: Codec<Charter> = codec(charterSchema);

const signedCharterSchema = record({
  charter: charterSchema,
  /** Ed25519 by the identities of nodes, in the roster's order. */
  signatures: list(record({ node: nodeId, signature: fixedBytes(64) }), { max: MAX_NODES }),
});

export type SignedCharter = SchemaOf<typeof signedCharterSchema>;
export const signedCharterCodec: Codec<SignedCharter> = codec(signedCharterSchema);

/** Names the charter: operators compare it aloud. 32 bytes. */
export const charterHash = (charter: Charter): Uint8Array =>
  transcript("consensus/charter", { charter: charterCodec.encode(charter) });

/** Throws `RangeError` on numbers under which a payment could be made twice, `CodecError` on a broken roster. */
export function signCharter(signer: Ed25519Signer, charter: Charter): Uint8Array {
  checkQuorums({ n: charter.roster.nodes.length, t: charter.threshold, q: charter.quorum });
  return signer.sign(charterHash(charter));
}

/** Names of nodes whose signature is missing. */
export const unsignedBy = ({ charter, signatures }: SignedCharter): readonly string[] =>
  charter.roster.nodes.filter(({ id }) => !signatures.some(({ node }) => node === id)).map(({ name }) => name);

/** Throws `CodecError` unless every signature that is there is good, no node signed twice and no stranger did. */
export function checkSignatures(engine: Engine, { charter, signatures }: SignedCharter): void {
  const hash = charterHash(charter);
  if (new Set(signatures.map(({ node }) => node)).size !== signatures.length)
    throw new CodecError("a node signed the charter twice");
  for (const { node, signature } of signatures) {
    const entry = entryOf(charter.roster, node);
    if (entry === undefined) throw new CodecError("the charter is signed by a node that it does not name");
    if (!engine.ed25519Verifier(fromHex(node))(hash, signature))
      throw new CodecError(`${entry.name} signed another charter: compare what its operator has with this one`);
  }
}
