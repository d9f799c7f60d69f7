/** Whether a node could be started with its configuration now, point by point, and what to do about each that fails. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { needsCertificate } from "../child-founding.ts";
import { readNetworkKeys } from "../network-keys.ts";
import { readMembership, type Membership } from "../node-folder.ts";
import { checkPrivate, FileUnusable, readPrivate } from "../private-files.ts";
import { checkRelays } from "./endpoints.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkFolder, nodeOf, pathIn, type NodeDir } from "./node-dir.ts";
import { lookAtPorts } from "./ports-in-use.ts";

export interface Check {
  readonly check: string;
  readonly ok: boolean;
  /** What was found, or what is wrong and what to do. Never a secret. */
  readonly detail: string;
}

/** Throws nothing: what is wrong is in the answers. The first one decides whether there are others. */
export async function checkNode(file: string, nowMs: number): Promise<readonly Check[]> {
  const checks: Check[] = [];
  const look = async <T>(check: string, work: () => T | Promise<T>, tell: (found: T) => string): Promise<T | null> => {
    try {
      const found = await work();
      checks.push({ check, ok: true, detail: tell(found) });
      return found;
    } catch (error) {
      checks.push({ check, ok: false, detail: error instanceof Error ? error.message : String(error) });
      return null;
    }
  };
  const node = await look(
    "settings",
    () => nodeOf(file),
    ({ config }) => `read; the node is ${config.name}`,
  );
  if (node === null) return checks;
  await look(
    "folder",
    () => checkFolder(node.folder.root),
    () => `${node.folder.root}, yours alone`,
  );
  await look(
    "password",
    () => passwordFile(node),
    (told) => told,
  );
  await look(
    "API token",
    () => token(node),
    (path) => `${path}, yours alone`,
  );
  await look(
    "vault",
    () => vault(node),
    (path) => `${path}; it is opened at the start only`,
  );
  await look(
    "network keys",
    () => readNetworkKeys(node.folder.networkKeysFile),
    () => "there, yours alone",
  );
  const membership = await look("charter", () => charter(node), describe);
  if (membership !== null && needsCertificate(membership.charter.transport))
    await look(
      "certificate",
      () => certificate(node, membership, nowMs),
      (told) => told,
    );
  checks.push(...(await lookAtPorts(node, membership)));
  return checks;
}

const describe = ({ charter: { roster, network, transport }, charter: signed }: Membership): string =>
  `${roster.cluster} on ${network} over ${transport}, signed by all ${roster.nodes.length}: ${fingerprintOf(signed)}`;

function passwordFile(node: NodeDir): string {
  const { password_file: file } = node.config;
  if (file === undefined) return "asked for at every start: password_file is not set";
  const path = pathIn(node, file);
  if (readPrivate(path).trim() === "") throw new FileUnusable(`${path} is empty: put the vault's password into it`);
  return `${path}, yours alone`;
}

function token(node: NodeDir): string {
  const path = pathIn(node, node.config.api_token_file);
  if (!/^[A-Za-z0-9_.~+/=-]{32,256}$/.test(readPrivate(path).trim()))
    throw new FileUnusable(`${path} holds no token of 32 to 256 letters, digits or -_.~+/=`);
  return path;
}

function vault({ folder }: NodeDir): string {
  const dir = join(folder.root, "vault");
  checkPrivate(join(dir, "vault.header"));
  const journal = join(folder.root, "journal", "safety.sqlite");
  if (!existsSync(journal))
    throw new FileUnusable(`${journal} is gone: it holds what this node promised. Restore it; never start without it`);
  checkPrivate(journal);
  return dir;
}

/** Throws `FileUnusable` unless all signed, all cards are there, and this node is one of those that they name. */
function charter({ folder, config, configFile }: NodeDir): Membership {
  const membership = readMembership(folder);
  const { nodes } = membership.charter.roster;
  if (!nodes.some(({ name }) => name === config.name))
    throw new FileUnusable(
      `the charter names no node ${config.name}: it names ${nodes.map(({ name }) => name).join(", ")}`,
    );
  checkRelays(membership.charter, config, configFile);
  return membership;
}

async function certificate(
  { folder, config }: NodeDir,
  { cards, charter }: Membership,
  nowMs: number,
): Promise<string> {
  const { certsVerify, tlsKeyOf } = await import("@conclave/transport-quic");
  const { certificatesDir: dir } = folder;
  if (!existsSync(join(dir, "node.crt")))
    throw new FileUnusable(`${dir} holds no certificate yet: "conclave certs node --dir ${folder.root}" asks for one`);
  const [good = "", ...more] = await certsVerify({ folder: dir, name: config.name, nowMs });
  const { id } = charter.roster.nodes.find(({ name }) => name === config.name)!;
  const pinned = cards.get(id)!.tlsKey;
  if (!Buffer.from(pinned).equals(tlsKeyOf(readFileSync(join(dir, "node.crt"), "utf8"))))
    throw new FileUnusable('the certificate is for another key than the node\'s card names: run "conclave init card"');
  return [good, ...more.filter((line) => line.startsWith("warning"))].join("; ");
}
