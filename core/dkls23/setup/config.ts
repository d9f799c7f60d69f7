import { assert } from "@conclave/bytes";
import type { Context, PartyIndex } from "@conclave/protocol";
import type { Edge } from "../edge.ts";

/** Largest committee. Every pair keeps 65 KiB. */
export const MAX_COMMITTEE = 16;

export interface SetupConfig {
  /** T: certificate hash of the key that the edges are for, 32 bytes. */
  readonly certificate: Uint8Array;
}

export interface SetupResult {
  /** Setup id: H(T; ssid). */
  readonly setup: Uint8Array;
  /** Hash of the setup id and all confirmations, alike for every honest party. */
  readonly transcript: Uint8Array;
  /** One per counterparty. */
  readonly edges: ReadonlyMap<PartyIndex, Edge>;
}

/** Throws `AssertionError` on a setup that custody must never begin. */
export function checkSetup({ committee }: Context, { certificate }: SetupConfig): void {
  assert(certificate.length === 32, "a certificate hash is 32 bytes");
  assert(committee.length >= 2 && committee.length <= MAX_COMMITTEE, `2 to ${MAX_COMMITTEE} parties set up edges`);
  assert(
    committee.every((party, i) => Number.isInteger(party) && party >= 1 && (i === 0 || party > committee[i - 1]!)),
    "a committee ascends and is distinct",
  );
}
