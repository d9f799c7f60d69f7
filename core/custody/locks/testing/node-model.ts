/**
 * One honest node as a finite automaton, built by asking the real rules about every action in every state they lead to.
 * Other nodes reach it only through facts that never become untrue again: approvals, proofs of death, the chain.
 */
import { toHex } from "@conclave/bytes";
import type { LockRecord } from "../records.ts";
import { RULES, type Rules } from "../checks.ts";
import type { Decision } from "../decision.ts";
import { decideRelease } from "../release.ts";
import { decideAbandon, decideSign, decideVote } from "../rules.ts";
import { apply, emptyState, intentOf, type LockState } from "../state.ts";
import { CONTEXT, contentDigest, FOREIGN_TXID, intentId, NODES, outpoint, PROOF, txidOf, WALLET } from "./names.ts";

/** The decisions that a node of the model asks; tests replace one by a weaker form. */
export interface NodeRules {
  readonly rules: Rules;
  readonly abandon: (...ask: Parameters<typeof decideAbandon>) => Decision<string>;
  readonly release: (...ask: Parameters<typeof decideRelease>) => Decision<string>;
}

export const REAL_RULES: NodeRules = { rules: RULES, abandon: decideAbandon, release: decideRelease };

/** Coins are small numbers. The position in `revisions` plus one is the revision's number. */
export interface Scenario {
  readonly name: string;
  readonly rounds: number;
  readonly intents: readonly {
    readonly revisions: readonly { readonly coins: readonly number[]; readonly anchor?: number }[];
  }[];
  /** Without votes of no, which take a slot and do nothing else. */
  readonly yesOnly?: boolean;
  /** With confirmations and foreign spends. */
  readonly chain?: boolean;
}

/** A revision of a scenario, numbered over all intents by its place in the list. */
export interface ModelRevision {
  readonly intent: number;
  readonly number: number;
  readonly coins: readonly number[];
  readonly anchor: number | null;
}

export const revisionsOf = ({ intents }: Scenario): readonly ModelRevision[] =>
  intents.flatMap(({ revisions }, intent) =>
    revisions.map(({ coins, anchor = null }, i) => ({ intent, number: i + 1, coins, anchor })),
  );

export const coinCount = (revisions: readonly ModelRevision[]): number =>
  1 + Math.max(...revisions.flatMap(({ coins }) => coins));

/** What a node may try. Revisions are places in the list of `revisionsOf`. */
export type Action =
  | { readonly kind: "vote"; readonly revision: number; readonly round: number; readonly value: boolean }
  | { readonly kind: "abandon"; readonly revision: number }
  | { readonly kind: "sign"; readonly revision: number; readonly round: number }
  | { readonly kind: "release-abandoned"; readonly revisions: readonly number[] }
  | { readonly kind: "release-spent"; readonly intent: number; readonly coin: number; readonly spender: number | null }
  | { readonly kind: "release-buried"; readonly revision: number };

/** Facts are bits. */
export interface Facts {
  readonly approved: (revision: number, round: number) => number;
  readonly dead: (revision: number) => number;
  readonly confirmed: (revision: number) => number;
  readonly foreignSpend: (coin: number) => number;
}

export function factBits(scenario: Scenario): Facts {
  const count = revisionsOf(scenario).length;
  const { rounds } = scenario;
  return {
    approved: (revision, round) => 1 << (revision * rounds + round - 1),
    dead: (revision) => 1 << (count * rounds + revision),
    confirmed: (revision) => 1 << (count * (rounds + 1) + revision),
    foreignSpend: (coin) => 1 << (count * (rounds + 2) + coin),
  };
}

