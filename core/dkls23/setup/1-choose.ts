/**
 * DKLS23 setup, round 1: towards each peer, choose in 256 base OTs (Endemic OT, eprint 2019/706, figure 8), and contribute to
 * the seed of the pair's shares of zero. Every pair runs both directions; who chooses will be the sender of multiplications.
 */
import { codec, fixedBytes, record, transcript, type Rng } from "@conclave/bytes";
import {
  answerBaseOts,
  baseOtSchema,
  chooseBaseOts,
  growTrees,
  wipeChooser,
  wipeLeaves,
  type BaseOtChooser,
  type Engine,
  type Point,
} from "@conclave/crypto";
import { enter, type Context, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import { asCheat } from "../cheat-fault.ts";
import { Erasure } from "../erasure.ts";
import { SUITE } from "../suite.ts";
import { answerRound, type AnswerState, type PairAnswer } from "./2-answer.ts";
import { checkSetup, type SetupConfig, type SetupResult } from "./config.ts";
import { otSession, setupId } from "./pair.ts";
import { setupStatementCodec, type SetupStatement } from "./statement.ts";

export interface ChooseState {
  readonly context: Context;
  readonly statement: SetupStatement;
  readonly pairs: ReadonlyMap<PartyIndex, ChoosingPair>;
  readonly erasure: Erasure;
}

/** Own secrets towards one peer. */
export interface ChoosingPair {
  readonly chooser: BaseOtChooser;
  /** Own contribution to seed_ij, 32 bytes. */
  readonly seed: Uint8Array;
  /** Randomness for answering the peer's choices: that happens while its message is checked. */
  readonly answerSeed: Uint8Array;
}

/** What each peer gets alone. */
export interface PairChoice {
  readonly choices: readonly Point[];
  readonly seed: Uint8Array;
}

/** A peer's choices, answered. */
interface AnsweredChoice {
  readonly answers: readonly Point[];
  /** Both seeds of each of the 256 base OTs. */
  readonly seeds: Uint8Array;
  readonly theirSeed: Uint8Array;
}

interface ChooseTypes {
  state: ChooseState;
  publicState: SetupStatement;
  broadcast: null;
  direct: PairChoice;
  checked: AnsweredChoice;
  result: SetupResult;
}

/** Choose towards every peer. */
export function startSetup(engine: Engine, context: Context, config: SetupConfig, rng: Rng): Step<SetupResult> {
  checkSetup(context, config);
  const { committee, self, ssid } = context;
  const setup = setupId(config.certificate, ssid);
  const erasure = new Erasure();
  const direct = new Map<PartyIndex, PairChoice>();
  const pairs = new Map(
    committee
      .filter((peer) => peer !== self)
      .map((peer) => {
        const { message, chooser } = chooseBaseOts(engine, otSession(setup, self, peer), rng);
        erasure.with(() => wipeChooser(chooser));
        const [seed, answerSeed] = [erasure.buffer(rng(32)), erasure.buffer(rng(32))];
        direct.set(peer, { choices: message, seed });
        return [peer, { chooser, seed, answerSeed }] as const;
      }),
  );
  const statement: SetupStatement = { suite: SUITE, setup, committee };
  return enter(chooseRound(engine), { context, statement, pairs, erasure }, { direct });
}

export const chooseRound = (engine: Engine): Round<ChooseTypes> => ({
  name: "dkls23/setup/1-choose",
  broadcast: null,
  direct: codec(record({ choices: baseOtSchema(engine.secp256k1), seed: fixedBytes(32) })),
  echo: false,
  judging: "each",
  publicState: setupStatementCodec,
  open: ({ statement }) => statement,
  senders: ({ context }) => context.committee,
  receivers: ({ context }) => context.committee,
  checkPublic: () => {},
  checkPrivate({ context, statement, pairs, erasure }, from, _broadcast, { choices, seed }) {
    const session = otSession(statement.setup, from, context.self);
    const rng = expand(pairs.get(from)!.answerSeed);
    const { message, seeds } = asCheat(() => answerBaseOts(engine, session, choices, rng));
    erasure.buffer(seeds);
    return { answers: message, seeds, theirSeed: erasure.buffer(seed) };
  },
  finish: (state, answered) => answer(engine, state, answered),
  wipe: ({ erasure }) => erasure.run(),
});

/** Every peer chose: grow the trees of which it will know all leaves but one each. */
function answer(
  engine: Engine,
  state: ChooseState,
  answered: ReadonlyMap<PartyIndex, AnsweredChoice>,
): Step<SetupResult> {
  const { context, statement, erasure } = state;
  const direct = new Map<PartyIndex, PairAnswer>();
  const pairs: AnswerState["pairs"] = new Map(
    [...answered].map(([peer, { answers, seeds, theirSeed }]) => {
      const { leaves, message } = growTrees(engine, otSession(statement.setup, peer, context.self), seeds);
      erasure.with(() => wipeLeaves(leaves));
      direct.set(peer, { answers, trees: message });
      return [peer, { ...state.pairs.get(peer)!, receiving: leaves, theirSeed }];
    }),
  );
  return enter(answerRound(engine), { context, statement, pairs, erasure }, { direct });
}

/** A stream out of 32 secret random bytes: H in counter mode. */
function expand(seed: Uint8Array): Rng {
  let counter = 0;
  return (length) => {
    const stream = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      counter += 1;
      const block = transcript("dkls23/setup/expand", { seed, counter });
      stream.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return stream;
  };
}
