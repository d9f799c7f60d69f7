/**
 * Every run of a committee: n − f honest nodes, each an automaton made of the real rules, and f liars who vote, abandon
 * and sign everything at once (more of that never hinders anything). Nodes are alike, so a state is a multiset of node
 * states. A crash needs no step of its own: records precede actions, so a restarted node is the node it was.
 */
import { assert } from "@conclave/bytes";
import { judge, type Event, type Voting } from "./judge.ts";
import type { NodeAutomaton } from "./node-model.ts";
import { coverage, joinAlike, keepAll, prune, reachablePart, type Graph, type Pruned } from "./reduce.ts";

export interface Exploration {
  /** States of the whole committee that were visited. */
  readonly states: number;
  /** A run to a state of the kind that was looked for; null if there is none. */
  readonly counterexample: readonly Event[] | null;
}

export interface SearchOptions {
  /** Throws `RangeError` beyond. */
  readonly maxStates?: number;
  /** False visits every state of every node, to check that the reduction loses nothing. No trace then. */
  readonly reduced?: boolean;
  /** By default: is a payment made twice? */
  readonly question?: Question;
}

/** What to look for. Node states are those of the automaton. */
export interface Question {
  /** Whatever `isBad` reads of a node's state beside what it let out, which may only be compared as "more is worse". */
  readonly labels: readonly string[];
  readonly isBad: (facts: number, states: readonly number[]) => boolean;
}

/** Two payments are signed of which only one may be. */
function paidTwice({ scenario, outputs }: NodeAutomaton, voting: Voting): Question {
  const { isUnsafe } = judge(scenario, voting);
  return {
    labels: outputs.map(() => ""),
    isBad: (facts, states) =>
      isUnsafe(
        facts,
        states.map((state) => outputs[state]!),
      ),
  };
}

export function explore(
  automaton: NodeAutomaton,
  voting: Voting,
  { maxStates = 20_000_000, reduced = true, question = paidTwice(automaton, voting) }: SearchOptions = {},
): Exploration {
  const { labels, isBad } = question;
  const { graph, classOf } = joinAlike(automaton, labels);
  const { graph: small, original } = reduced
    ? reachablePart(graph)
    : { graph: { outputs: automaton.outputs, labels, steps: automaton.edges }, original: [] };
  const states = reduced ? original.map((state) => classOf.indexOf(state)) : [...automaton.outputs.keys()];
  const search = new Search(small, {
    ...judge(automaton.scenario, voting),
    isBad: (facts, nodes) =>
      isBad(
        facts,
        nodes.map((node) => states[node]!),
      ),
    reduction: reduced ? prune : keepAll,
  });
  const bad = search.run(voting.n - voting.f, maxStates);
  if (bad === null) return { states: search.size, counterexample: null };
  const path = reduced ? search.pathTo(bad) : [];
  return { states: search.size, counterexample: concrete({ automaton, graph, classOf, original }, path, voting) };
}

/** One step of the reduced search: a node (by its abstract state) moves, or the chain does. */
interface Move {
  readonly factsBefore: number;
  readonly facts: number;
  readonly from: number;
  readonly target: number;
  readonly chain: number;
  /** Stand-ins of the reduction that the new facts allow. */
  readonly settle: Int32Array;
}

interface World extends Pick<ReturnType<typeof judge>, "established" | "chainEvents"> {
  readonly isBad: (facts: number, nodes: readonly number[]) => boolean;
  readonly reduction: (graph: Graph, facts: number) => Pruned;
}

/** Breadth first. States are kept packed: facts, and node states as digits of one number. */
class Search {
  readonly #graph: Graph;
  readonly #world: World;
  readonly #pruned = new Map<number, Pruned>();
  readonly #visited = new Map<number, Set<number>>();
  readonly #facts: number[] = [];
  readonly #keys: number[] = [];
  readonly #parents: number[] = [];
  #honest = 0;

