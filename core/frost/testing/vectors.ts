import { fromHex } from "@conclave/bytes";
import type { PartyIndex } from "@conclave/protocol";
import { readFileSync } from "node:fs";

/** One signer of a vector file; every field as published, hexadecimal decoded. */
export interface VectorSigner {
  readonly party: PartyIndex;
  readonly share: Uint8Array;
  readonly hidingRandomness: Uint8Array;
  readonly bindingRandomness: Uint8Array;
  readonly hidingNonce: Uint8Array;
  readonly bindingNonce: Uint8Array;
  readonly hidingCommitment: Uint8Array;
  readonly bindingCommitment: Uint8Array;
  readonly bindingFactor: Uint8Array;
  readonly signatureShare: Uint8Array;
}

export interface Vector {
  readonly groupSecret: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly coefficients: readonly Uint8Array[];
  readonly signers: readonly VectorSigner[];
  readonly signature: Uint8Array;
}

interface Identified {
  readonly identifier: number;
}

interface VectorFile {
  readonly inputs: {
    readonly participant_list: readonly number[];
    readonly group_secret_key: string;
    /** The RFC's name. */
    readonly group_public_key?: string;
    /** The Zcash Foundation's name for the same. */
    readonly verifying_key_key?: string;
    readonly message: string;
    readonly share_polynomial_coefficients: readonly string[];
    readonly participant_shares: readonly (Identified & { readonly participant_share: string })[];
  };
  readonly round_one_outputs: {
    readonly outputs: readonly (Identified & {
      readonly hiding_nonce_randomness: string;
      readonly binding_nonce_randomness: string;
      readonly hiding_nonce: string;
      readonly binding_nonce: string;
      readonly hiding_nonce_commitment: string;
      readonly binding_nonce_commitment: string;
      readonly binding_factor: string;
    })[];
  };
  readonly round_two_outputs: { readonly outputs: readonly (Identified & { readonly sig_share: string })[] };
  readonly final_output: { readonly sig: string };
}

/** A vector file of the `vectors` folder, by name without ending. */
export function readVector(name: string): Vector {
  const file = JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8")) as VectorFile;
  const { inputs } = file;
  return {
    groupSecret: fromHex(inputs.group_secret_key),
    publicKey: fromHex(inputs.group_public_key ?? inputs.verifying_key_key ?? ""),
    message: fromHex(inputs.message),
    coefficients: inputs.share_polynomial_coefficients.map(fromHex),
    signers: inputs.participant_list.map((identifier) => vectorSigner(file, identifier)),
    signature: fromHex(file.final_output.sig),
  };
}

function vectorSigner({ inputs, round_one_outputs, round_two_outputs }: VectorFile, identifier: number): VectorSigner {
  const one = found(round_one_outputs.outputs, identifier);
  return {
    party: identifier as PartyIndex,
    share: fromHex(found(inputs.participant_shares, identifier).participant_share),
    hidingRandomness: fromHex(one.hiding_nonce_randomness),
    bindingRandomness: fromHex(one.binding_nonce_randomness),
    hidingNonce: fromHex(one.hiding_nonce),
    bindingNonce: fromHex(one.binding_nonce),
    hidingCommitment: fromHex(one.hiding_nonce_commitment),
    bindingCommitment: fromHex(one.binding_nonce_commitment),
    bindingFactor: fromHex(one.binding_factor),
    signatureShare: fromHex(found(round_two_outputs.outputs, identifier).sig_share),
  };
}

function found<T extends Identified>(entries: readonly T[], identifier: number): T {
  const entry = entries.find((candidate) => candidate.identifier === identifier);
  if (entry === undefined) throw new Error(`the vector has no entry for ${identifier}`);
  return entry;
}
