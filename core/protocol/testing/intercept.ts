import type { Context, Protocol, Round, RoundTypes, Step } from "../index.ts";

type Sending<Result> = Extract<Step<Result>, { kind: "send" }>;
type AnyRound<Result> = Round<RoundTypes & { result: Result }>;

/**
 * The same protocol with a look at every step that a party takes: how a cheater replaces what it sends in one round (and
 * then stands by it, echo included), and how a simulation counts wipes.
 */
export function interceptSteps<Config, Result>(
  protocol: Protocol<Config, Result>,
  change: (step: Sending<Result>, context: Context) => Sending<Result>,
): Protocol<Config, Result> {
  const onStep = (step: Step<Result>, context: Context): Step<Result> => {
    if (step.kind === "done") return step;
    const changed = change(step, context);
    const { round } = changed;
    const intercepted: AnyRound<Result> = {
      ...round,
      finish: (state, peers, rng) => onStep(round.finish(state, peers, rng), context),
    };
    return { ...changed, round: intercepted };
  };
  return {
    ...protocol,
    start: (context, config, rng) => onStep(protocol.start(context, config, rng), context),
  };
}

/** The same protocol, telling `onWipe` each time a state of the party `self` is wiped. */
export const observeWipes = <Config, Result>(
  protocol: Protocol<Config, Result>,
  onWipe: (self: Context["self"], round: string) => void,
): Protocol<Config, Result> =>
  interceptSteps(protocol, (step, { self }) => ({
    ...step,
    round: {
      ...step.round,
      wipe: (state) => {
        step.round.wipe(state);
        onWipe(self, step.round.name);
      },
    },
  }));
