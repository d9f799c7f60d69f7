/**
 * DKLS23 against Silence Laboratories' DKLs23 (Rust in WASM), with our WASM kernels and without, in one run. Also what a
 * share, a message of each round and the process need in bytes.
 */
import { nodeEngine } from "@conclave/engine-node";
import { withKernels } from "@conclave/engine-wasm";
import { NO_TWEAK, verifyEcdsa, type Engine } from "@conclave/crypto";
import {
  dkls23KeygenProtocol,
  edgeCodec,
  finishProtocol,
  presignConfigFromShare,
  presignProtocol,
  signProtocol,
  type FinishConfig,
  type PresignConfig,
  type Presignature,
  type SignConfig,
} from "@conclave/dkls23";
import { dealKey, testGroup, type DealtKey } from "@conclave/dkls23/testing";
import { keyShareCodec, validateShare } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { randomBytes } from "node:crypto";
import {
  GRID,
  keygenConfigs,
  measure,
  ratioOf,
  runSessions,
  type Line,
  type Ratio,
  type Sizes,
  type Subject,
} from "./harness.ts";
import { loadSilence, SILENCE, silenceKeygen, silenceSign } from "./peers/silence.ts";

export interface BenchOptions {
  /** Measured runs of each signing subject. Default 15. */
  readonly reps?: number;
  /** Measured runs of each key generation. Default 3: one takes seconds without kernels and in the peer. */
  readonly keygenReps?: number;
  readonly print: (line: Line | Ratio | Sizes) => void;
}

interface Shape {
  readonly engine: Engine;
  readonly peer: string;
  readonly n: number;
  readonly t: number;
}

/** Names of the key and of what was approved; nothing here depends on them. */
const NAME = new Uint8Array(32).fill(9);
const DIGEST = new Uint8Array(32).fill(7);
const WARM = 4;

const rng = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export function run({ reps = 15, keygenReps = 3, print }: BenchOptions): void {
  const silence = loadSilence();
  const compare = (subjects: readonly Subject[], peer: Subject, runs: { warm: number; reps: number }): void => {
    const lines = measure([...subjects, peer], runs);
    for (const line of lines) print(line);
    for (const ours of lines.slice(0, -1)) print(ratioOf(ours, lines.at(-1)!));
  };
  const kernels = withKernels(nodeEngine);
  for (const [n, t] of GRID) {
    const fast: Shape = { engine: kernels, peer: "conclave-dkls23-wasm", n, t };
    const plain: Shape = { engine: nodeEngine, peer: "conclave-dkls23-plain", n, t };
    const { shares } = silenceKeygen(silence, n, t);
    const peer = (check: boolean) => silenceSign(silence, { shares: shares.slice(0, t), digest: DIGEST, check });
    peer(true);
    const subject: Subject = { peer: SILENCE, op: "sign", n, t, parties: t, run: () => peer(false) };
    compare([ourSign(fast), ourSign(plain)], subject, { warm: WARM, reps });
    for (const line of measure([ourPresign(fast), ourFinish(fast)], { warm: WARM * 5, reps: reps * 3 })) print(line);
    print(sizesOf(fast));
  }
  for (const [n, t] of GRID.slice(0, 2)) {
    const subject: Subject = { peer: SILENCE, op: "keygen", n, t, parties: n, run: () => silenceKeygen(silence, n, t) };
    const ours = ourKeygen({ engine: kernels, peer: "conclave-dkls23-wasm", n, t });
    compare([ours], subject, { warm: 1, reps: keygenReps });
  }
}

const dealt = ({ engine, n, t }: Shape): { key: DealtKey; signers: readonly PartyIndex[] } => {
  const key = dealKey({ n, t, rng });
  return { key: { ...key, shares: inGroup(engine, key.shares) }, signers: [...key.shares.keys()].slice(0, t) };
};

const presignConfigs = ({ shares, edges }: DealtKey, signers: readonly PartyIndex[]): Map<PartyIndex, PresignConfig> =>
  new Map(
    signers.map((self) => {
      const order = { key: NAME, approval: NAME, tweak: NO_TWEAK, share: shares.get(self)!, edges: edges.get(self)! };
      return [self, presignConfigFromShare(order)];
    }),
  );

