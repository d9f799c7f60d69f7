/**
 * DKLS23 (eprint 2023/765), signing, round 1: every signer commits to its nonce point R_i. Symbols, as in the paper: r_i own
 * part of the nonce, φ_i own part of the mask that hides the inverse, sk_i own part of the derived secret, χ_ij random input of
 * party i to its multiplication with j, (c, d) the two ends' outputs of a multiplication, u for the input r and v for sk.
 */
import { assert, codec, equalBytes, type Rng } from "@conclave/bytes";
import { beginMultiply, mod, transcriptScalar, wipeReceiver, type Engine, type Group } from "@conclave/crypto";
import { enter, Fault, type Context, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import type { Edge } from "../edge.ts";
import { encodePoints, type EncodedPoint } from "../encoded-point.ts";
import { Erasure } from "../erasure.ts";
import { SUITE } from "../suite.ts";
import { multiplyRound, multiplySession, type MultiplyState } from "./2-multiply.ts";
import { additiveShare, checkPresignConfig, derivedKey, type PresignConfig } from "./config.ts";
import type { Goal } from "./goal.ts";
import {
  agreementHash,
  commitmentSchema,
  commitmentTo,
  statementCodec,
  type Agreement,
  type Commitment,
  type Statement,
} from "./statement.ts";

export interface CommitState {
  readonly context: Context;
  readonly edges: ReadonlyMap<PartyIndex, Edge>;
  readonly statement: Statement;
  readonly R: EncodedPoint;
  readonly own: Commitment;
  readonly secrets: CommitSecrets;
  readonly erasure: Erasure;
}

/** Encoded scalars and bytes, all in `erasure`. */
interface CommitSecrets {
  /** r_i */
  readonly nonce: Uint8Array;
  /** φ_i */
  readonly phi: Uint8Array;
  /** blind_i */
  readonly blind: Uint8Array;
  /** λ_i·x_i + offset/t: sk_i without its share of zero. */
  readonly share: Uint8Array;
}

interface CommitTypes<Result> {
  state: CommitState;
  publicState: Statement;
  broadcast: Commitment;
  direct: null;
  checked: Commitment;
  result: Result;
}

/** Check the config, derive the key, draw r_i and φ_i, commit to R_i. */
export function startSign<Result>(
  engine: Engine,
  goal: Goal<Result>,
  { context, config, digest }: { context: Context; config: PresignConfig; digest: Uint8Array | null },
  rng: Rng,
): Step<Result> {
  const group = engine.secp256k1;
  checkPresignConfig(group, context, config);
  const { publicKey, offset } = derivedKey(group, config);
  const statement: Statement = {
    suite: SUITE,
    session: Uint8Array.from(context.ssid),
    keyId: Uint8Array.from(config.keyId),
    epoch: config.epoch,
    path: [...config.tweak.path],
    publicKey,
    approval: Uint8Array.from(config.approval),
    // A copy: what was promised in round 1 is what round 4 signs, whatever happens to the caller's buffer in between.
    digest: digest === null ? null : Uint8Array.from(digest),
    signers: context.committee,
  };
  const erasure = new Erasure();
  const draw = (role: "nonce" | "mask"): bigint => drawScalar(group, { context, role, share: config.share, rng });
  const nonce = draw("nonce");
  const [R] = encodePoints(group, [group.multiplyBaseSecret(nonce)]);
  const share = additiveShare(group, context, { share: config.share, offset });
  const secrets: CommitSecrets = {
    nonce: erasure.buffer(group.encodeScalar(nonce)),
    phi: erasure.buffer(group.encodeScalar(draw("mask"))),
    blind: erasure.buffer(rng(32)),
    share: erasure.buffer(group.encodeScalar(share)),
  };
  const peers = context.committee.filter((party) => party !== context.self);
  const own: Commitment = {
    commitment: commitmentTo(context.ssid, context.self, R!, secrets.blind),
    setups: new Map(peers.map((peer) => [peer, config.edges.get(peer)!.setup])),
  };
  const edges = new Map(peers.map((peer) => [peer, config.edges.get(peer)!]));
  const state: CommitState = { context, edges, statement, R: R!, own, secrets, erasure };
  return enter(commitRound(engine, goal), state, { broadcast: own });
}

export const commitRound = <Result>(engine: Engine, goal: Goal<Result>): Round<CommitTypes<Result>> => ({
  name: `dkls23/${goal.name}/1-commit`,
  broadcast: codec(commitmentSchema),
  direct: null,
  echo: false,
  judging: "each",
  publicState: statementCodec(engine.secp256k1),
  open: ({ statement }) => statement,
  senders: ({ context }) => context.committee,
  receivers: ({ context }) => context.committee,
  checkPublic({ signers }, from, { setups }) {
    const named = [...setups.keys()];
    const peers = signers.filter((party) => party !== from);
    if (named.join() !== peers.join()) throw new Fault("public", "does not name one setup per other signer");
  },
  checkPrivate: (_state, _from, commitment) => commitment,
  finish: (state, peers, rng) => multiply(engine, goal, { state, peers }, rng),
  wipe: ({ erasure }) => erasure.run(),
});

/** All commitments are known: share zero among the signers, and ask each peer for a multiplication. */
function multiply<Result>(
  engine: Engine,
  goal: Goal<Result>,
  { state, peers }: { state: CommitState; peers: ReadonlyMap<PartyIndex, Commitment> },
  rng: Rng,
): Step<Result> {
  const group = engine.secp256k1;
  const { context, edges, statement, own, secrets, erasure } = state;
  const commitments = new Map(
    context.committee.map((party) => [party, party === context.self ? own : peers.get(party)!]),
  );
  checkSetups(commitments);
  const agreement: Agreement = { ...statement, commitments };
  const digest = agreementHash(group, agreement);
  const sk = mod(group.decodeScalar(secrets.share) + zeroShare(group, { context, edges, digest }), group.order);
  assert(sk !== 0n, "a part of the secret came out as zero");
  const receivers: MultiplyState["receivers"] = new Map();
  const direct = new Map(
    [...edges].map(([peer, edge]) => {
      const session = multiplySession(digest, { setup: edge.setup, sender: peer, receiver: context.self });
      const { message, receiver } = beginMultiply(engine, session, edge.receiving, rng);
      erasure.with(() => wipeReceiver(engine, receiver));
      receivers.set(peer, receiver);
      return [peer, message] as const;
    }),
  );
  const { nonce, phi, blind } = secrets;
  const next: MultiplyState = {
    context,
    edges,
    agreement,
    digest,
    R: state.R,
    secrets: { nonce, phi, blind, sk: erasure.buffer(group.encodeScalar(sk)) },
    receivers,
    erasure,
  };
  return enter(multiplyRound(engine, goal), next, { direct });
}

/** Two ends of an edge that name different setups hold seeds that do not fit: their checks would blame the honest. */
function checkSetups(commitments: ReadonlyMap<PartyIndex, Commitment>): void {
  for (const [party, { setups }] of commitments) {
    for (const [peer, setup] of setups) {
      if (!equalBytes(setup, commitments.get(peer)!.setups.get(party)!)) {
        throw new Fault(
          "mismatch",
          `parties ${Math.min(party, peer)} and ${Math.max(party, peer)} hold different setups`,
        );
      }
    }
  }
}

/** ζ_i = Σ_{j<i} H(seed_ij, digest) − Σ_{j>i} H(seed_ij, digest): the shares of all signers add up to zero. */
function zeroShare(
  group: Group,
  { context, edges, digest }: { context: Context; edges: ReadonlyMap<PartyIndex, Edge>; digest: Uint8Array },
): bigint {
  let sum = 0n;
  for (const [peer, { zeroSeed }] of edges) {
    const term = transcriptScalar(group, "dkls23/sign/zero-share", { seed: zeroSeed, digest });
    sum = mod(peer < context.self ? sum + term : sum - term, group.order);
  }
  return sum;
}

/** Fresh for every session even if the random source should repeat itself: the share and the ssid are in the hash. */
function drawScalar(
  group: Group,
  { context, role, share, rng }: { context: Context; role: string; share: bigint; rng: Rng },
): bigint {
  const { ssid, self } = context;
  const drawn = transcriptScalar(group, "dkls23/sign/draw", {
    ssid,
    self,
    role,
    share: group.encodeScalar(share),
    random: rng(32),
  });
  assert(drawn !== 0n, "a random scalar was zero: the random source is broken");
  return drawn;
}
