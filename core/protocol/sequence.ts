import { assert, type Rng } from "@conclave/bytes";
import type { Context, Protocol, Round, RoundTypes, Step } from "./round.ts";

/** Two protocols as one. */
export interface SequenceOptions<FirstConfig, First, SecondConfig, Second, Result> {
  /** Of the whole. */
  readonly id: string;
  readonly first: Protocol<FirstConfig, First>;
  /** Its rounds have other names than those of the first. */
  readonly second: Protocol<SecondConfig, Second>;
  /** What the second starts with. */
  config(context: Context, first: First): SecondConfig;
  /** Both results as one; it owns the first's from then on. */
  result(first: First, second: Second): Result;
  /** Overwrite a first result that comes to nothing, because the second did not end well. */
  wipe(first: First): void;
}

/**
 * One session that runs `first` and, with its result, `second`: same committee, same ssid, nothing durable in between. Records
 * that either wants to be durable before a message leaves stay with that message.
 */
export function sequence<FirstConfig, First, SecondConfig, Second, Result>(
  options: SequenceOptions<FirstConfig, First, SecondConfig, Second, Result>,
): Protocol<FirstConfig, Result> {
  const { id, first, second } = options;
  const names = new Set([...first.rounds, ...second.rounds].map(({ name }) => name));
  assert(names.size === first.rounds.length + second.rounds.length, `${id} has two rounds of one name`);
  const plan: Plan<First, Second, Result> = {
    begin: (context, of, rng) => second.start(context, options.config(context, of), rng),
    result: (of, then) => options.result(of, then),
    wipe: (of) => options.wipe(of),
  };
  return {
    id,
    rounds: [...first.rounds.map((round) => earlier(plan, round)), ...second.rounds.map((round) => later(plan, round))],
    start: (context, config, rng) => afterFirst(plan, { context, step: first.start(context, config, rng) }, rng),
  };
}

/** What the rounds need to know of each other. */
interface Plan<First, Second, Result> {
  begin(context: Context, first: First, rng: Rng): Step<Second>;
  result(first: First, second: Second): Result;
  wipe(first: First): void;
}

type InnerRound<Inner> = Round<RoundTypes & { result: Inner }>;

/** State of a round of the first protocol. */
interface Earlier {
  readonly context: Context;
  readonly inner: unknown;
}

/** State of a round of the second. */
interface Later<First> {
  /** Its one value until the whole result takes it. */
  readonly carried: First[];
  readonly inner: unknown;
}

type Wrapped<State, Result> = Round<RoundTypes & { state: State; result: Result }>;

/** A round of the first protocol, after which the second may begin. */
function earlier<First, Second, Result>(
  plan: Plan<First, Second, Result>,
  round: InnerRound<First>,
): Wrapped<Earlier, Result> {
  return {
    ...round,
    open: ({ inner }) => round.open(inner),
    senders: ({ inner }) => round.senders(inner),
    receivers: ({ inner }) => round.receivers(inner),
    checkPublic: (publicState, from, broadcast) => round.checkPublic(publicState, from, broadcast),
    checkPrivate: ({ inner }, from, broadcast, direct) => round.checkPrivate(inner, from, broadcast, direct),
    finish: ({ context, inner }, peers, rng) =>
      afterFirst(plan, { context, step: round.finish(inner, peers, rng) }, rng),
    wipe: ({ inner }) => round.wipe(inner),
  };
}

/** A round of the second protocol, with the first's result beside its state. */
function later<First, Second, Result>(
  plan: Plan<First, Second, Result>,
  round: InnerRound<Second>,
): Wrapped<Later<First>, Result> {
  return {
    ...round,
    open: ({ inner }) => round.open(inner),
    senders: ({ inner }) => round.senders(inner),
    receivers: ({ inner }) => round.receivers(inner),
    checkPublic: (publicState, from, broadcast) => round.checkPublic(publicState, from, broadcast),
    checkPrivate: ({ inner }, from, broadcast, direct) => round.checkPrivate(inner, from, broadcast, direct),
    finish: ({ carried, inner }, peers, rng) => afterSecond(plan, carried, round.finish(inner, peers, rng)),
    wipe({ carried, inner }) {
      round.wipe(inner);
      for (const result of carried.splice(0)) plan.wipe(result);
    },
  };
}

function afterFirst<First, Second, Result>(
  plan: Plan<First, Second, Result>,
  { context, step }: { readonly context: Context; readonly step: Step<First> },
  rng: Rng,
): Step<Result> {
  if (step.kind === "send") {
    const state: Earlier = { context, inner: step.state };
    return { ...step, round: earlier(plan, step.round), state };
  }
  const carried = [step.result];
  try {
    return afterSecond(plan, carried, plan.begin(context, step.result, rng));
  } catch (error) {
    for (const result of carried.splice(0)) plan.wipe(result);
    throw error;
  }
}

function afterSecond<First, Second, Result>(
  plan: Plan<First, Second, Result>,
  carried: First[],
  step: Step<Second>,
): Step<Result> {
  if (step.kind === "send") {
    const state: Later<First> = { carried, inner: step.state };
    return { ...step, round: later(plan, step.round), state };
  }
  const [first] = carried.splice(0);
  return { kind: "done", result: plan.result(first as First, step.result) };
}
