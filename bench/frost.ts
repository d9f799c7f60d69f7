/**
 * FROST against noble's: 2-of-3, 3-of-5, 4-of-5, with our WASM kernels and without. In ours and in noble's every party aggregates
 * and so verifies.
 */
import { NO_TWEAK, resolveTweak, secp256k1Group, xOnly, type Group, type TweakContext } from "@conclave/crypto";
import { nodeEngine } from "@conclave/engine-node";
import { withKernels } from "@conclave/engine-wasm";
import { secp256k1Taproot, signProtocol } from "@conclave/frost";
import { keygenProtocol } from "@conclave/keys";
import { schnorr, schnorr_FROST } from "@noble/curves/secp256k1.js";
import { randomBytes } from "node:crypto";
import { deal, signConfigs } from "@conclave/frost/testing";
import { GRID, keygenConfigs, measure, ratioOf, runSessions, type Line, type Ratio, type Subject } from "./harness.ts";

export interface BenchOptions {
  /** Measured runs of each subject. Default 21. */
  readonly reps?: number;
  /** Receives each line as soon as it is known. */
  readonly print: (line: Line | Ratio) => void;
}

/** What ours runs on. */
const ENGINES = { wasm: withKernels(nodeEngine).secp256k1, portable: secp256k1Group } as const;

/** What one (n, t) is measured with. */
interface Shape {
  readonly group: Group;
  readonly peer: string;
  readonly n: number;
  readonly t: number;
}

const NOBLE = "noble-frost-bip340@2.4.0";
const MESSAGE = new Uint8Array(32).fill(7);
/** What a wallet signs with: account path and BIP341 without scripts. noble has no counterpart; shown beside the ratio. */
const WALLET_TWEAK: TweakContext = { path: [0, 7], taproot: { merkleRoot: null } };
/** Compilation has settled after so many runs. */
const WARM = 5;

/** Measures and prints a line per subject and, per (n, t) and operation, our ratio to noble. Returns all lines. */
export function run({ reps = 21, print }: BenchOptions): (Line | Ratio)[] {
  const printed: (Line | Ratio)[] = [];
  const compare = (subjects: readonly [Subject, Subject, ...Subject[]]): void => {
    const lines = measure(subjects, { warm: WARM, reps });
    for (const line of [...lines, ratioOf(lines[0]!, lines[1]!)]) {
      printed.push(line);
      print(line);
    }
  };
  for (const [engine, group] of Object.entries(ENGINES)) {
    for (const [n, t] of GRID) {
      const shape = { group, peer: `conclave-frost-${engine}`, n, t };
      compare([ourSign(shape, "sign", NO_TWEAK), nobleSign(n, t), ourSign(shape, "sign-bip32-taproot", WALLET_TWEAK)]);
    }
    for (const [n, t] of GRID) {
      compare([ourKeygen({ group, peer: `conclave-keygen-${engine}`, n, t }), nobleKeygen(n, t)]);
    }
  }
  return printed;
}

/** Sessions of the first t parties of a dealt key. */
function ourSign({ group, peer, n, t }: Shape, op: string, tweak: TweakContext): Subject {
  const suite = secp256k1Taproot(group);
  const protocol = signProtocol(suite);
  const key = deal(group, { n, t, rng: randomBytes });
  const configs = signConfigs(suite, key, [...key.shares.keys()].slice(0, t), { message: MESSAGE, tweak });
  const publicKey = xOnly(group, resolveTweak(group, key, tweak, suite).publicKey);
  checkSignatures(runSessions(protocol, configs).results, publicKey);
  return { peer, op, n, t, parties: t, run: () => runSessions(protocol, configs) };
}

function nobleSign(n: number, t: number): Subject {
  const dealt = schnorr_FROST.trustedDealer({ min: t, max: n });
  const signers = Object.values(dealt.secretShares).slice(0, t);
  const sign = (): { bytes: number; results: Uint8Array[] } => {
    const nonces = signers.map((secret) => schnorr_FROST.commit(secret));
    const list = nonces.map(({ commitments }) => commitments);
    const shares = signers.map((secret, i) =>
      schnorr_FROST.signShare(secret, dealt.public, nonces[i]!.nonces, list, MESSAGE),
    );
    const byParty = Object.fromEntries(signers.map(({ identifier }, i) => [identifier, shares[i]!]));
    const results = signers.map(() => schnorr_FROST.aggregate(dealt.public, list, MESSAGE, byParty));
    const sent = [...list, ...shares].reduce((sum, part) => sum + byteLength(part), 0);
    return { bytes: (t - 1) * sent, results };
  };
  checkSignatures(sign().results, dealt.public.commitments[0]!.subarray(1));
  return { peer: NOBLE, op: "sign", n, t, parties: t, run: sign };
}

function checkSignatures(signatures: readonly Uint8Array[], publicKey: Uint8Array): void {
  if (!signatures.every((signature) => schnorr.verify(signature, MESSAGE, publicKey))) throw new Error("bad signature");
}

/** All rounds, echoes and proofs included. noble's DKG has neither echo nor certificate nor proofs beyond the constant term. */
function ourKeygen({ group, peer, n, t }: Shape): Subject {
  const protocol = keygenProtocol(group);
  const configs = keygenConfigs("frost-secp256k1-taproot", n, t);
  return { peer, op: "keygen", n, t, parties: n, run: () => runSessions(protocol, configs) };
}

function nobleKeygen(n: number, t: number): Subject {
  const { DKG, Identifier } = schnorr_FROST;
  const ids = Array.from({ length: n }, (_, i) => Identifier.fromNumber(i + 1));
  const keygen = (): { bytes: number } => {
    const first = ids.map((id) => DKG.round1(id, { min: t, max: n }));
    const othersOf = (i: number) => first.filter((_, j) => j !== i).map((dealer) => dealer.public);
    const second = first.map(({ secret }, i) => DKG.round2(secret, othersOf(i)));
    for (const [i, { secret }] of first.entries()) {
      const received = ids.flatMap((_, j) => (j === i ? [] : [second[j]![ids[i]!]!]));
      DKG.round3(secret, othersOf(i), received);
    }
    const broadcast = first.reduce((sum, dealer) => sum + byteLength(dealer.public), 0);
    return { bytes: (n - 1) * broadcast + second.reduce((sum, parts) => sum + byteLength(parts), 0) };
  };
  return { peer: NOBLE, op: "keygen", n, t, parties: n, run: keygen };
}

/** Bytes of a peer's message in its smallest binary form; identifiers are hexadecimal text. */
function byteLength(part: unknown): number {
  if (part instanceof Uint8Array) return part.length;
  if (typeof part === "string") return part.length / 2;
  if (typeof part !== "object" || part === null) return 0;
  return Object.values(part).reduce<number>((sum, inner) => sum + byteLength(inner), 0);
}

if (import.meta.main) run({ print: (line) => process.stdout.write(`${JSON.stringify(line)}\n`) });
