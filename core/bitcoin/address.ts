/** Recipient addresses: text to scriptPubKey and back, with reasons for a refusal that a person understands. */
import { concatBytes, equalBytes } from "@conclave/bytes";
import { secp256k1Group } from "@conclave/crypto";
import { sha256 } from "@noble/hashes/sha2.js";
import { bech32, bech32m, createBase58check } from "@scure/base";
import { networks } from "./network.ts";
import type { Network } from "./network.ts";
import { sats } from "./sats.ts";
import type { Sats } from "./sats.ts";

/** Output types that we pay to. */
export type OutputType = "p2pkh" | "p2sh" | "p2wpkh" | "p2wsh" | "p2tr";

/** An address as what a transaction needs to pay to it. */
export interface Recipient {
  readonly type: OutputType;
  readonly scriptPubKey: Uint8Array;
  /** An output of this type worth less is not relayed. */
  readonly dust: Sats;
}

/** Why text is no address for this wallet. */
export type AddressErrorCode =
  | "empty"
  | "not-an-address"
  | "wrong-network"
  | "checksum"
  | "mixed-case"
  | "wrong-checksum-variant"
  | "unknown-witness-version"
  | "wrong-length"
  | "not-on-curve"
  | "unknown-version";

/** Text that is no address we can pay to. The message says what is wrong with it and is meant to be shown. */
export class AddressError extends Error {
  override readonly name = "AddressError";
  readonly code: AddressErrorCode;
  constructor(code: AddressErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Bitcoin Core's GetDustThreshold at its default dust relay fee of 3 sat/vB. */
const DUST: { readonly [T in OutputType]: Sats } = {
  p2pkh: sats(546n),
  p2sh: sats(540n),
  p2wpkh: sats(294n),
  p2wsh: sats(330n),
  p2tr: sats(330n),
};

const base58check = createBase58check(sha256);

/** Longest address: BIP173's 90 characters. */
const MAX_ADDRESS_LENGTH = 90;

/** The script that pays to `text`. Throws `AddressError`. Surrounding white space is forgiven, nothing else is. */
export function parseAddress(text: string, network: Network): Recipient {
  const address = text.trim();
  if (address === "") throw new AddressError("empty", "The address is empty.");
  if (address.length > MAX_ADDRESS_LENGTH) {
    throw new AddressError(
      "not-an-address",
      `The address has ${address.length} characters; none has more than ${MAX_ADDRESS_LENGTH}.`,
    );
  }
  const prefix = segwitPrefix(address);
  return prefix === undefined ? parseBase58(address, network) : parseSegwit(address, prefix, network);
}

/** The address that stands for a script, or `undefined` if there is none (OP_RETURN, bare scripts, unknown witness versions). */
export function printAddress(scriptPubKey: Uint8Array, network: Network): string | undefined {
  const type = outputType(scriptPubKey);
  switch (type) {
    case undefined:
      return undefined;
    case "p2pkh":
      return base58check.encode(concatBytes(Uint8Array.of(network.pubKeyHashVersion), scriptPubKey.subarray(3, 23)));
    case "p2sh":
      return base58check.encode(concatBytes(Uint8Array.of(network.scriptHashVersion), scriptPubKey.subarray(2, 22)));
    case "p2wpkh":
    case "p2wsh":
      return bech32.encode(network.bech32Prefix, [0, ...bech32.toWords(scriptPubKey.subarray(2))]);
    case "p2tr":
      return bech32m.encode(network.bech32Prefix, [1, ...bech32m.toWords(scriptPubKey.subarray(2))]);
  }
}

/** Which of the types that we pay to a script is, by its template. */
export function outputType(script: Uint8Array): OutputType | undefined {
  const [first, second] = script;
  if (script.length === 25 && equalBytes(script, p2pkh(script.subarray(3, 23)))) return "p2pkh";
  if (script.length === 23 && equalBytes(script, p2sh(script.subarray(2, 22)))) return "p2sh";
  if (script.length === 22 && first === 0 && second === 20) return "p2wpkh";
  if (script.length === 34 && first === 0 && second === 32) return "p2wsh";
  if (script.length === 34 && first === OP_1 && second === 32) return "p2tr";
  return undefined;
}

/** Below this an output with `script` is not relayed. Throws `RangeError` for scripts that have no address. */
export function dustLimit(script: Uint8Array): Sats {
  const type = outputType(script);
  if (type === undefined) throw new RangeError("no dust limit is defined for this script");
  return DUST[type];
}

const OP_1 = 0x51;
/** The script that pays to a key hash; BIP143's script code of a P2WPKH coin. */
export const p2pkh = (hash: Uint8Array): Uint8Array =>
  concatBytes(Uint8Array.of(0x76, 0xa9, 20), hash, Uint8Array.of(0x88, 0xac));
const p2sh = (hash: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0xa9, 20), hash, Uint8Array.of(0x87));
/** BIP141: a witness version and its program. */
export const witnessProgram = (version: number, program: Uint8Array): Uint8Array =>
  concatBytes(Uint8Array.of(version === 0 ? 0 : OP_1 + version - 1, program.length), program);

/** The human-readable part of a segwit address. No base58 address of any of our networks begins like one. */
function segwitPrefix(address: string): string | undefined {
  const lower = address.toLowerCase();
  const known = Object.values(networks).find(({ bech32Prefix }) => lower.startsWith(`${bech32Prefix}1`));
  return known?.bech32Prefix;
}

function parseSegwit(address: string, prefix: string, network: Network): Recipient {
  if (address !== address.toLowerCase() && address !== address.toUpperCase()) {
    throw new AddressError(
      "mixed-case",
      "The address mixes upper and lower case: it was changed or mistyped somewhere.",
    );
  }
  const decoded = decodeSegwit(address.toLowerCase());
  if (prefix !== network.bech32Prefix) throw wrongNetwork(prefix, network);
  const { version, program, variant } = decoded;
  if (version > 1) {
    throw new AddressError(
      "unknown-witness-version",
      `The address uses witness version ${version}, which has no meaning yet: coins sent there could be taken by anybody.`,
    );
  }
  if (variant !== (version === 0 ? "bech32" : "bech32m")) {
    throw new AddressError(
      "wrong-checksum-variant",
      `The address has witness version ${version} but a ${variant} checksum; it was made by faulty software.`,
    );
  }
  return segwitRecipient(version, program);
}

function segwitRecipient(version: number, program: Uint8Array): Recipient {
  const type = version === 1 ? "p2tr" : program.length === 20 ? "p2wpkh" : "p2wsh";
  if (program.length !== 32 && type !== "p2wpkh") {
    throw new AddressError(
      "wrong-length",
      `The address holds ${program.length} bytes; this type has ${version === 0 ? "20 or 32" : "32"}.`,
    );
  }
  if (type === "p2tr" && !isOnCurve(program)) {
    throw new AddressError(
      "not-on-curve",
      "The address holds no valid Taproot key: coins sent there could never be spent.",
    );
  }
  return { type, scriptPubKey: witnessProgram(version, program), dust: DUST[type] };
}

interface SegwitParts {
  readonly version: number;
  readonly program: Uint8Array;
  readonly variant: "bech32" | "bech32m";
}

function decodeSegwit(address: string): SegwitParts {
  for (const [variant, coder] of [
    ["bech32m", bech32m],
    ["bech32", bech32],
  ] as const) {
    const decoded = coder.decodeUnsafe(address, MAX_ADDRESS_LENGTH);
    const version = decoded?.words[0];
    if (decoded === undefined || version === undefined) continue;
    const program = coder.fromWordsUnsafe(decoded.words.slice(1));
    if (!program || version > 16 || program.length < 2 || program.length > 40) {
      throw new AddressError("wrong-length", "The address has a valid checksum, but holds no witness program.");
    }
    return { version, program, variant };
  }
  throw new AddressError("checksum", "The address is mistyped: its checksum does not match. Copy it again.");
}

/** BIP341: a 32-byte x with x³ + 7 not a square is no key. */
function isOnCurve(x: Uint8Array): boolean {
  try {
    secp256k1Group.decode(concatBytes(Uint8Array.of(2), x));
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function parseBase58(address: string, network: Network): Recipient {
  const payload = decodeBase58(address);
  const version = payload[0] ?? 0;
  const hash = payload.subarray(1);
  if (hash.length !== 20) {
    throw new AddressError(
      "not-an-address",
      `The text is valid base58, but holds ${hash.length} bytes where an address has 20.`,
    );
  }
  const { pubKeyHashVersion, scriptHashVersion } = network;
  if (version === pubKeyHashVersion) return { type: "p2pkh", scriptPubKey: p2pkh(hash), dust: DUST.p2pkh };
  if (version === scriptHashVersion) return { type: "p2sh", scriptPubKey: p2sh(hash), dust: DUST.p2sh };
  const other = Object.values(networks).find((n) => n.pubKeyHashVersion === version || n.scriptHashVersion === version);
  if (other === undefined) {
    throw new AddressError(
      "unknown-version",
      `The address has version ${version}, which belongs to no Bitcoin network.`,
    );
  }
  throw wrongNetwork(other.bech32Prefix === "bc" ? "bc" : "tb", network);
}

function decodeBase58(address: string): Uint8Array {
  if (!/^[1-9A-HJ-NP-Za-km-z]+$/.test(address)) {
    throw new AddressError("not-an-address", "This is not a Bitcoin address: it holds characters that no address has.");
  }
  try {
    return base58check.decode(address);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new AddressError("checksum", "The address is mistyped: its checksum does not match. Copy it again.");
  }
}

function wrongNetwork(prefix: string, network: Network): AddressError {
  const owner = { bc: "mainnet", bcrt: "regtest" }[prefix] ?? "test network (testnet, testnet4 or signet)";
  return new AddressError("wrong-network", `This is a ${owner} address; this wallet is on ${network.name}.`);
}
