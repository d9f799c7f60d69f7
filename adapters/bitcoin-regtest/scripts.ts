import { address, initEccLib, networks, opcodes } from "bitcoinjs-lib";
import * as ecc from "tiny-secp256k1";
import { toHex } from "./hash.ts";

initEccLib(ecc);

/** Output types by Esplora's names; `anyone_can_spend` is our faucet's OP_TRUE, which Esplora calls `unknown`. */
export type ScriptKind =
  | "p2pk"
  | "p2pkh"
  | "p2sh"
  | "v0_p2wpkh"
  | "v0_p2wsh"
  | "v1_p2tr"
  | "anchor"
  | "op_return"
  | "empty"
  | "anyone_can_spend"
  | "unknown";

/** The faucet's script: coins that need no signature. */
export const OP_TRUE = Uint8Array.of(0x51);

const SHAPES: readonly (readonly [ScriptKind, RegExp])[] = [
  ["empty", /^$/],
  ["anyone_can_spend", /^51$/],
  ["v0_p2wpkh", /^0014.{40}$/],
  ["v0_p2wsh", /^0020.{64}$/],
  ["v1_p2tr", /^5120.{64}$/],
  ["anchor", /^51024e73$/],
  ["p2pkh", /^76a914.{40}88ac$/],
  ["p2sh", /^a914.{40}87$/],
  ["p2pk", /^(?:21.{66}|41.{130})ac$/],
  ["op_return", /^6a/],
];

export function scriptKind(script: Uint8Array): ScriptKind {
  const hex = toHex(script);
  return SHAPES.find(([, shape]) => shape.test(hex))?.[0] ?? "unknown";
}

/** Esplora's `scriptpubkey_type`. */
export function scriptTypeName(script: Uint8Array): string {
  const kind = scriptKind(script);
  return kind === "anyone_can_spend" ? "unknown" : kind;
}

/** The regtest address of a script, or null if it has none. */
export function addressOf(script: Uint8Array): string | null {
  try {
    return address.fromOutputScript(script, networks.regtest);
  } catch {
    return null; // the library's only way to say "no address"
  }
}

/** What is wrong with a text that should be an address of this chain. */
export class AddressInvalid extends Error {
  override readonly name = "AddressInvalid";
}

/** Output script of a regtest address. Throws `AddressInvalid`, in Esplora's words, for another network's or a mistyped one. */
export function scriptOfAddress(text: string): Uint8Array {
  const script = decodeFor(text, networks.regtest);
  if (script !== null) return script;
  const foreign = decodeFor(text, networks.bitcoin) ?? decodeFor(text, networks.testnet);
  throw new AddressInvalid(foreign === null ? "Invalid Bitcoin address" : "Address on invalid network");
}

function decodeFor(text: string, network: (typeof networks)["regtest"]): Uint8Array | null {
  try {
    return address.toOutputScript(text, network);
  } catch {
    return null; // wrong prefix, checksum or length: the caller tries the next network
  }
}

const OPCODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(opcodes)
    .map(([name, code]): [number, string] => [Number(code), name])
    .filter(([code]) => code > 0x60),
);

/** A script in the words Esplora uses for it: `OP_PUSHNUM_1 OP_PUSHBYTES_32 …`. */
export function disassemble(script: Uint8Array): string {
  const words: string[] = [];
  const bytes = Buffer.from(script);
  let at = 0;
  while (at < bytes.length) {
    const code = bytes[at]!;
    const push = pushAt(bytes, at);
    if (push === null) {
      words.push(opcodeName(code));
      at += 1;
    } else if (push.end > bytes.length) {
      words.push("<push past end>");
      break;
    } else {
      words.push(push.name, toHex(bytes.subarray(push.start, push.end)));
      at = push.end;
    }
  }
  return words.join(" ");
}

function opcodeName(code: number): string {
  if (code === 0) return "OP_0";
  if (code === 0x4f) return "OP_PUSHNUM_NEG1";
  if (code >= 0x51 && code <= 0x60) return `OP_PUSHNUM_${code - 0x50}`;
  return OPCODE_NAMES.get(code) ?? `OP_RETURN_${code}`;
}

function pushAt(bytes: Buffer, at: number): { name: string; start: number; end: number } | null {
  const code = bytes[at]!;
  if (code >= 1 && code <= 75) return { name: `OP_PUSHBYTES_${code}`, start: at + 1, end: at + 1 + code };
  if (code < 76 || code > 78) return null;
  const width = 1 << (code - 76);
  const start = at + 1 + width;
  const end = start <= bytes.length ? start + bytes.readUIntLE(at + 1, width) : Infinity;
  return { name: `OP_PUSHDATA${width}`, start, end };
}
