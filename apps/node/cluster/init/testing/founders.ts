/** Nodes made as `conclave init node` makes them, in this process, for tests that look at one step each. */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseFingerprint } from "./fingerprints.ts";
import { draftCharter, type DraftWish } from "../draft.ts";
import { finish } from "../finish.ts";
import { makeNode } from "../make-node.ts";
import type { Lines } from "../node-dir.ts";
import { signDraft } from "../sign.ts";

export const NOW_MS = Date.parse("2026-11-20T10:00:42.500Z");

export interface Founder {
  readonly name: string;
  readonly dir: string;
  readonly card: string;
  readonly signature: string;
}

export const founderAt = (root: string, name: string): Founder => {
  const dir = join(root, name);
  return { name, dir, card: join(dir, "public", `${name}.card`), signature: join(dir, "public", `${name}.signature`) };
};

/** Settings that every test's nodes have; their password lies beside their folders. */
export function settingsAt(root: string, port = 9_000): Readonly<Record<string, unknown>> {
  const file = join(root, "password");
  writeFileSync(file, "a password for tests\n", { mode: 0o600 });
  return {
    esplora_url: "http://127.0.0.1:3000",
    password_file: file,
    listen_quic: `127.0.0.1:${port}`,
    api_port: port + 1_000,
  };
}

/** Nodes of one cluster, made in the folder. */
export async function makeFounders(root: string, names: readonly string[]): Promise<readonly Founder[]> {
  mkdirSync(root, { recursive: true });
  return Promise.all(
    names.map(async (name, i) => {
      const founder = founderAt(root, name);
      await makeNode({ dir: founder.dir, name, cluster: "prod", settings: settingsAt(root, 9_000 + i) });
      return founder;
    }),
  );
}

/** The same nodes in a folder that a test may spoil. */
export function copyFounders(from: readonly Founder[], root: string): readonly Founder[] {
  return from.map(({ name, dir }) => {
    const copy = founderAt(root, name);
    copyFolder(dir, copy.dir);
    return copy;
  });
}

/** With everything in it; folders that are copied lose their modes. */
export function copyFolder(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  chmodSync(to, 0o700);
  for (const entry of readdirSync(to, { recursive: true, withFileTypes: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o700);
}

export const cardsOf = (founders: readonly Founder[]): readonly string[] => founders.map(({ card }) => card);

/** The first one's draft, for all. */
export function draft(
  founders: readonly Founder[],
  wish: Partial<DraftWish> = {},
): { readonly file: string; readonly said: Lines } {
  const [author] = founders as [Founder, ...Founder[]];
  const file = wish.out ?? join(author.dir, "public", "prod.charter");
  const said = draftCharter({
    dir: author.dir,
    cards: cardsOf(founders),
    network: "regtest",
    transport: "quic",
    nowMs: NOW_MS,
    ...wish,
  });
  return { file, said };
}

/** All sign it; gives the files. */
export async function signAll(founders: readonly Founder[], file: string, said: Lines): Promise<readonly string[]> {
  const fingerprint = parseFingerprint(said);
  for (const { dir } of founders)
    await signDraft({ dir, draft: file, cards: cardsOf(founders), yes: true, fingerprint, say: () => {} });
  return founders.map(({ signature }) => signature);
}

/** A whole cluster. */
export async function foundAll(founders: readonly Founder[], wish: Partial<DraftWish> = {}): Promise<void> {
  const { file, said } = draft(founders, wish);
  const signatures = await signAll(founders, file, said);
  for (const { dir } of founders) finish({ dir, draft: file, signatures });
}

/** Change one byte of a file's last part: of a token, a digit inside its base64. */
export function damage(file: string): void {
  const text = readFileSync(file, "utf8");
  const at = text.length - 12;
  writeFileSync(file, text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1));
}
