/** The folder of one node as its operator names it: `--dir`. What may leave it lies in `public/`, and nothing else may. */
import { existsSync, lstatSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { readPassword } from "../../password.ts";
import { prepareNode, type PreparedNode } from "../../prepared-node.ts";
import { resolveConfig, type NodeConfig } from "../config.ts";
import { nodeFolderAt, type NodeFolder } from "../node-folder.ts";
import { FileUnusable } from "../private-files.ts";

/** What a command says when it is done, line by line. */
export type Lines = readonly string[];

export interface NodeDir {
  readonly dir: string;
  readonly configFile: string;
  readonly config: NodeConfig;
  readonly folder: NodeFolder;
  /** Cards, requests, drafts and signatures for the other operators. */
  readonly publicDir: string;
}

export const configFileIn = (dir: string): string => join(dir, "config.json");

/** Throws `FileUnusable` for a folder that `init node` did not finish, `ConfigWrong` for settings that are not right. */
export function openNodeDir(dir: string): NodeDir {
  const configFile = configFileIn(dir);
  if (!existsSync(configFile))
    throw new FileUnusable(`${configFile} is not there: "conclave init node --dir ${dir}" makes a node`);
  return nodeOf(configFile);
}

/** The node that a configuration file is of. Throws `ConfigWrong`. */
export function nodeOf(configFile: string): NodeDir {
  const { config, base } = resolveConfig(configFile, process.env);
  const root = resolve(base, config.data);
  return { dir: dirname(configFile), configFile, config, folder: nodeFolderAt(root), publicDir: join(root, "public") };
}

/** A path in the configuration starts from the configuration's own folder. */
export const pathIn = ({ configFile }: NodeDir, path: string): string => resolve(dirname(configFile), path);

export const passwordOf = (node: NodeDir): Promise<string> => {
  const { password_file: file } = node.config;
  return readPassword(file === undefined ? undefined : pathIn(node, file));
};

/** Asks for the password, opens what holds the node's identity, and closes it again after `work`. */
export async function withCustody<T>(node: NodeDir, work: (prepared: PreparedNode) => Promise<T>): Promise<T> {
  const password = await passwordOf(node);
  const prepared = await prepareNode(node.folder.root, { name: node.config.name, password, create: false });
  try {
    return await work(prepared);
  } finally {
    await prepared.close();
  }
}

/** Throws `FileUnusable` if other accounts of this machine can look into the folder. */
export function checkFolder(dir: string): void {
  const stats = lstatSync(dir, { throwIfNoEntry: false });
  if (stats === undefined) throw new FileUnusable(`${dir} is not there`);
  if (!stats.isDirectory()) throw new FileUnusable(`${dir} is not a folder: give the real one`);
  if ((stats.mode & 0o077) !== 0)
    throw new FileUnusable(`${dir} is open to other accounts. Run: chmod 700 ${JSON.stringify(dir)}`);
}
