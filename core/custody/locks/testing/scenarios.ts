/** Committees, payments and steps that the model is asked about. */
import type { Event, Voting } from "./judge.ts";
import type { Action, Scenario } from "./node-model.ts";

/** One intent whose revisions spend these coins. The first coin of a revision becomes its anchor. */
export const oneIntent = (
  name: string,
  coins: readonly (readonly number[])[],
  options?: Partial<Scenario>,
): Scenario => ({
  name,
  rounds: 1,
  intents: [{ revisions: coins.map((list) => ({ coins: list })) }],
  ...options,
});

export const twoIntents = (name: string, ...coins: readonly (readonly (readonly number[])[])[]): Scenario => ({
  name,
  rounds: 1,
  intents: coins.map((revisions) => ({ revisions: revisions.map((list) => ({ coins: list })) })),
});

export const yesOnly = (scenario: Scenario): Scenario => ({ ...scenario, yesOnly: true });

/** All t and q that the inequality allows. */
export const votings = (n: number, f: number): readonly Voting[] =>
  Array.from({ length: n - 1 }, (_, i) => i + 2).flatMap((t) =>
    Array.from({ length: n }, (_, i) => i + 1)
      .filter((q) => q >= t && q + t > n + f)
      .map((q) => ({ n, t, q, f })),
  );

/** In words. */
export const show = ({ n, t, q, f }: Voting): string => `n=${n} t=${t} q=${q} f=${f}`;

export const ONE_COIN = twoIntents("two intents, one coin", [[0]], [[0]]);

export const REPLACED = yesOnly(twoIntents("a replacement takes the other intent's coin", [[0], [0, 1]], [[1]]));

/** Honest nodes count from 0. */
export const vote = (node: number, revision: number): Event =>
  act(node, { kind: "vote", revision, round: 1, value: true });
export const sign = (node: number, revision: number): Event => act(node, { kind: "sign", revision, round: 1 });
export const abandon = (node: number, revision: number): Event => act(node, { kind: "abandon", revision });
export const releaseDead = (node: number, ...revisions: readonly number[]): Event =>
  act(node, { kind: "release-abandoned", revisions });
const act = (node: number, action: Action): Event => ({ node, action });
