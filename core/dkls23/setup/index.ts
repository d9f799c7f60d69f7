import type { Engine } from "@conclave/crypto";
import type { Protocol } from "@conclave/protocol";
import { SUITE } from "../suite.ts";
import { chooseRound, startSetup } from "./1-choose.ts";
import { answerRound } from "./2-answer.ts";
import { confirmRound } from "./3-confirm.ts";
import type { SetupConfig, SetupResult } from "./config.ts";

/**
 * Pairwise oblivious transfers among a whole committee, in both directions, and a seed per pair for shares of zero. Also run by
 * two parties alone, to make one edge anew.
 */
export const setupProtocol = (engine: Engine): Protocol<SetupConfig, SetupResult> => ({
  id: `${SUITE}/setup`,
  rounds: [chooseRound(engine), answerRound(engine), confirmRound],
  start: (context, config, rng) => startSetup(engine, context, config, rng),
});
