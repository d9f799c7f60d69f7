/**
 * Makes a node's automaton small without losing a way to lose money. What a node lets out (yes votes, abandons, partials)
 * only ever makes more possible. So a state that can do and has let out everything another can and has may stand for it,
 * and a step to a state that does less than where the node already is need not be taken.
 */
import type { NodeAutomaton, Output } from "./node-model.ts";

export interface Step {
  /** Facts that have to be true first. */
  readonly needs: number;
  readonly target: number;
}

export interface Graph {
  readonly outputs: readonly Output[];
  /** What a question asks of a state beside what it let out. Only states with the same label stand for each other. */
  readonly labels: readonly string[];
  readonly steps: readonly (readonly Step[])[];
}

const within = (a: number, b: number): boolean => (a & ~b) === 0;

/** Joins states that behave exactly alike. `classOf` maps states of the automaton to states of the graph. */
export function joinAlike(
  { outputs, edges }: NodeAutomaton,
  labels: readonly string[],
): { readonly graph: Graph; readonly classOf: Int32Array } {
  const number = numbering();
  let classOf = Int32Array.from(outputs, (o, state) =>
    number(`${o.yes}.${o.abandons}.${o.partials}.${o.anchors}|${labels[state]!}`),
  );
  for (let count = 0; count !== number.count();) {
    count = number.count();
    number.clear();
    const previous = classOf;
    classOf = previous.map((own, state) => {
      const steps = edges[state]!.map(({ needs, target }) => `${needs}>${previous[target]!}`);
      return number(`${own}|${[...new Set(steps)].sort().join()}`);
    });
  }
  const [classOutputs, classLabels, steps]: [Output[], string[], Step[][]] = [[], [], []];
  for (const [state, own] of classOf.entries()) {
    if (classOutputs[own] !== undefined) continue;
    classOutputs[own] = outputs[state]!;
    classLabels[own] = labels[state]!;
    const found = edges[state]!.map(({ needs, target }) => ({ needs, target: classOf[target]! }));
    steps[own] = found.filter((a, i) => found.findIndex((b) => a.needs === b.needs && a.target === b.target) === i);
  }
  return { graph: { outputs: classOutputs, labels: classLabels, steps }, classOf };
}

function numbering() {
  const ids = new Map<string, number>();
  const number = (key: string): number => {
    const id = ids.get(key) ?? ids.size;
    ids.set(key, id);
    return id;
  };
  return Object.assign(number, { count: () => ids.size, clear: () => ids.clear() });
}

/** Whether state b can stand for state a, as `covers(a, b)`, when `facts` are true for ever. */
export type Covers = (a: number, b: number) => boolean;

/** The largest simulation: b has let out all that a has, and answers every step of a. */
export function coverage({ outputs, labels, steps }: Graph, facts: number): Covers {
  const size = outputs.length;
  const covered = new Uint8Array(size * size);
  for (const [a, x] of outputs.entries())
    for (const [b, y] of outputs.entries()) {
      const more =
        within(x.yes, y.yes | facts) && within(x.abandons, y.abandons | facts) && within(x.partials, y.partials);
      // Anchors are the exception: a shared one makes two payments safe.
      if (more && labels[a] === labels[b] && within(y.anchors, x.anchors)) covered[a * size + b] = 1;
    }
  const answers = (step: Step, b: number): boolean =>
    covered[step.target * size + b] === 1 ||
    steps[b]!.some(
      (other) => within(other.needs, step.needs | facts) && covered[step.target * size + other.target] === 1,
    );
  for (let changed = true; changed;) {
    changed = false;
    for (let a = 0; a < size; a++)
      for (let b = 0; b < size; b++) {
        if (covered[a * size + b] === 0 || steps[a]!.every((step) => answers(step, b))) continue;
        covered[a * size + b] = 0;
        changed = true;
      }
  }
  return (a, b) => covered[a * size + b] === 1;
}

/** The same graph with one state for each set that cover each other, and only the steps that lead further. */
export interface Pruned {
  readonly standIn: Int32Array;
  readonly steps: readonly (readonly Step[])[];
}

export function prune(graph: Graph, facts: number): Pruned {
  const covers = coverage(graph, facts);
  const standIn = Int32Array.from(graph.outputs, (_, a) => {
    for (let b = 0; b < a; b++) if (covers(a, b) && covers(b, a)) return b;
    return a;
  });
  const steps = graph.steps.map((list, from) => {
    const further = list
      .map(({ needs, target }) => ({ needs: needs & ~facts, target: standIn[target]! }))
      .filter(({ target }) => !covers(target, from));
    const better = (a: Step, i: number) => (b: Step, j: number) =>
      i !== j &&
      within(b.needs, a.needs) &&
      covers(a.target, b.target) &&
      (b.needs !== a.needs || b.target !== a.target || j < i);
    return further.filter((a, i) => !further.some(better(a, i)));
  });
  return { standIn, steps };
}

/** No reduction at all. */
export const keepAll = ({ outputs, steps }: Graph): Pruned => ({ standIn: Int32Array.from(outputs.keys()), steps });

/** The part of a graph that pruned steps reach from state 0, renumbered. `original` maps back. */
export function reachablePart(graph: Graph): { readonly graph: Graph; readonly original: readonly number[] } {
  const { steps, standIn } = prune(graph, 0);
  const original = [standIn[0]!];
  for (const state of original)
    for (const { target } of steps[state]!) if (!original.includes(target)) original.push(target);
  const place = new Map(original.map((state, i) => [state, i]));
  return {
    graph: {
      outputs: original.map((state) => graph.outputs[state]!),
      labels: original.map((state) => graph.labels[state]!),
      steps: original.map((state) => steps[state]!.map(({ needs, target }) => ({ needs, target: place.get(target)! }))),
    },
    original,
  };
}
