/**
 * DKLS23 setup, round 2: answer every peer's base OTs, and send what it needs to regrow the trees (all-but-one OT, SoftSpoken,
 * eprint 2022/192, figures 13 and 14).
 */
import { codec, record } from "@conclave/bytes";
import {
  baseOtSchema,
  openBaseOts,
  regrowTrees,
  treeSchema,
  wipeLeaves,
  type AllLeaves,
  type Engine,
  type Point,
  type PuncturedLeaves,
  type TreeMessage,
} from "@conclave/crypto";
import { enter, type Context, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import { asCheat } from "../cheat-fault.ts";
import type { Edge } from "../edge.ts";
import type { Erasure } from "../erasure.ts";
import type { ChoosingPair } from "./1-choose.ts";
import { confirmRound } from "./3-confirm.ts";
import type { SetupResult } from "./config.ts";
import { confirmation, otSession, zeroSeed } from "./pair.ts";
import { setupStatementCodec, type SetupStatement } from "./statement.ts";

export interface AnswerState {
  readonly context: Context;
  readonly statement: SetupStatement;
  readonly pairs: ReadonlyMap<PartyIndex, AnsweringPair>;
  readonly erasure: Erasure;
}

interface AnsweringPair extends ChoosingPair {
  /** Trees whose base OTs the peer chose in. */
  readonly receiving: AllLeaves;
  /** The peer's contribution to seed_ij. */
  readonly theirSeed: Uint8Array;
}

/** What each peer gets alone. */
export interface PairAnswer {
  /** M_0, M_1 of every base OT. */
  readonly answers: readonly Point[];
  readonly trees: TreeMessage;
}

interface AnswerTypes {
  state: AnswerState;
  publicState: SetupStatement;
  broadcast: null;
  direct: PairAnswer;
  checked: PuncturedLeaves;
  result: SetupResult;
}

export const answerRound = (engine: Engine): Round<AnswerTypes> => ({
  name: "dkls23/setup/2-answer",
  broadcast: null,
  direct: codec(record({ answers: baseOtSchema(engine.secp256k1), trees: treeSchema })),
  echo: false,
  judging: "each",
  publicState: setupStatementCodec,
  open: ({ statement }) => statement,
  senders: ({ context }) => context.committee,
  receivers: ({ context }) => context.committee,
  checkPublic: () => {},
  checkPrivate({ context, statement, pairs, erasure }, from, _broadcast, { answers, trees }) {
    const session = otSession(statement.setup, context.self, from);
    const { chooser } = pairs.get(from)!;
    const leaves = asCheat(() => {
      const opened = openBaseOts(engine, session, chooser, answers);
      erasure.buffer(opened.seeds);
      erasure.buffer(opened.choices);
      return regrowTrees(engine, session, opened, trees);
    });
    erasure.with(() => wipeLeaves(leaves));
    return leaves;
  },
  finish: confirm,
  wipe: ({ erasure }) => erasure.run(),
});

/** Every pair has its leaves in both directions: fix the seeds, and say so to all. */
function confirm(
  { context, statement, pairs, erasure }: AnswerState,
  sending: ReadonlyMap<PartyIndex, PuncturedLeaves>,
): Step<SetupResult> {
  const { setup } = statement;
  const edges = new Map(
    [...pairs].map(([peer, { seed, theirSeed, receiving }]) => {
      const edge: Edge = {
        peer,
        setup,
        sending: sending.get(peer)!,
        receiving,
        zeroSeed: erasure.buffer(zeroSeed(setup, { self: context.self, peer }, { own: seed, theirs: theirSeed })),
      };
      return [peer, edge];
    }),
  );
  const confirmations = new Map(
    [...edges].map(([peer, edge]) => [peer, confirmation(setup, { self: context.self, peer }, edge.zeroSeed)]),
  );
  const state = { context, statement, edges, own: confirmations, erasure };
  return enter(confirmRound, state, { broadcast: { confirmations } });
}