/** Every action of a scenario with the facts it needs. */
export function actionsOf(scenario: Scenario): readonly { readonly action: Action; readonly needs: number }[] {
  const facts = factBits(scenario);
  const revisions = revisionsOf(scenario);
  const rounds = Array.from({ length: scenario.rounds }, (_, i) => i + 1);
  const ordinary = revisions.flatMap((_, revision) => [
    ...rounds.flatMap((round) => [
      { action: { kind: "vote", revision, round, value: true } as const, needs: 0 },
      ...(scenario.yesOnly === true
        ? []
        : [{ action: { kind: "vote", revision, round, value: false } as const, needs: 0 }]),
      { action: { kind: "sign", revision, round } as const, needs: facts.approved(revision, round) },
    ]),
    { action: { kind: "abandon", revision } as const, needs: 0 },
  ]);
  const releases = scenario.intents.flatMap((_, intent) =>
    nonEmptySubsets([...revisions.keys()].filter((r) => revisions[r]!.intent === intent)).map((set) => ({
      action: { kind: "release-abandoned", revisions: set } as const,
      needs: set.reduce((bits, r) => bits | facts.dead(r), 0),
    })),
  );
  return [...ordinary, ...releases, ...(scenario.chain === true ? chainActions(scenario) : [])];
}

function chainActions(scenario: Scenario): readonly { readonly action: Action; readonly needs: number }[] {
  const facts = factBits(scenario);
  const revisions = revisionsOf(scenario);
  const places = [...revisions.keys()];
  const spends = places.flatMap((r) => {
    const { intent, coins } = revisions[r]!;
    const release = (coin: number, spender: number | null, needs: number) => ({
      action: { kind: "release-spent", intent, coin, spender } as const,
      needs,
    });
    return coins.flatMap((coin) => {
      // A confirmed revision that this node does not know looks foreign to it.
      const spenders = places.filter((other) => revisions[other]!.coins.includes(coin));
      return spenders
        .map((spender) => release(coin, spender, facts.confirmed(spender)))
        .concat(release(coin, null, facts.foreignSpend(coin)));
    });
  });
  const buried = places.map((revision) => ({
    action: { kind: "release-buried", revision } as const,
    needs: facts.confirmed(revision),
  }));
  return [...spends, ...buried];
}

const nonEmptySubsets = (values: readonly number[]): readonly (readonly number[])[] =>
  Array.from({ length: (1 << values.length) - 1 }, (_, bits) => values.filter((_, i) => (((bits + 1) >> i) & 1) === 1));

/** Asks the rules. The environment's facts are taken as verified, as custody does before it asks. */
export function decide(
  scenario: Scenario,
  state: LockState,
  action: Action,
  { rules, abandon, release }: NodeRules,
): Decision<string> {
  const revisions = revisionsOf(scenario);
  const nameOf = (r: number) => {
    const { intent, number } = revisions[r]!;
    return { wallet: WALLET, intent: intentId(intent), revision: number, digest: contentDigest(r) };
  };
  const contentOf = (r: number) => {
    const { coins, anchor } = revisions[r]!;
    return { outpoints: coins.map(outpoint), anchor: anchor === null ? null : outpoint(anchor) };
  };
  switch (action.kind) {
    case "vote": {
      const { revision, round, value } = action;
      const ask = { ...nameOf(revision), ...contentOf(revision), round, value, context: CONTEXT };
      return decideVote(state, ask, rules);
    }
    case "abandon":
      return abandon(state, nameOf(action.revision));
    case "sign": {
      const { revision, round } = action;
      const tally = { ...nameOf(revision), round, approved: true };
      const ask = { ...nameOf(revision), ...contentOf(revision), txid: txidOf(revision), tally };
      return decideSign(state, ask, rules);
    }
    case "release-abandoned": {
      const committee = { n: NODES.length, t: 1, f: 0 };
      const abandons = action.revisions.map((r) => ({ ...nameOf(r), nodes: NODES }));
      const { wallet, intent } = nameOf(action.revisions[0]!);
      return release(state, { reason: "abandoned-by-quorum", wallet, intent, proof: PROOF, committee, abandons });
    }
    case "release-spent": {
      const spender = action.spender === null ? FOREIGN_TXID : txidOf(action.spender);
      const evidence = { wallet: WALLET, intent: intentId(action.intent), proof: PROOF } as const;
      return release(state, { ...evidence, reason: "foreign-spend", outpoint: outpoint(action.coin), spender });
    }
    case "release-buried": {
      const { wallet, intent } = nameOf(action.revision);
      return release(state, { reason: "buried-payment", wallet, intent, proof: PROOF });
    }
  }
}

/** What a node has let out of the process so far. Bit sets; they only grow. */
export interface Output {
  /** Yes votes, as the `approved` facts they count for. */
  readonly yes: number;
  /** Abandons, as the `dead` facts they count for. */
  readonly abandons: number;
  /** Revisions partially signed. */
  readonly partials: number;
  /** Coins that were this node's anchor at any time. */
  readonly anchors: number;
}

