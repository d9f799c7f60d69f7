/** Messages, asked of all nodes in turn: so many under way at any time, until the time or the messages are over. */
import { randomUUID } from "node:crypto";
import type { LocalNetwork } from "./local.ts";

export interface Signing {
  /** From the first request to the last signature. */
  readonly tookMs: number;
  /** Of each message, from its request to its signature at the node that was asked. */
  readonly times: readonly number[];
  /** Attempts that one node or another gave up. */
  readonly aborted: number;
}

export interface Load {
  readonly key: string;
  readonly atOnce: number;
  readonly until: { readonly seconds: number } | { readonly messages: number };
}

/** A node takes this many changes in a minute; a few are left for others. */
const MOST_PER_NODE = 95;

export async function signMany(
  network: Pick<LocalNetwork, "apis" | "listen" | "post">,
  { key, atOnce, until }: Load,
): Promise<Signing> {
  const signed = new Map<string, () => void>();
  const early = new Set<string>();
  let aborted = 0;
  const stop = network.listen(({ event, request = "", state, place }) => {
    if (event === "aborted") aborted += 1;
    if (event !== "message" || state !== "signed") return;
    const name = `${place} ${request}`;
    if (signed.has(name)) signed.get(name)!();
    else early.add(name);
  });
  const startMs = performance.now();
  const [times, most] = [[] as number[], MOST_PER_NODE * network.apis.length];
  let asked = 0;
  const wanted = (): boolean =>
    asked < most &&
    ("messages" in until ? asked < until.messages : performance.now() - startMs < until.seconds * 1_000);
  const client = async (): Promise<void> => {
    while (wanted()) {
      const node = asked++ % network.apis.length;
      const postedMs = performance.now();
      const body = { key_id: key, message: randomUUID() };
      const name = `${node} ${(await network.post(node, "/api/v1/messages", body))["id"] as string}`;
      if (!early.has(name)) await new Promise<void>((resolve) => void signed.set(name, resolve));
      times.push(performance.now() - postedMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  stop();
  return { tookMs: performance.now() - startMs, times, aborted };
}
