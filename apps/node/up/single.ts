/**
 * `conclave node`: one node of a network, by itself, in a process of its own. Until networks between processes exist it has
 * no peers: it opens its vault and journal, serves its history and status, and says that it waits for the others.
 */
import { existsSync } from "node:fs";
import { defaultFeePolicy } from "@conclave/bitcoin";
import type { RosterEntry } from "@conclave/consensus";
import { DEFAULT_TIMINGS } from "@conclave/node";
import { memoryNetwork } from "@conclave/transport-memory";
import { startClusterNode } from "../cluster-node.ts";
import type { HttpLog } from "../http/index.ts";
import { readPassword } from "../password.ts";
import { prepareNode } from "../prepared-node.ts";
import { folderAt, FolderUnusable, readNetwork, readRoster, readSecret } from "./folder.ts";

export interface SingleOptions {
  readonly data: string;
  readonly name: string;
  readonly port: number;
  readonly passwordFile: string | undefined;
  /** Whether it signs hashes whose preimage it does not see, with keys for messages. */
  readonly allowDigests: boolean;
  /** Whether it takes part in presignatures that others ask for. */
  readonly presigning: boolean;
}

const quietLog: HttpLog = { info: () => {}, error: (fields, message) => console.error(message, fields) };

/** Runs until interrupted. */
export async function runSingle(options: SingleOptions): Promise<number> {
  const { data, name, port, passwordFile, allowDigests, presigning } = options;
  const folder = folderAt(data);
  const network = readNetwork(folder);
  if (network === null) throw new FolderUnusable(`there is no network in ${data}: "conclave up" makes one`);
  if (!network.names.includes(name)) {
    throw new FolderUnusable(`the network in ${data} has no node ${name}: choose from ${network.names.join(", ")}`);
  }
  const roster: readonly RosterEntry[] = readRoster(folder);
  const dir = folder.nodeDir(name);
  if (!existsSync(dir)) throw new FolderUnusable(`${dir} is gone: without it ${name} has no share and no journal`);
  const prepared = await prepareNode(dir, { name, password: await readPassword(passwordFile), create: false });
  const running = await startClusterNode({
    prepared,
    settings: {
      roster: { cluster: network.cluster, version: 1, nodes: roster },
      network: network.network,
      threshold: network.threshold,
      quorum: network.quorum,
      rawDigests: allowDigests,
      presigning,
      policy: { fees: defaultFeePolicy[network.network], maxInputs: 20, minConfirmations: 0, maxLocktimeAhead: 10 },
      burialDepth: 6,
    },
    transport: memoryNetwork(roster.map(({ id }) => id)).join(prepared.custody.entry.id),
    esploraUrl: readSecret(folder.esploraFile),
    genesisMs: network.genesis_ms,
    timings: DEFAULT_TIMINGS,
    requiredConfirmations: 1,
    http: { port, token: readSecret(folder.tokenFile), log: quietLog },
    notify: () => {},
  });
  console.log(`${name} runs alone, with its API at ${running.http.url}: it waits for its peers. Ctrl-C stops it.`);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await running.stop();
  return 0;
}
