/** Signatures on messages, prepared or not, asked of a node until it answers. */
import { readSecret } from "../../up/folder.ts";
import { until } from "../../up/testing/waiting.ts";
import { PATIENCE_MS, type FaultyCluster } from "./cluster.ts";

/** Reads are limited per minute; two a second of each node stay below it. */
const LOOK_MS = 500;

/** Has signatures with this key prepared. */
export async function askToPrepare(cluster: FaultyCluster, node: number, key: string, count: number): Promise<void> {
  await posted(cluster, node, { path: `/api/v1/keys/${key}/presignatures`, body: { count } });
}

/** Until so many prepared signatures wait at every node that is awake and holds any: who was away meanwhile has none. */
export async function prepared(cluster: FaultyCluster, key: string): Promise<void> {
  await until(`signatures prepared with ${key.slice(0, 8)}`, PATIENCE_MS, async () => {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const counts = await Promise.all(cluster.awake.map((index) => waiting(cluster, index, key)));
    return counts.filter((count) => count > 0).length >= cluster.size - 1 ? true : undefined;
  });
}

/** Asks for a signature on a message; asked again, it is the same. Its id. */
export async function askToSign(
  cluster: FaultyCluster,
  node: number,
  { key, message }: { readonly key: string; readonly message: string },
): Promise<string> {
  const answer = await posted(cluster, node, {
    path: "/api/v1/messages",
    body: { key_id: key, message },
    once: message,
  });
  return (answer as { readonly id: string }).id;
}

/** Until every node that is awake has the signature, the same one. */
export async function messageSigned(cluster: FaultyCluster, id: string): Promise<void> {
  await until(
    `message ${id.slice(0, 8)} signed on every node`,
    PATIENCE_MS,
    async () => {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const views = await Promise.all(cluster.awake.map((index) => signature(cluster, index, id)));
      return views.every((view) => view !== null && view === views[0]) ? true : undefined;
    },
    () => cluster.witness.lines.slice(-40),
  );
}

interface Asked {
  readonly path: string;
  readonly body: unknown;
  /** Makes the same of it when it is asked again. */
  readonly once?: string;
}

function posted(cluster: FaultyCluster, node: number, { path, body, once }: Asked): Promise<unknown> {
  return until(`node${node + 1} takes ${path}`, PATIENCE_MS, async () => {
    if (!cluster.awake.includes(node)) return undefined;
    const answer = await fetch(`${cluster.running.apiUrl(node)}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${readSecret(cluster.folder.tokenFile)}`,
        "content-type": "application/json",
        ...(once === undefined ? {} : { "idempotency-key": once }),
      },
      body: JSON.stringify(body),
    }).catch(() => null);
    // A connection that breaks says nothing, and neither does a node that is not ready yet.
    if (answer === null || answer.status === 503) return undefined;
    if (answer.status >= 400) throw new Error(`${path} was refused: ${answer.status} ${await answer.text()}`);
    return answer.json();
  });
}

async function waiting(cluster: FaultyCluster, index: number, key: string): Promise<number> {
  const answer = await fetch(`${cluster.running.apiUrl(index)}/api/v1/keys`).catch(() => null);
  if (answer === null || !answer.ok) return 0;
  const { items } = (await answer.json()) as {
    readonly items: readonly { readonly id: string; readonly presignatures: number }[];
  };
  return items.find(({ id }) => id === key)?.presignatures ?? 0;
}

async function signature(cluster: FaultyCluster, index: number, id: string): Promise<string | null> {
  const answer = await fetch(`${cluster.running.apiUrl(index)}/api/v1/messages/${id}`).catch(() => null);
  if (answer === null || !answer.ok) return null;
  const { state, signature: made } = (await answer.json()) as {
    readonly state: string;
    readonly signature: unknown;
  };
  return state === "signed" ? JSON.stringify(made) : null;
}