const signConfigs = (key: DealtKey, signers: readonly PartyIndex[]): Map<PartyIndex, SignConfig> =>
  new Map([...presignConfigs(key, signers)].map(([self, config]) => [self, { ...config, digest: DIGEST }]));

function finishConfigs(
  key: DealtKey,
  signers: readonly PartyIndex[],
  presignatures: readonly Presignature[],
): Map<PartyIndex, FinishConfig> {
  const configs = presignConfigs(key, signers);
  return new Map(
    presignatures
      .toSorted((a, b) => a.self - b.self)
      .map((presignature) => {
        const { threshold: _threshold, share: _share, edges, ...order } = configs.get(presignature.self)!;
        const setups = new Map([...edges].map(([peer, { setup }]) => [peer, setup]));
        return [presignature.self, { ...order, setups, presignature, digest: DIGEST }];
      }),
  );
}

/** The same shares with points of the engine: a point belongs to the engine that made it. */
const inGroup = ({ secp256k1: group }: Engine, shares: DealtKey["shares"]): DealtKey["shares"] =>
  new Map(
    [...shares].map(([party, share]) => {
      const encoded = keyShareCodec(testGroup).encode(share);
      return [party, validateShare(group, keyShareCodec(group).decode(encoded))];
    }),
  );

/** The whole protocol, four rounds. */
function ourSign(shape: Shape): Subject {
  const { engine, peer, n, t } = shape;
  const protocol = signProtocol(engine);
  const { key, signers } = dealt(shape);
  const run = () => runSessions(protocol, signConfigs(key, signers));
  const { publicKey } = key.shares.get(signers[0]!)!.record;
  if (!run().results.every((signature) => verifyEcdsa(engine.secp256k1, publicKey, DIGEST, signature)))
    throw new Error("bad signature");
  return { peer, op: "sign", n, t, parties: t, run };
}

function ourPresign(shape: Shape): Subject {
  const { engine, peer, n, t } = shape;
  const protocol = presignProtocol(engine);
  const { key, signers } = dealt(shape);
  return { peer, op: "presign", n, t, parties: t, run: () => runSessions(protocol, presignConfigs(key, signers)) };
}

/** From a presignature: one broadcast and its verification by every signer. Presignatures are made outside of the measured time. */
function ourFinish(shape: Shape): Subject {
  const { engine, peer, n, t } = shape;
  const { key, signers } = dealt(shape);
  const presign = presignProtocol(engine);
  const protocol = finishProtocol(engine);
  const prepare = () => finishConfigs(key, signers, runSessions(presign, presignConfigs(key, signers)).results);
  return {
    peer,
    op: "sign-online",
    n,
    t,
    parties: t,
    prepare,
    run: (configs) => runSessions(protocol, configs as never),
  };
}

/** Key generation with the setup of every pair. */
function ourKeygen({ engine, peer, n, t }: Shape): Subject {
  const protocol = dkls23KeygenProtocol(engine);
  const configs = keygenConfigs("dkls23-secp256k1", n, t);
  return { peer, op: "keygen", n, t, parties: n, run: () => runSessions(protocol, configs) };
}

/** What one party keeps and sends. */
function sizesOf(shape: Shape): Sizes {
  const { engine, peer, n, t } = shape;
  const { key, signers } = dealt(shape);
  const [self] = signers;
  const share = keyShareCodec(engine.secp256k1).encode(key.shares.get(self!)!).length;
  const edges = [...key.edges.get(self!)!.values()].reduce((sum, edge) => sum + edgeCodec.encode(edge).length, 0);
  const { byRound } = runSessions(signProtocol(engine), signConfigs(key, signers));
  const { maxRSS } = process.resourceUsage();
  return { peer, op: "sizes", n, t, share_bytes: share + edges, message_bytes: byRound, peak_memory_kib: maxRSS };
}

if (import.meta.main) run({ print: (line) => process.stdout.write(`${JSON.stringify(line)}\n`) });
