/** `cluster rekey`: two nodes that do not sign together any more make their edge of a key anew. */
import type { Client, Rekeying } from "@conclave/api";
import { openWriter } from "../connection.ts";
import type { Action } from "../context.ts";
import { EXIT, usageError } from "../exit.ts";
import { findKey } from "./keys.ts";

interface RekeyOptions {
  readonly key?: string;
}

export const rekey: Action<RekeyOptions> = async ({ settings, out }, { key }, first = "", second = "") => {
  const client = openWriter(settings);
  const [a, b] = [await nodeNumber(client, first), await nodeNumber(client, second)];
  if (a === b) throw usageError("An edge lies between two different nodes.");
  const keys = key === undefined ? await keysBetween(client, a, b) : [(await findKey(client, key)).id];
  const asked: Rekeying[] = [];
  for (const id of keys) asked.push(await client.rekey({ body: { key: id, a, b } }));
  out.result({ items: asked }, () =>
    [
      ...asked.map(({ key_id: id }) => `Nodes ${a} and ${b} make their edge of key ${id} anew.`),
      'Look with "conclave cluster status".',
    ].join("\n"),
  );
  return EXIT.ok;
};

/** A node by its name or its number in the roster. Throws `CliError` (usage). */
async function nodeNumber(client: Client, typed: string): Promise<number> {
  const { items } = await client.clusterNodes();
  const node = items.find(({ name, node_id: number }) => name === typed || String(number) === typed);
  if (node !== undefined) return node.node_id;
  throw usageError(`"${typed}" is no node of this cluster: there are ${items.map(({ name }) => name).join(", ")}.`);
}

async function keysBetween(client: Client, a: number, b: number): Promise<readonly string[]> {
  const { items } = await client.keys();
  const found = items.filter(({ edges, members }) => edges && members.includes(a) && members.includes(b));
  if (found.length === 0) throw usageError("These nodes hold no key together that has edges.");
  return found.map(({ id }) => id);
}
