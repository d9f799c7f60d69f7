import type { PartyIndex } from "../party.ts";
import type { Protocol } from "../round.ts";
import type { Message, Part } from "../session.ts";
import { CALM } from "./faults.ts";
import { interceptSteps } from "./intercept.ts";
import { simulate, type Outcome, type Simulation, type SimulationOptions } from "./simulate.ts";

/** What a cheater does to one of its messages. It follows the protocol in all else. */
export interface Rewrite {
  readonly round: string;
  readonly part: Part;
  /** Only this receiver gets the other message (equivocation, if the part is a broadcast). Absent: all receivers. */
  readonly to?: PartyIndex;
  /** The body sent instead. Absent: the honest body. */
  readonly body?: (honest: Uint8Array) => Uint8Array;
  /** The view sent instead. Absent: the honest view. */
  readonly view?: (honest: Uint8Array) => Uint8Array;
  /** Send nothing. */
  readonly withhold?: true;
}

export interface CheatOptions<Config, Result> extends Omit<SimulationOptions<Config, Result>, "tamper" | "liar"> {
  readonly cheater: PartyIndex;
  readonly rewrite: Rewrite;
  /**
   * `insists` (default): after its lie the cheater claims the views that its receivers have, so that their later checks meet
   * the lie. `forgets`: it goes on from what it would have said honestly, views included.
   */
  readonly afterwards?: "insists" | "forgets";
}

export interface Cheated<Result> {
  /** How each honest party's session ended. */
  readonly honest: ReadonlyMap<PartyIndex, Outcome<Result>>;
  readonly simulation: Simulation<Result>;
}

/**
 * Run a protocol in which one party rewrites one message; in order and without network faults unless `schedule` says
 * otherwise. Throws `Error` if there was no such message, because then nothing was tested.
 */
export function cheat<Config, Result>({
  cheater,
  rewrite,
  afterwards = "insists",
  ...options
}: CheatOptions<Config, Result>): Cheated<Result> {
  let rewrites = 0;
  const rewritten = (message: Message): readonly Message[] => {
    rewrites += 1;
    if (rewrite.withhold) return [];
    return [
      {
        ...message,
        body: rewrite.body?.(message.body) ?? message.body,
        view: rewrite.view?.(message.view) ?? message.view,
      },
    ];
  };
  // A broadcast rewritten for all is rewritten before the session sees it, so that the cheater's echo confirms it.
  const atSource = rewrite.part === "broadcast" && rewrite.to === undefined && rewrite.body !== undefined;
  const protocol = atSource
    ? rewriteBroadcast(options.protocol, cheater, { ...rewrite, body: rewrite.body }, () => (rewrites += 1))
    : options.protocol;
  const isTarget = ({ from, round, part }: Message, to: PartyIndex): boolean =>
    from === cheater && round === rewrite.round && part === rewrite.part && (rewrite.to ?? to) === to;
  const simulation = simulate({
    schedule: CALM,
    ...options,
    protocol,
    ...(afterwards === "insists" && rewrite.view === undefined ? { liar: cheater } : {}),
    tamper: (message, to) => (!atSource && isTarget(message, to) ? rewritten(message) : [message]),
  });
  if (rewrites === 0) {
    throw new Error(
      `party ${cheater} sent no ${rewrite.round}/${rewrite.part} to ${rewrite.to ?? "anyone"}: no cheating`,
    );
  }
  const honest = new Map([...simulation.outcomes].filter(([party]) => party !== cheater));
  return { honest, simulation };
}

const rewriteBroadcast = <Config, Result>(
  protocol: Protocol<Config, Result>,
  cheater: PartyIndex,
  { round, body, view }: Rewrite & { readonly body: NonNullable<Rewrite["body"]> },
  onRewrite: () => void,
): Protocol<Config, Result> =>
  interceptSteps(protocol, (step, { self }) => {
    if (self !== cheater || step.round.name !== round || step.outgoing.broadcast === null) return step;
    if (view !== undefined) throw new Error("rewrite either the body or the view of a broadcast");
    onRewrite();
    return { ...step, outgoing: { ...step.outgoing, broadcast: body(step.outgoing.broadcast) } };
  });
