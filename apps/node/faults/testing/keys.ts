/** Keys for messages: their generation has all the rounds there are, and a cluster makes as many as it is asked for. */
import { readSecret } from "../../up/folder.ts";
import { until } from "../../up/testing/waiting.ts";
import { PATIENCE_MS, type FaultyCluster } from "./cluster.ts";

/** Reads are limited per minute; two a second of each node stay below it. */
const LOOK_MS = 500;

interface KeyFacts {
  readonly id: string;
  readonly name: string | null;
  readonly edges: boolean;
}

/** Asks this node for a key, again until it answers: the same name is the same key. */
export async function askForKey(cluster: FaultyCluster, node: number, name: string): Promise<void> {
  await until(`node${node + 1} takes a key`, PATIENCE_MS, async () => {
    if (!cluster.awake.includes(node)) return undefined;
    const answer = await fetch(`${cluster.running.apiUrl(node)}/api/v1/keys`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${readSecret(cluster.folder.tokenFile)}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ name }),
    }).catch(() => null);
    // A connection that breaks says nothing, and neither does a node that is not ready yet.
    if (answer === null || answer.status === 503) return undefined;
    if (answer.status !== 201) throw new Error(`a key was refused: ${answer.status} ${await answer.text()}`);
    return true;
  });
}

/** Until every node that is awake has the key of this name, the same one, with all its edges. Its id. */
export async function keyMade(cluster: FaultyCluster, name: string, withinMs = PATIENCE_MS): Promise<string> {
  return until(
    `key ${name} on every node`,
    withinMs,
    async () => {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const held = await Promise.all(cluster.awake.map((index) => keyAt(cluster, index, name)));
      const [first] = held;
      const isAlike = held.every((key) => key !== undefined && key.id === first?.id && key.edges);
      return isAlike ? first!.id : undefined;
    },
    () => cluster.witness.lines.slice(-40),
  );
}

async function keyAt(cluster: FaultyCluster, index: number, name: string): Promise<KeyFacts | undefined> {
  const answer = await fetch(`${cluster.running.apiUrl(index)}/api/v1/keys`).catch(() => null);
  if (answer === null || !answer.ok) return undefined;
  const { items } = (await answer.json()) as { readonly items: readonly KeyFacts[] };
  return items.find((key) => key.name === name);
}
