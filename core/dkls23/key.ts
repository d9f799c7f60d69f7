/** A DKLS23 key: key generation and the setup of its edges in one session, so that no key is certified without them. */
import { assert, transcript } from "@conclave/bytes";
import type { Engine } from "@conclave/crypto";
import { keygenProtocol, type KeygenConfig, type KeyShare } from "@conclave/keys";
import { sequence, type Context, type PartyIndex, type Protocol } from "@conclave/protocol";
import { wipeEdge, type Edge } from "./edge.ts";
import { MAX_COMMITTEE, type SetupConfig } from "./setup/config.ts";
import { setupProtocol } from "./setup/index.ts";
import { SUITE } from "./suite.ts";

export interface Dkls23Key {
  /** Its certificate hash covers the key generation and the setup. */
  readonly share: KeyShare;
  /** One per counterparty. */
  readonly edges: ReadonlyMap<PartyIndex, Edge>;
}

/** Key generation for DKLS23: every party ends with a share and an edge to each other party, or nobody's is certified. */
export function dkls23KeygenProtocol(engine: Engine): Protocol<KeygenConfig, Dkls23Key> {
  const keygen = keygenProtocol(engine.secp256k1);
  const both = sequence({
    id: `${SUITE}/keygen`,
    first: keygen,
    second: setupProtocol(engine),
    config: (_context: Context, { record }: KeyShare): SetupConfig => ({ certificate: record.certificate }),
    result: (share: KeyShare, { transcript, edges }): Dkls23Key => ({ share: certified(share, transcript), edges }),
    // A share's secret is an integer, which cannot be overwritten: it is dropped with the state.
    wipe: () => {},
  });
  return {
    ...both,
    start(context, config, rng) {
      assert(config.scheme === "dkls23-secp256k1", `a key for ${config.scheme} needs no DKLS23 setup`);
      assert(context.committee.length <= MAX_COMMITTEE, `a DKLS23 key has at most ${MAX_COMMITTEE} parties`);
      return both.start(context, config, rng);
    },
  };
}

const certified = (share: KeyShare, setup: Uint8Array): KeyShare => ({
  ...share,
  record: { ...share.record, certificate: keyCertificate(share.record.certificate, setup) },
});

/** T of the whole: H(T of the key generation, transcript of the setup). */
export const keyCertificate = (keygen: Uint8Array, setup: Uint8Array): Uint8Array =>
  transcript("dkls23/certificate", { keygen, setup });

/** Overwrite what can be overwritten of a key. */
export function wipeKey({ edges }: Dkls23Key): void {
  for (const edge of edges.values()) wipeEdge(edge);
}
