/** Block headers: who stands on whom, and the work that each of them proves. */
import { equalBytes } from "@conclave/bytes";
import { printHash } from "./coins.ts";
import type { Network } from "./network.ts";
import { hash256 } from "./transaction.ts";

/** Why a proof of inclusion is refused. */
export type InclusionRefusal =
  | "not-a-transaction"
  | "ambiguous-transaction"
  | "malformed-proof"
  | "malformed-header"
  | "too-shallow"
  | "too-little-work"
  | "work-not-done"
  | "chain-broken"
  | "difficulty-jump"
  | "not-in-block";

/** A server's proof does not show what it claims. Says which step failed. */
export class InclusionRefused extends Error {
  override readonly name = "InclusionRefused";
  readonly code: InclusionRefusal;
  constructor(code: InclusionRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The fields of a block header that matter to a proof. Hashes are in consensus byte order. */
export interface BlockHeader {
  readonly hash: Uint8Array;
  readonly previous: Uint8Array;
  readonly merkleRoot: Uint8Array;
  readonly bits: number;
}

const HEADER_BYTES = 80;

/** The fields of an 80-byte header that matter here. Throws `InclusionRefused`. */
export function parseHeader(header: Uint8Array): BlockHeader {
  if (header.length !== HEADER_BYTES) {
    throw new InclusionRefused("malformed-header", `a block header has ${HEADER_BYTES} bytes, not ${header.length}`);
  }
  return {
    hash: hash256(header),
    previous: header.slice(4, 36),
    merkleRoot: header.slice(36, 68),
    bits: new DataView(header.buffer, header.byteOffset).getUint32(72, true),
  };
}

/** The target that compact `bits` stand for, or `undefined` where consensus refuses them: negative, zero or too long. */
export function targetOf(bits: number): bigint | undefined {
  const exponent = bits >>> 24;
  const mantissa = BigInt(bits & 0x7fffff);
  if ((bits & 0x800000) !== 0 || mantissa === 0n || exponent > 32) return undefined;
  const shift = BigInt(8 * (exponent - 3));
  const target = shift >= 0n ? mantissa << shift : mantissa >> -shift;
  return target === 0n ? undefined : target;
}

/** The target is no easier than consensus and our floor allow, and the hash meets it. Throws `InclusionRefused`. */
export function checkWork({ hash, bits }: BlockHeader, network: Network): void {
  const target = targetOf(bits);
  const limit = targetOf(network.powLimitBits);
  if (target === undefined || limit === undefined || target > limit || target > network.spvTarget) {
    throw new InclusionRefused(
      "too-little-work",
      `bits ${bits.toString(16)} are easier than what counts as work on ${network.name}`,
    );
  }
  if (BigInt(`0x${printHash(hash)}`) > target) {
    throw new InclusionRefused("work-not-done", `the hash of block ${printHash(hash)} is above its own target`);
  }
}

const RETARGET_INTERVAL = 2_016;

/** `header` stands on `parent` at `height`, at a difficulty that consensus allows there. Throws `InclusionRefused`. */
export function checkLink(
  parent: BlockHeader,
  header: BlockHeader,
  { height, network }: { height: number; network: Network },
): void {
  if (!equalBytes(header.previous, parent.hash)) {
    throw new InclusionRefused(
      "chain-broken",
      `block ${printHash(header.hash)} does not stand on ${printHash(parent.hash)}`,
    );
  }
  if (!network.steadyDifficulty || header.bits === parent.bits) return;
  const [before, after] = [targetOf(parent.bits), targetOf(header.bits)];
  // A new target may be up to four times the old one or down to a quarter; storing it in three bytes rounds it down a little.
  const withinFactor4 = before !== undefined && after !== undefined && after <= 4n * before && before <= 5n * after;
  if (height % RETARGET_INTERVAL !== 0 || !withinFactor4) {
    throw new InclusionRefused(
      "difficulty-jump",
      `the difficulty changes at height ${height} as consensus does not allow`,
    );
  }
}
