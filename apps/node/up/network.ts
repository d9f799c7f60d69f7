/** The local network: a regtest chain and n nodes in this process, each with its own folder, custody thread and API. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultFeePolicy } from "@conclave/bitcoin";
import { openRegtest, type Regtest } from "@conclave/bitcoin-regtest";
import type { CustodySettings } from "@conclave/custody";
import { DEFAULT_TIMINGS, type Notice, type Timings } from "@conclave/node";
import { memoryNetwork } from "@conclave/transport-memory";
import { startClusterNode, type ClusterNode } from "../cluster-node.ts";
import { prepareCustody } from "../custody-host.ts";
import type { HttpLog } from "../http/index.ts";
import { readSecret, type Folder, type LocalNetwork } from "./folder.ts";

/** On this machine everything answers within milliseconds, and the chain costs nothing to ask. */
const LOCAL_TIMINGS: Timings = {
  ...DEFAULT_TIMINGS,
  chainPollMs: 1_000,
  broadcastGraceMs: 1_000,
  votePatienceMs: 3_000,
  voteRetryMs: 100,
};
/** A block now and then, so that confirmations grow as on a real chain. */
const AUTO_MINE_MS = 30_000;
/** The Esplora API of the local chain listens this far above the nodes' ports. */
const ESPLORA_PORT_OFFSET = 100;

export interface RunningNetwork {
  readonly chain: Regtest;
  readonly esploraUrl: string;
  readonly nodes: readonly ClusterNode[];
  /** Mine what waits, and let the nodes look at once. */
  mine(): void;
  stop(): Promise<void>;
}

export interface NetworkOptions {
  readonly folder: Folder;
  readonly network: LocalNetwork;
  readonly portBase: number;
  readonly log: HttpLog;
  readonly notify: (node: number, notice: Notice) => void;
}

export async function startNetwork(options: NetworkOptions): Promise<RunningNetwork> {
  const { folder, portBase } = options;
  const closers: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.toReversed()) await close();
  };
  try {
    const chain = await openRegtest({ file: folder.chainFile, autoMineMs: AUTO_MINE_MS });
    closers.push(() => chain.close());
    const esplora = await chain.listen({ port: portBase + ESPLORA_PORT_OFFSET });
    const nodes = await startNodes(options, esplora.url, closers);
    writeFileSync(folder.esploraFile, `${esplora.url}\n`, { mode: 0o600 });
    const mine = (): void => {
      chain.mine(1);
      for (const { node } of nodes) node.chainMoved();
    };
    return { chain, esploraUrl: esplora.url, nodes, mine, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startNodes(
  { folder, network, portBase, log, notify }: NetworkOptions,
  esploraUrl: string,
  closers: (() => Promise<unknown>)[],
): Promise<readonly ClusterNode[]> {
  const places = network.names.map((name) => ({
    name,
    vaultDir: join(folder.nodeDir(name), "vault"),
    journalFile: join(folder.nodeDir(name), "journal", "safety.sqlite"),
    passwordFile: folder.passwordFile,
    create: true,
  }));
  for (const name of network.names) mkdirSync(folder.nodeDir(name), { recursive: true, mode: 0o700 });
  const custodies = await Promise.all(places.map(prepareCustody));
  for (const custody of custodies) closers.push(() => custody.terminate());
  // The roster's order is by name; parties are numbered by it.
  const entries = custodies.map(({ entry }) => entry).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const settings: CustodySettings = {
    roster: { cluster: network.cluster, version: 1, nodes: entries },
    network: network.network,
    threshold: network.threshold,
    quorum: network.quorum,
    policy: { fees: defaultFeePolicy[network.network], maxInputs: 20, minConfirmations: 0, maxLocktimeAhead: 10 },
    burialDepth: 6,
  };
  const mesh = memoryNetwork(entries.map(({ id }) => id));
  const token = readSecret(folder.tokenFile);
  const nodes = await Promise.all(
    custodies.map((custody, i) =>
      startClusterNode({
        dir: folder.nodeDir(network.names[i]!),
        custody,
        settings,
        transport: mesh.join(custody.entry.id),
        esploraUrl,
        genesisMs: network.genesis_ms,
        timings: LOCAL_TIMINGS,
        requiredConfirmations: 1,
        http: { port: portBase + i, token, log },
        notify: (notice) => notify(i, notice),
      }),
    ),
  );
  for (const node of nodes) closers.push(() => node.stop());
  return nodes;
}
