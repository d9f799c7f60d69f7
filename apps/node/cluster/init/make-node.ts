/**
 * `init node`: everything a node has before it knows the others. Its secrets are drawn here and stay here. Every step leaves
 * alone what an earlier run made, so that a run that was cut off is simply repeated.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { NODE_NAME, type SignedCard } from "@conclave/consensus";
import { openJournal } from "@conclave/journal-sqlite";
import type { PreparedCustody } from "../../custody-host.ts";
import { readPassword } from "../../password.ts";
import { prepareNode } from "../../prepared-node.ts";
import { ConfigWrong } from "../config.ts";
import { isFounded } from "../node-folder.ts";
import { checkPrivate, FileUnusable, readPrivate, writePrivate } from "../private-files.ts";
import { cardFile, issueCard, ownCard, writeOwnCard } from "./cards.ts";
import { checkFindable } from "./endpoints.ts";
import { newPassword } from "./new-password.ts";
import { checkFolder, configFileIn, nodeOf, pathIn, type Lines, type NodeDir } from "./node-dir.ts";
import { WrongUsage } from "./wrong-usage.ts";

/** 64 digits: as many as an API token needs, and none that a shell would read otherwise. */
const TOKEN_BYTES = 32;

export interface NodeWish {
  readonly dir: string;
  readonly name: string;
  readonly cluster: string;
  /** For config.json, by the names there. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Throws `WrongUsage`, `ConfigWrong`, `FileUnusable`, `PasswordMissing`, `CustodyNotOpened` or `InUse`. */
export async function makeNode(wish: NodeWish): Promise<Lines> {
  for (const [flag, value] of [
    ["--name", wish.name],
    ["--cluster", wish.cluster],
  ] as const)
    if (!NODE_NAME.test(value))
      throw new WrongUsage(`${flag} is 1 to 32 of a–z, 0–9, - and _; this is ${JSON.stringify(value)}`);
  makeFolder(wish.dir);
  const node = settle(wish);
  const isNew = !existsSync(join(node.folder.root, "vault", "vault.header"));
  if (isNew && isFounded(node.folder))
    throw new FileUnusable(`${node.folder.root} is of a cluster, and its vault is gone: restore it from its backup`);
  const { password_file: file } = node.config;
  const passwordFile = file === undefined ? undefined : pathIn(node, file);
  const password = isNew ? await newPassword(passwordFile) : await readPassword(passwordFile);
  const prepared = await prepareNode(node.folder.root, { name: wish.name, password, create: isNew });
  try {
    // No promise was made before the cluster exists. Later, a journal that is gone must never be replaced by an empty one.
    if (!isFounded(node.folder)) openJournal({ file: join(node.folder.root, "journal", "safety.sqlite") }).close();
    await introduceItself(node, prepared.custody, wish.cluster);
  } finally {
    await prepared.close();
  }
  makeToken(node);
  const request = await makeRequest(node);
  return [
    `${wish.name} is made in ${wish.dir}. What it keeps is readable by you only, and no secret of it ever leaves the folder.`,
    `Its card, for every other operator:            ${cardFile(node)}`,
    `Its request for a certificate (quic and tls):  ${request}`,
    "Both are public: send them as you like. Fingerprints are compared when the charter is signed.",
    'Next: with the cards of all, one operator runs "conclave init charter", and sends round what it writes.',
  ];
}

/** Throws `FileUnusable` for a folder with something else in it: `--dir .` would put a node's secrets among other files. */
function makeFolder(dir: string): void {
  const made = mkdirSync(dir, { recursive: true, mode: 0o700 }) !== undefined;
  if (existsSync(configFileIn(dir))) return checkFolder(dir);
  if (!made && readdirSync(dir).length > 0)
    throw new FileUnusable(`${dir} holds other files: name a folder of the node's own`);
  chmodSync(dir, 0o700);
}

/** The settings on disk: those that are asked for, or earlier ones that agree with them. */
function settle({ dir, name, settings }: NodeWish): NodeDir {
  const file = configFileIn(dir);
  const asked: Readonly<Record<string, unknown>> = { name, ...settings };
  const isNew = !existsSync(file);
  if (isNew) writePrivate(file, `${JSON.stringify(asked, null, 2)}\n`);
  try {
    const node = nodeOf(file);
    checkFindable(node.config);
    if (!isNew) checkAgrees(node, asked);
    return node;
  } catch (cause) {
    if (isNew) rmSync(file);
    if (!isNew || !(cause instanceof ConfigWrong)) throw cause;
    throw new ConfigWrong(cause.message.replace(`The configuration ${file} is`, "What was given is"), { cause });
  }
}

/** Throws `WrongUsage` where the command line contradicts what an earlier run wrote. */
function checkAgrees({ config, configFile }: NodeDir, asked: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(asked)) {
    const before: unknown = config[key as keyof typeof config];
    if (JSON.stringify(before) === JSON.stringify(value)) continue;
    throw new WrongUsage(
      `"${key}" in ${configFile} is ${JSON.stringify(before)} and not ${JSON.stringify(value)}: ` +
        'change it there, then run "conclave init card"',
    );
  }
}

async function introduceItself(node: NodeDir, custody: PreparedCustody, cluster: string): Promise<SignedCard> {
  if (!existsSync(cardFile(node))) {
    const signed = await issueCard(node, custody, { cluster, serial: 1 });
    writeOwnCard(node, signed);
    return signed;
  }
  const signed = ownCard(node);
  if (signed.card.node !== custody.entry.id)
    throw new FileUnusable(`${cardFile(node)} is of another node than the vault: put the node's own files back`);
  if (signed.card.cluster !== cluster)
    throw new WrongUsage(`${signed.card.name}'s card is for the cluster ${signed.card.cluster} and not ${cluster}`);
  return signed;
}

function makeToken(node: NodeDir): void {
  const file = pathIn(node, node.config.api_token_file);
  if (existsSync(file)) checkPrivate(file);
  else writePrivate(file, `${randomBytes(TOKEN_BYTES).toString("hex")}\n`);
}

/** For a certificate of the key that the card names. The path. */
async function makeRequest({ folder, publicDir, config }: NodeDir): Promise<string> {
  const file = join(publicDir, `${config.name}.csr`);
  if (existsSync(file)) return file;
  const { createRequest } = await import("@conclave/transport-quic");
  const privateKey = readPrivate(join(folder.certificatesDir, "node.key"));
  writePrivate(file, await createRequest({ name: config.name, privateKey }));
  return file;
}
