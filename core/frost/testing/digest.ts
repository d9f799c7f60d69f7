import { transcript } from "@conclave/bytes";

/** 32 bytes to sign, another for every `label`. */
export const testDigest = (label: string): Uint8Array => transcript("frost/testing/digest", { label });
