/** RFC 9591 §5.1, round one: every signer publishes a fresh pair of nonce commitments D and E. */
import { codec, type Rng } from "@conclave/bytes";
import { resolveTweak, tweakShare, type Point, type Tweaked } from "@conclave/crypto";
import { ascending, enter, type Context, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import { commit, eraseNonces, type NonceCommitments, type Nonces } from "../nonces.ts";
import { sign } from "../signature-share.ts";
import { preparePackage } from "../signing-package.ts";
import type { Suite } from "../suite.ts";
import { enterShare } from "./2-share.ts";
import { checkConfig, type SignConfig } from "./config.ts";
import { commitmentsSchema, statementCodec, type SharedView, type Statement } from "./statement.ts";

interface CommitState {
  readonly context: Context;
  readonly statement: Statement;
  /** Y_i of each signer, tweaked. */
  readonly publicShares: ReadonlyMap<PartyIndex, Point>;
  /** d, e and D, E. */
  readonly nonces: Nonces;
  /** s_i, tweaked, as an encoded scalar. */
  readonly share: Uint8Array;
}

interface CommitTypes {
  state: CommitState;
  publicState: Statement;
  broadcast: NonceCommitments;
  direct: null;
  checked: NonceCommitments;
  result: Uint8Array;
}

/** Check the config, apply the tweak, draw the nonces. */
export function startSign(suite: Suite, context: Context, config: SignConfig, rng: Rng): Step<Uint8Array> {
  checkConfig(suite, context, config);
  const { group } = suite;
  const tweaked = resolve(suite, config);
  const share = group.encodeScalar(tweakShare(group, tweaked, config.share));
  const session = { ssid: context.ssid, party: context.self, message: config.message };
  const nonces = commit(suite, { share: config.share, session, rng });
  const statement: Statement = {
    suite: suite.id,
    keyId: Uint8Array.from(config.keyId),
    epoch: config.epoch,
    publicKey: tweaked.publicKey,
    // A copy: what was promised in round 1 is what round 2 signs, whatever happens to the caller's buffer in between.
    message: Uint8Array.from(config.message),
    approval: Uint8Array.from(config.approval),
    signers: context.committee,
  };
  const publicShares = tweakPublicShares(suite, tweaked, context.committee, config.publicShares);
  const state = { context, statement, publicShares, nonces, share };
  return enter(commitRound(suite), state, { broadcast: nonces.commitments });
}

export function commitRound(suite: Suite): Round<CommitTypes> {
  return {
    name: "frost/sign/1",
    broadcast: codec(commitmentsSchema(suite.group)),
    direct: null,
    echo: false,
    judging: "each",
    publicState: statementCodec(suite),
    open: ({ statement }) => statement,
    senders: ({ context }) => context.committee,
    receivers: ({ context }) => context.committee,
    // D and E are judged by their decoding: any two points of the group but the identity may be nonce commitments.
    checkPublic: () => {},
    checkPrivate: (_state, _from, commitments) => commitments,
    finish: (state, peers) => answer(suite, state, peers),
    wipe: eraseSecrets,
  };
}

/** RFC 9591 §5.2, round two: all nonces are known; sign, and forget own nonces and share. */
function answer(suite: Suite, state: CommitState, peers: ReadonlyMap<PartyIndex, NonceCommitments>): Step<Uint8Array> {
  try {
    const { context, statement, publicShares, nonces } = state;
    const all = new Map([...peers, [context.self, nonces.commitments]]);
    const commitments = new Map(ascending(all.keys()).map((party) => [party, all.get(party)!]));
    const prepared = preparePackage(suite, { ...statement, commitments });
    const share = suite.group.decodeScalar(state.share);
    const own = sign(suite, prepared, { party: context.self, share, nonces });
    const view: SharedView = { ...statement, commitments, publicShares };
    return enterShare(suite, { context, view, prepared, own });
  } finally {
    eraseSecrets(state);
  }
}

function eraseSecrets({ nonces, share }: CommitState): void {
  eraseNonces(nonces.secrets);
  share.fill(0);
}

/** The tweak, with its key in affine form: it is encoded many times, and each time would cost an inversion. */
function resolve({ group, evenY }: Suite, { publicKey, chainCode, tweak }: SignConfig): Tweaked {
  const key = { publicKey, chainCode: chainCode ?? new Uint8Array(0) };
  const tweaked = resolveTweak(group, key, tweak, { evenY });
  if (tweaked.offset === 0n) return tweaked;
  return { ...tweaked, publicKey: group.decode(group.encode(tweaked.publicKey)) };
}

/** Y_i = ±X_i + offset·G of each signer: `tweakPublicShare` for all, with one multiplication of G. */
function tweakPublicShares(
  { group }: Suite,
  { sign, offset }: Tweaked,
  signers: readonly PartyIndex[],
  publicShares: ReadonlyMap<PartyIndex, Point>,
): ReadonlyMap<PartyIndex, Point> {
  const shift = offset === 0n ? null : group.multiplyBase(offset);
  return new Map(
    signers.map((party) => {
      const stored = publicShares.get(party)!;
      const signed = sign === 1n ? stored : group.negate(stored);
      return [party, shift === null ? signed : group.add(signed, shift)];
    }),
  );
}