export interface Edge {
  readonly action: Action;
  readonly needs: number;
  readonly target: number;
}

export interface NodeAutomaton {
  readonly scenario: Scenario;
  /** How each state came about. */
  readonly journals: readonly (readonly LockRecord[])[];
  readonly outputs: readonly Output[];
  readonly edges: readonly (readonly Edge[])[];
}

/**
 * Every state that one node can reach under `rules`. State 0 is the fresh node. Each state is folded from its journal, so a
 * node that goes on is one that has just restarted.
 */
export function buildNode(scenario: Scenario, rules: NodeRules): NodeAutomaton {
  const actions = actionsOf(scenario);
  const journals: (readonly LockRecord[])[] = [[]];
  const outputs: Output[] = [{ yes: 0, abandons: 0, partials: 0, anchors: 0 }];
  const edges: Edge[][] = [];
  const known = new Map([[stateKey(scenario, emptyState(), 0), 0]]);
  for (let id = 0; id < journals.length; id++) {
    const journal = journals[id]!;
    const out: Edge[] = [];
    const state = fold(journal);
    for (const { action, needs } of actions) {
      const decision = decide(scenario, state, action, rules);
      if (!decision.ok || decision.records.length === 0) continue;
      const next = [...journal, ...decision.records];
      const after = fold(next);
      const output = outputOf(scenario, after, outputs[id]!.anchors);
      const key = stateKey(scenario, after, output.anchors);
      let target = known.get(key);
      if (target === undefined) {
        known.set(key, (target = journals.length));
        journals.push(next);
        outputs.push(output);
      }
      out.push({ action, needs, target });
    }
    edges.push(out);
  }
  return { scenario, journals, outputs, edges };
}

/** A restart: the state is what the journal says. */
export function fold(journal: readonly LockRecord[]): LockState {
  const state = emptyState();
  for (const record of journal) apply(state, record);
  return state;
}

export function outputOf(scenario: Scenario, state: LockState, anchorsBefore: number): Output {
  const facts = factBits(scenario);
  const coins = coinCount(revisionsOf(scenario));
  let [yes, abandons, partials, anchors] = [0, 0, 0, anchorsBefore];
  for (const [r, { intent: id, number }] of revisionsOf(scenario).entries()) {
    const intent = intentOf(state, { wallet: WALLET, intent: intentId(id) });
    for (const [round, { value }] of intent?.ballots.get(number) ?? []) if (value) yes |= facts.approved(r, round);
    if (intent?.abandoned.has(`${number}:${toHex(contentDigest(r))}`) === true) abandons |= facts.dead(r);
    if ((intent?.contents.get(number)?.signed ?? null) !== null) partials |= 1 << r;
    for (let c = 0; c < coins; c++) if (intent?.anchor === `${outpoint(c).txid}:0`) anchors |= 1 << c;
  }
  return { yes, abandons, partials, anchors };
}

/** Has this node seen proof that the revision is dead? */
export function hasDied(scenario: Scenario, state: LockState, revision: number): boolean {
  const { intent: id, number } = revisionsOf(scenario)[revision]!;
  const intent = intentOf(state, { wallet: WALLET, intent: intentId(id) });
  return intent?.dead.has(`${number}:${toHex(contentDigest(revision))}`) === true;
}

function stateKey(scenario: Scenario, state: LockState, anchors: number): string {
  const parts = scenario.intents.map((_, i) => {
    const intent = intentOf(state, { wallet: WALLET, intent: intentId(i) });
    if (intent === undefined) return "";
    const contents = [...intent.contents].map(([number, { signed }]) => `${number}${signed === null ? "" : "s"}`);
    const ballots = [...intent.ballots].map(
      ([number, rounds]) =>
        `${number}=${[...rounds]
          .map(([round, { value }]) => `${round}${value ? "y" : "n"}`)
          .sort()
          .join("")}`,
    );
    return [contents, ballots, [...intent.abandoned], [...intent.dead], [intent.anchor], [intent.ended]]
      .map((part) => part.map(String).sort().join())
      .join(";");
  });
  return `${anchors}|${parts.join("|")}`;
}
