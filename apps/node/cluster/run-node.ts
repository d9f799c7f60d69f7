/** `conclave node --config FILE`: one node of a cluster, in a process of its own. */
import { resolve } from "node:path";
import { defaultFeePolicy } from "@conclave/bitcoin";
import { DEFAULT_TIMINGS, type Timings } from "@conclave/node";
import { observe, startClusterNode, type ClusterNode } from "../cluster-node.ts";
import { openLog, type NodeLog } from "../observe/log.ts";
import { openReports } from "../observe/reports.ts";
import { readPassword } from "../password.ts";
import { prepareNode, type PreparedNode } from "../prepared-node.ts";
import { LOCAL_TIMINGS } from "../up/timings.ts";
import { speakerOf } from "../up/speaker.ts";
import type { NodeConfig, ResolvedConfig } from "./config.ts";
import { foundWithParent } from "./child-founding.ts";
import { openCoordination } from "./coordination.ts";
import { historyOf } from "./history.ts";
import { isFounded, nodeFolderAt, readMembership, type Membership, type NodeFolder } from "./node-folder.ts";
import { FileUnusable, readPrivate } from "./private-files.ts";
import { connectParent, type Parent } from "./supervisor.ts";
import { spendingOf } from "./policy.ts";
import { openNetwork } from "./transports.ts";

/** Runs until it is interrupted or the program that started it goes, which is told what keeps it from starting. Throws that. */
export async function runNode(resolve: () => ResolvedConfig): Promise<number> {
  const parent = connectParent();
  try {
    return await run(resolve(), parent);
  } catch (error) {
    parent?.say({
      kind: "failed",
      message: error instanceof Error ? error.message : String(error),
      inUse: error instanceof Error && error.name === "InUse",
    });
    parent?.leave();
    throw error;
  }
}

async function run({ config, base }: ResolvedConfig, parent: Parent | null): Promise<number> {
  const path = (file: string): string => resolve(base, file);
  const folder = nodeFolderAt(path(config.data));
  const { name: node, log_level: level, log_format: format } = config;
  const log = openLog({ node, level, format, write: (line) => void process.stderr.write(line) });
  const isNew = !isFounded(folder);
  if (isNew && parent === null)
    throw new FileUnusable(
      `${folder.charterFile} is not there: "conclave init" makes a node, and its cluster's charter`,
    );
  const password = await readPassword(config.password_file && path(config.password_file));
  log.conceal(password);
  const prepared = await prepareNode(
    folder.root,
    { name: config.name, password, create: isNew },
    historyOf(config, folder.root, path),
  );
  let running: ClusterNode;
  try {
    if (isNew && parent !== null) await foundWithParent(folder, prepared.custody, config, parent);
    running = await start({ config, path, folder, prepared, log, parent });
  } catch (error) {
    await prepared.close();
    throw error;
  }
  log.logger.info({ event: "running", api: running.http.url }, "the node runs");
  parent?.serve(speakerOf(running));
  parent?.say({ kind: "ready", apiUrl: running.http.url, rssBytes: process.memoryUsage.rss() });
  await untilStopped(parent);
  await running.stop();
  parent?.leave();
  return 0;
}

interface Parts {
  readonly config: NodeConfig;
  /** A file that the configuration names. */
  readonly path: (file: string) => string;
  readonly folder: NodeFolder;
  readonly prepared: PreparedNode;
  readonly log: NodeLog;
  readonly parent: Parent | null;
}

async function start({ config, path, folder, prepared, log, parent }: Parts): Promise<ClusterNode> {
  const membership = readMembership(folder);
  checkSelf(membership, prepared, config, folder);
  const { charter } = membership;
  const self = prepared.custody.entry.id;
  const { genesisMs } = charter;
  const observation = observe({ prepared, settings: charter, esploraUrl: config.esplora_url, genesisMs });
  const reports = openReports(log, charter.roster, observation);
  const token = readToken(path(config.api_token_file));
  log.conceal(token);
  const coordination = await openCoordination({
    config,
    charter,
    self,
    path,
    report: reports.coordination,
  });
  observation.watchEtcd(coordination.etcd);
  const transport = await openNetwork({ self, membership, folder, config, observe: reports.network });
  return startClusterNode({
    prepared,
    settings: {
      roster: charter.roster,
      network: charter.network,
      threshold: charter.threshold,
      quorum: charter.quorum,
      rawDigests: config.allow_digests,
      presigning: config.presigning,
      spending: spendingOf(config.policy),
      minorityVotes: config.minority_votes,
      policy: { fees: defaultFeePolicy[charter.network], maxInputs: 20, minConfirmations: 0, maxLocktimeAhead: 10 },
      burialDepth: config.burial_depth,
    },
    transport,
    coordination: coordination.make,
    observation,
    esploraUrl: config.esplora_url,
    genesisMs: charter.genesisMs,
    timings: timingsOf(charter.network),
    requiredConfirmations: config.required_confirmations,
    http: {
      port: config.api_port,
      host: config.api_host,
      allowedHosts: config.api_allowed_hosts,
      token,
      log: reports.http,
    },
    notify: (notice) => {
      reports.notice(notice);
      parent?.notice(notice);
    },
  });
}

/** Blocks of a regtest chain come when somebody asks for them: its nodes look often, and it costs nothing. */
const timingsOf = (network: string): Timings => (network === "regtest" ? LOCAL_TIMINGS : DEFAULT_TIMINGS);

/** Throws `FileUnusable` unless the vault's identity is the one that the charter knows under this name. */
function checkSelf({ charter }: Membership, { custody }: PreparedNode, { name }: NodeConfig, folder: NodeFolder): void {
  const entry = charter.roster.nodes.find((node) => node.name === name);
  if (entry === undefined) {
    const names = charter.roster.nodes.map((node) => node.name).join(", ");
    throw new FileUnusable(`the charter in ${folder.root} names no node ${name}: its nodes are ${names}`);
  }
  if (entry.id !== custody.entry.id)
    throw new FileUnusable(
      `the vault in ${folder.root} is not ${name}'s: put the folders of your nodes back where they were`,
    );
}

function readToken(file: string): string {
  const token = readPrivate(file).trim();
  if (token === "") throw new FileUnusable(`${file} is empty: put a token of 32 to 256 letters into it`);
  return token;
}

/** The first signal lets everything end in order; a second one ends the process at once, as signals do. */
function untilStopped(parent: Parent | null): Promise<void> {
  return new Promise((resolve) => {
    const signals = ["SIGINT", "SIGTERM"] as const;
    const first = (): void => {
      for (const signal of signals) process.off(signal, first);
      resolve();
    };
    for (const signal of signals) process.on(signal, first);
    void parent?.gone.then(first);
  });
}
