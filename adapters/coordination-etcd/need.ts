/** Which statements etcd can do without: where room is short, those go that others have by another way, or can live without. */

/** Lower goes first. */
const NEEDS = [
  // Made when the work is done: every member that took part has it, and any of them tells it again.
  { topics: /^result:/, need: 0 },
  // What is open: the mesh tells it to whoever comes back.
  { topics: /^/, need: 1 },
] as const;

/** Few, and as good after a year as now: who is banned, which keys and edges there are, how long audit logs were. */
const KEPT = /^(?:evidence|certificate|checkpoint|edge)(?::|$)/;

/** The oldest of those that are needed least; "" if all of them have to stay. */
export function leastNeeded(oldestFirst: readonly { readonly topic: string; readonly key: string }[]): string {
  const leaving = oldestFirst.filter(({ topic }) => !KEPT.test(topic));
  for (const { topics } of NEEDS) {
    const found = leaving.find(({ topic }) => topics.test(topic));
    if (found !== undefined) return found.key;
  }
  return "";
}
