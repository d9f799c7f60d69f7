/** The data folder of a local network: what is in it, and that only one process uses it. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex, toHex } from "@conclave/bytes";
import { NODE_NAME, rosterCodec, type Roster, type RosterEntry } from "@conclave/consensus";
import { z } from "zod";

const networkFile = z.strictObject({
  version: z.literal(1),
  cluster: z.string(),
  names: z.array(z.string()).min(2).max(32),
  threshold: z.number().int(),
  quorum: z.number().int(),
  network: z.literal("regtest"),
  genesis_ms: z.number().int(),
});

/** What was decided when the network was made; a later start keeps to it. */
export type LocalNetwork = z.output<typeof networkFile>;

/** The folder cannot be used as it is. The message says what to do. */
export class FolderUnusable extends Error {
  override readonly name = "FolderUnusable";
}

export interface Folder {
  readonly root: string;
  readonly passwordFile: string;
  readonly tokenFile: string;
  readonly chainFile: string;
  readonly esploraFile: string;
  readonly rosterFile: string;
  /** What `up` wrote into the nodes' configurations. */
  readonly upSettingsFile: string;
  nodeDir(name: string): string;
}

export const folderAt = (root: string): Folder => ({
  root,
  passwordFile: join(root, "vault-password"),
  tokenFile: join(root, "api-token"),
  chainFile: join(root, "regtest.chain"),
  esploraFile: join(root, "esplora-url"),
  rosterFile: join(root, "roster"),
  upSettingsFile: join(root, "up-settings.json"),
  nodeDir: (name) => join(root, name),
});

const networkPath = ({ root }: Folder): string => join(root, "network.json");

/** The network that lives in this folder; null if there is none yet. Throws `FolderUnusable`. */
export function readNetwork(folder: Folder): LocalNetwork | null {
  if (!existsSync(networkPath(folder))) {
    const vault = existsSync(folder.root) && nodeFolders(folder).find((path) => existsSync(join(path, "vault")));
    if (!vault) return null;
    throw new FolderUnusable(
      `${vault} belongs to a network, but ${networkPath(folder)} is gone: put it back, or start over with --fresh`,
    );
  }
  try {
    return networkFile.parse(JSON.parse(readFileSync(networkPath(folder), "utf8")));
  } catch (cause) {
    throw new FolderUnusable(
      `${networkPath(folder)} is not a network file of this version: move the folder away, or start over with --fresh`,
      { cause },
    );
  }
}

/** Make the folder and its secrets: a vault password and an API token that nobody had to think of, readable by the owner only. */
export function createNetwork(folder: Folder, network: LocalNetwork): void {
  mkdirSync(folder.root, { recursive: true, mode: 0o700 });
  writeSecret(folder.passwordFile, randomBytes(24).toString("base64url"));
  writeSecret(folder.tokenFile, randomBytes(32).toString("base64url"));
  // Written last: with it, the network exists.
  writeWhole(networkPath(folder), `${JSON.stringify(network, null, 2)}\n`);
}

/** A process that dies meanwhile leaves the file as it was, or as it is to be. */
function writeWhole(file: string, text: string): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

const writeSecret = (file: string, secret: string): void => writeFileSync(file, `${secret}\n`, { mode: 0o600 });

/** Keep who the nodes are. */
export const writeRoster = (folder: Folder, roster: Roster): void =>
  writeWhole(folder.rosterFile, `${toHex(rosterCodec.encode(roster))}\n`);

/** The nodes of an existing network. Throws `FolderUnusable` if the network never started. */
export function readRoster(folder: Folder): readonly RosterEntry[] {
  if (!existsSync(folder.rosterFile))
    throw new FolderUnusable(`${folder.rosterFile} is not there: run "conclave up" once first`);
  return rosterCodec.decode(fromHex(readSecret(folder.rosterFile))).nodes;
}

export const readSecret = (file: string): string => readFileSync(file, "utf8").trim();

/** Whether the nodes of this folder have been up once: from then on they may hold shares of a key. */
export const hasStarted = ({ rosterFile }: Folder): boolean => existsSync(rosterFile);

/** What a node puts into its folder. */
const NODE_FILES: ReadonlySet<string> = new Set([
  "vault",
  "journal",
  "history.sqlite",
  "history.sqlite-wal",
  "history.sqlite-shm",
  "config.json",
  "network-keys",
  "certificates",
  "charter",
  "cards",
  "node.log",
]);

/** Folders of nodes: those that hold something that a node puts there, and nothing else. */
function nodeFolders({ root }: Folder): readonly string[] {
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const paths = folders.filter(({ name }) => NODE_NAME.test(name)).map(({ name }) => join(root, name));
  return paths.filter((path) => {
    const files = readdirSync(path);
    return files.length > 0 && files.every((file) => NODE_FILES.has(file));
  });
}

/**
 * Start over: everything in the folder that a local network put there goes. What says that there is a network goes last, so
 * that one that is half gone is not taken for a new one.
 */
export function eraseNetwork(folder: Folder): void {
  for (const path of nodeFolders(folder)) rmSync(path, { recursive: true, force: true });
  const { passwordFile, tokenFile, chainFile, esploraFile, rosterFile, upSettingsFile } = folder;
  const files = [passwordFile, tokenFile, chainFile, esploraFile, rosterFile, upSettingsFile, networkPath(folder)];
  for (const file of files) rmSync(file, { force: true });
  // What a network of processes has besides.
  for (const name of ["ca", "relay.log"]) rmSync(join(folder.root, name), { recursive: true, force: true });
}
