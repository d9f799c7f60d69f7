import type { Protocol, Round, RoundTypes } from "@conclave/protocol";
import { interceptSteps } from "@conclave/protocol/testing";
import { statementCodec, sharedViewCodec, type SharedView, type Statement } from "../sign/statement.ts";
import { signProtocol } from "../sign/index.ts";
import type { SignConfig } from "../sign/config.ts";
import type { Suite } from "../suite.ts";

/** The public states that parties entered rounds with, decoded from their bytes as a judge would. In order of entering. */
export interface Views {
  statement(i: number): Statement;
  shared(i: number): SharedView;
  /** How many parties entered round 2. */
  readonly count: number;
}

/** The suite's sign protocol, and the views of everybody who runs it. */
export function observedProtocol(suite: Suite): { protocol: Protocol<SignConfig, Uint8Array>; views: Views } {
  const [statements, shared]: [Uint8Array[], Uint8Array[]] = [[], []];
  const protocol = interceptSteps(signProtocol(suite), (step) => {
    const into = step.round.name === "frost/sign/1" ? statements : shared;
    into.push(step.round.publicState.encode(step.round.open(step.state)));
    return step;
  });
  const views: Views = {
    statement: (i) => statementCodec(suite).decode(statements[i]!),
    shared: (i) => sharedViewCodec(suite).decode(shared[i]!),
    get count() {
      return shared.length;
    },
  };
  return { protocol, views };
}

/** A round of the suite's sign protocol, by its number. */
export const signRound = (suite: Suite, number: 1 | 2): Round<RoundTypes & { result: Uint8Array }> =>
  signProtocol(suite).rounds[number - 1]!;