  constructor(graph: Graph, world: World) {
    this.#graph = graph;
    this.#world = world;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Index of the first bad state, or null. */
  run(honest: number, maxStates: number): number | null {
    assert(this.#graph.outputs.length ** honest <= Number.MAX_SAFE_INTEGER, "a state fits into a number");
    this.#honest = honest;
    this.#visit(
      this.#settle(
        0,
        Array.from({ length: honest }, () => 0),
      ),
      -1,
    );
    for (let i = 0; i < this.#keys.length; i++) {
      if (i > maxStates) throw new RangeError(`more than ${maxStates} states`);
      if (this.#world.isBad(this.#facts[i]!, this.#nodes(i))) return i;
      for (const { facts, nodes } of this.#successors(i)) this.#visit({ facts, nodes }, i);
    }
    return null;
  }

  pathTo(index: number): readonly Move[] {
    const path: Move[] = [];
    for (let at = index; this.#parents[at]! >= 0; at = this.#parents[at]!) {
      const parent = this.#parents[at]!;
      const step = [...this.#successors(parent)].find(
        ({ facts, nodes }) => facts === this.#facts[at] && this.#pack(nodes) === this.#keys[at],
      );
      assert(step !== undefined, "a visited state follows from its parent");
      const { facts, from, target, chain } = step;
      path.unshift({
        factsBefore: this.#facts[parent]!,
        facts,
        from,
        target,
        chain,
        settle: this.#reduction(facts).standIn,
      });
    }
    return path;
  }

  *#successors(index: number) {
    const facts = this.#facts[index]!;
    const nodes = this.#nodes(index);
    const { steps } = this.#reduction(facts);
    for (const [place, from] of nodes.entries()) {
      if (place > 0 && nodes[place - 1] === from) continue;
      for (const { needs, target } of steps[from]!) {
        if ((needs & ~facts) !== 0) continue;
        const { facts: known, nodes: settled } = this.#settleMove(facts, nodes, place, target);
        yield { facts: known, nodes: settled, from, target, chain: 0 };
      }
    }
    for (const chain of this.#world.chainEvents(facts, this.#outputs(nodes))) {
      const { facts: known, nodes: settled } = this.#settle(facts | chain, nodes);
      yield { facts: known, nodes: settled, from: -1, target: -1, chain };
    }
  }

  #settle(known: number, nodes: readonly number[]): { readonly facts: number; readonly nodes: readonly number[] } {
    const facts = known | this.#world.established(this.#outputs(nodes));
    const { standIn } = this.#reduction(facts);
    return { facts, nodes: nodes.map((node) => standIn[node]!).sort(ascending) };
  }

  /** As `#settle`, cheaper where the move lets out nothing that counts. */
  #settleMove(facts: number, nodes: readonly number[], place: number, target: number) {
    const moved = nodes.with(place, target);
    const [before, after] = [this.#graph.outputs[nodes[place]!]!, this.#graph.outputs[target]!];
    const news = (after.yes & ~before.yes) | (after.abandons & ~before.abandons);
    return (news & ~facts) === 0 ? { facts, nodes: moved.sort(ascending) } : this.#settle(facts, moved);
  }

  #visit({ facts, nodes }: { readonly facts: number; readonly nodes: readonly number[] }, parent: number): void {
    let seen = this.#visited.get(facts);
    if (seen === undefined) this.#visited.set(facts, (seen = new Set()));
    const key = this.#pack(nodes);
    if (seen.has(key)) return;
    seen.add(key);
    this.#facts.push(facts);
    this.#keys.push(key);
    this.#parents.push(parent);
  }

  #reduction(facts: number): Pruned {
    let pruned = this.#pruned.get(facts);
    if (pruned === undefined) this.#pruned.set(facts, (pruned = this.#world.reduction(this.#graph, facts)));
    return pruned;
  }

  #pack(nodes: readonly number[]): number {
    return nodes.reduce((key, node) => key * this.#graph.outputs.length + node, 0);
  }

  #nodes(index: number): number[] {
    const nodes: number[] = [];
    let rest = this.#keys[index]!;
    for (let i = 0; i < this.#honest; i++) {
      nodes.unshift(rest % this.#graph.outputs.length);
      rest = Math.floor(rest / this.#graph.outputs.length);
    }
    return nodes;
  }

  #outputs(nodes: readonly number[]) {
    return nodes.map((node) => this.#graph.outputs[node]!);
  }
}

const ascending = (a: number, b: number): number => a - b;

/** Follows a reduced run with real nodes, each always in a state that covers its abstract one. */
function concrete(
  {
    automaton,
    graph,
    classOf,
    original,
  }: {
    readonly automaton: NodeAutomaton;
    readonly graph: Graph;
    readonly classOf: Int32Array;
    readonly original: readonly number[];
  },
  path: readonly Move[],
  { n, f }: Voting,
): readonly Event[] {
  const nodes = Array.from({ length: n - f }, () => ({ abstract: 0, state: 0 }));
  const events: Event[] = [];
  for (const { factsBefore, from, target, chain, settle } of path) {
    if (chain !== 0) events.push({ chain });
    else {
      const node = nodes.findIndex(({ abstract }) => abstract === from);
      const mover = nodes[node]!;
      const covers = coverage(graph, factsBefore);
      const reaches = (state: number): boolean => covers(original[target]!, classOf[state]!);
      const edge = automaton.edges[mover.state]!.find((e) => (e.needs & ~factsBefore) === 0 && reaches(e.target));
      assert(edge !== undefined || reaches(mover.state), "a covering state answers every step");
      mover.abstract = target;
      if (!reaches(mover.state) && edge !== undefined) {
        mover.state = edge.target;
        events.push({ node, action: edge.action });
      }
    }
    for (const node of nodes) node.abstract = settle[node.abstract]!;
  }
  return events;
}
