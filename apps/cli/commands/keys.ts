/** `keys`, `keys create` and `keys presign`, and how other commands name a key. */
import { setTimeout as sleep } from "node:timers/promises";
import { MAX_PRESIGNATURES, type Client, type Key, type KeyPage } from "@conclave/api";
import { openReader, openWriter } from "../connection.ts";
import type { Action } from "../context.ts";
import { CliError, EXIT, usageError } from "../exit.ts";
import { cell, renderTable } from "../output.ts";
import { parseWaitSeconds } from "../waiting.ts";

/** Between two looks at a key that is being made. */
const POLL_MS = 1_000;

/** `keys`. */
export const listKeys: Action = async ({ settings, out }) => {
  const page = await openReader(settings).keys();
  out.result(page, (look) => {
    const rows = page.items.map((key) => [
      cell(key.name ?? key.account ?? ""),
      cell(key.purpose),
      cell(key.scheme),
      cell(`${key.threshold} of ${key.members.length}`),
      cell(key.presignatures),
      cell(key.public_key),
      cell(key.id),
    ]);
    const making = page.under_way.map((key) => [
      cell(key.name ?? ""),
      cell(key.purpose),
      cell(key.scheme),
      cell(key.state, key.state === "failed" ? "bad" : "active"),
      cell(""),
      cell(key.reason ?? ""),
      cell(""),
    ]);
    if (rows.length + making.length === 0) return "No keys.";
    return renderTable(
      ["Name", "Purpose", "Scheme", "Shares", "Prepared", "Public key", "Id"],
      [...rows, ...making],
      look,
    );
  });
  return EXIT.ok;
};

interface CreateOptions {
  readonly name?: string;
  /** The account that a key of the wallet is to hold. */
  readonly wallet?: "taproot" | "segwit";
  readonly waitTimeout: string;
}

/** `keys create` and `keygen`. Asked again for the same, it waits for the same key. */
export const createKey: Action<CreateOptions> = async ({ settings, out }, { name, wallet, waitTimeout }) => {
  if ((name === undefined) === (wallet === undefined))
    throw usageError("Give either --name, for a key for messages, or --wallet, for the wallet's key of an account.");
  const called = name ?? `the wallet's ${wallet} key`;
  const isAsked = (key: Key): boolean => (wallet === undefined ? key.name === name : key.account === wallet);
  const waitSeconds = parseWaitSeconds(waitTimeout);
  const endMs = performance.now() + waitSeconds * 1_000;
  const client = openWriter(settings);
  const body = wallet === undefined ? { name: name! } : { account: wallet };
  const { request } = await client.createKey({ body });
  const pairs = wallet === "taproot" ? "" : ": every two nodes run oblivious transfers, which takes some seconds";
  out.note(`${called} is being made${pairs} …`);
  for (;;) {
    const page = await client.keys();
    const key = page.items.find(isAsked);
    if (key !== undefined) {
      out.result(key, () => `${key.name ?? key.account} ${key.public_key}\nKey id ${key.id}`);
      return EXIT.ok;
    }
    failIfOver(page, request, called);
    if (performance.now() > endMs) {
      throw new CliError(
        EXIT.timeout,
        "wait-timeout",
        `${sentence(called)} is not there after ${waitSeconds} s. It goes on: look with "conclave keys".`,
      );
    }
    await sleep(POLL_MS);
  }
};

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

function failIfOver({ under_way: underWay }: KeyPage, request: string, called: string): void {
  const failed = underWay.find((key) => key.request === request && key.state === "failed");
  if (failed === undefined) return;
  const reason = failed.reason === null ? "" : ` ${failed.reason}.`;
  throw new CliError(
    EXIT.failed,
    "key-failed",
    `${sentence(called)} could not be made.${reason} Ask again to try again.`,
  );
}

interface PresignOptions {
  readonly count: string;
}

/** `keys presign`. */
export const presignKey: Action<PresignOptions> = async ({ settings, out }, { count: typed }, named = "") => {
  const count = Number(typed);
  if (!/^\d+$/.test(typed) || count < 1 || count > MAX_PRESIGNATURES)
    throw usageError(`--count is a whole number from 1 to ${MAX_PRESIGNATURES}.`);
  const client = openWriter(settings);
  const { id } = await findKey(client, named);
  const asked = await client.presign({ id, body: { count } });
  const whose = `${count === 1 ? "One signature" : `${count} signatures`} of key ${id}`;
  out.result(asked, () => `${whose} will be prepared. "conclave keys" shows how many this node has parts of.`);
  return EXIT.ok;
};

/** The key with this id or name, or with an id that begins like this. Throws `CliError` (usage). */
export async function findKey(client: Client, typed: string): Promise<Key> {
  const { items } = await client.keys();
  const named = items.filter(({ name, account }) => typed === name || typed === account);
  const found = named.length > 0 ? named : items.filter(({ id }) => typed.length >= 8 && id.startsWith(typed));
  if (found.length === 1) return found[0]!;
  const why = found.length === 0 ? "names no key" : "names several keys";
  throw usageError(`"${typed}" ${why} of this node: "conclave keys" shows what there is.`);
}
