/**
 * DKLS23 signing, round 3: R_i and pk_i are opened to all, and every sender answers its multiplications. What each peer fed into
 * them is held against what it opened: χ_ij·R_j = d_u·G + Γ^u and χ_ij·pk_j = d_v·G + Γ^v.
 */
import { codec, equalBytes, record, type Codec } from "@conclave/bytes";
import {
  type Engine,
  finishMultiply,
  type Group,
  mod,
  type MultiplyMessage,
  multiplySchema,
  nonceCoordinate,
  type Point,
  scalarSchema,
  wipeReceiver,
} from "@conclave/crypto";
import { Fault, type PartyIndex, type Round } from "@conclave/protocol";
import { asCheat } from "../cheat-fault.ts";
import { encodedPointSchema, encodePoints, type EncodedPoint } from "../encoded-point.ts";
import { multiplySession, type MultiplyState } from "./2-multiply.ts";
import type { Goal, Prepared } from "./goal.ts";
import { agreementCodec, commitmentTo, openingSchema, type Agreement, type Opening } from "./statement.ts";

/** What each peer gets alone. */
export interface SealedOpening {
  readonly multiply: MultiplyMessage;
  /** Γ^u = c_u·G */
  readonly gammaU: EncodedPoint;
  /** Γ^v = c_v·G */
  readonly gammaV: EncodedPoint;
  /** ψ_ij = φ_i − χ_ij */
  readonly psi: bigint;
}

export interface OpenState extends MultiplyState {
  readonly own: Opening;
  /** Σ c_u over all peers, an encoded scalar in `erasure`. */
  readonly cU: Uint8Array;
  /** Σ c_v. */
  readonly cV: Uint8Array;
}

interface CheckedOpening {
  readonly opening: Opening;
  readonly psi: bigint;
  /** Own outputs of the multiplication in which this peer was the sender: d_u, d_v. */
  readonly d: readonly [bigint, bigint];
}

interface OpenTypes<Result> {
  state: OpenState;
  publicState: Agreement;
  broadcast: Opening;
  direct: SealedOpening;
  checked: CheckedOpening;
  result: Result;
}

const sealedCodec = (engine: Engine): Codec<SealedOpening> =>
  codec(
    record({
      multiply: multiplySchema(engine),
      gammaU: encodedPointSchema(engine.secp256k1),
      gammaV: encodedPointSchema(engine.secp256k1),
      psi: scalarSchema(engine.secp256k1),
    }),
  );

export const openRound = <Result>(engine: Engine, goal: Goal<Result>): Round<OpenTypes<Result>> => ({
  name: `dkls23/${goal.name}/3-open`,
  broadcast: codec(openingSchema(engine.secp256k1)),
  direct: sealedCodec(engine),
  echo: false,
  judging: "each",
  publicState: agreementCodec(engine.secp256k1),
  open: ({ agreement }) => agreement,
  senders: ({ context }) => context.committee,
  receivers: ({ context }) => context.committee,
  checkPublic({ session, commitments }, from, { R, blind }) {
    const committed = commitments.get(from)?.commitment;
    if (committed === undefined || !equalBytes(commitmentTo(session, from, R, blind), committed)) {
      throw new Fault("public", "opens another nonce than it committed to");
    }
  },
  checkPrivate: (state, from, opening, sealed) => checkPeer(engine, state, { from, opening, sealed }),
  finish(state, peers) {
    try {
      return goal.conclude(prepare(engine.secp256k1, state, peers));
    } finally {
      state.erasure.run();
    }
  },
  wipe: ({ erasure }) => erasure.run(),
});

/** In this order: the multiplication's own check, then that its inputs were the r_j and sk_j behind what the peer opened. */
function checkPeer(
  engine: Engine,
  { context, edges, digest, receivers }: OpenState,
  { from, opening, sealed }: { from: PartyIndex; opening: Opening; sealed: SealedOpening },
): CheckedOpening {
  const group = engine.secp256k1;
  const receiver = receivers.get(from)!;
  const session = multiplySession(digest, { setup: edges.get(from)!.setup, sender: from, receiver: context.self });
  const d = asCheat(() => finishMultiply(engine, session, receiver, sealed.multiply));
  const consistent = (committed: Point, output: bigint, gamma: Point): boolean =>
    group.equals(
      group.multiplySecret(committed, receiver.b),
      output === 0n ? gamma : group.add(group.multiplyBaseSecret(output), gamma),
    );
  if (!consistent(opening.R.point, d[0], sealed.gammaU.point)) {
    throw new Fault("cheat", "multiplied another nonce than it opened");
  }
  if (!consistent(opening.pk.point, d[1], sealed.gammaV.point)) {
    throw new Fault("cheat", "multiplied another secret than it opened");
  }
  wipeReceiver(engine, receiver);
  return { opening, psi: sealed.psi, d };
}

/** Every pair is consistent: check that the whole is the key, and gather own parts of numerator and denominator. */
function prepare(group: Group, state: OpenState, peers: ReadonlyMap<PartyIndex, CheckedOpening>): Prepared {
  const { context, agreement, own, secrets } = state;
  const openings = new Map(
    context.committee.map((party) => [party, party === context.self ? own : peers.get(party)!.opening]),
  );
  const sum = (of: (opening: Opening) => EncodedPoint): Point =>
    [...openings.values()].reduce((total, opening) => group.add(total, of(opening).point), group.identity);
  if (
    !group.equals(
      sum(({ pk }) => pk),
      agreement.publicKey.point,
    )
  ) {
    throw new Fault("mismatch", "the signers' parts do not add up to the derived key");
  }
  const total = sum(({ R }) => R);
  if (group.isIdentity(total)) throw new Fault("mismatch", "the nonces cancel out");
  const [R] = encodePoints(group, [total]);
  const coordinate = nonceCoordinate(group, R!.bytes);
  if (coordinate.r === 0n) throw new Fault("mismatch", "the nonce has no usable coordinate");

  const add = (start: bigint, of: (checked: CheckedOpening) => bigint): bigint =>
    mod(
      [...peers.values()].reduce((total, checked) => total + of(checked), start),
      group.order,
    );
  const scalar = (bytes: Uint8Array): bigint => group.decodeScalar(bytes);
  const phi = scalar(secrets.phi);
  const Phi = add(phi, ({ psi }) => psi);
  const s0 = add(scalar(secrets.sk) * Phi + scalar(state.cV), ({ d }) => d[1]);
  const s1 = add(scalar(secrets.nonce) * Phi + scalar(state.cU), ({ d }) => d[0]);
  const disclosure = { ...agreement, openings };
  return { context, disclosure, R: R!, coordinate, s0: mod(coordinate.r * s0, group.order), s1, phi };
}
