import type { Rng } from "@conclave/bytes";
import {
  answerBaseOts,
  chooseBaseOts,
  growTrees,
  openBaseOts,
  regrowTrees,
  type AllLeaves,
  type Engine,
  type PuncturedLeaves,
} from "../index.ts";

/** One honest set-up of one direction, as a pair runs it: base OTs, then trees. Takes a second or two with noble. */
export function setUpDirection(
  engine: Engine,
  session: Uint8Array,
  rng: Rng,
): { readonly all: AllLeaves; readonly punctured: PuncturedLeaves } {
  const { message: choices, chooser } = chooseBaseOts(engine, session, rng);
  const { message: answers, seeds } = answerBaseOts(engine, session, choices, rng);
  const { leaves: all, message } = growTrees(engine, session, seeds);
  return { all, punctured: regrowTrees(engine, session, openBaseOts(engine, session, chooser, answers), message) };
}
