/** The local network: a regtest chain and n nodes in this process, each with its own folder, custody thread and API. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { meshCoordination } from "@conclave/coordination-mesh";
import { assert } from "@conclave/bytes";
import { defaultFeePolicy, NO_SPENDING_LIMITS } from "@conclave/bitcoin";
import type { Regtest } from "@conclave/bitcoin-regtest";
import type { RosterEntry } from "@conclave/consensus";
import type { CustodySettings } from "@conclave/custody";
import type { ConclaveNode, Notice } from "@conclave/node";
import { memoryNetwork, type MemoryNetwork } from "@conclave/transport-memory";
import type { ClusterNode } from "../cluster-node.ts";
import type { HttpLog } from "../http/index.ts";
import { prepareNode, type PreparedNode } from "../prepared-node.ts";
import { openChain, type OpenChain } from "./chain.ts";
import { voiceOf, type LocalCluster } from "./local-cluster.ts";
import { speakerOf, type Speaker } from "./speaker.ts";
import { FolderUnusable, hasStarted, readSecret, writeRoster, type Folder, type LocalNetwork } from "./folder.ts";
import { LOCAL_TIMINGS } from "./timings.ts";

export interface NetworkOptions {
  readonly folder: Folder;
  readonly network: LocalNetwork;
  readonly portBase: number;
  /** Whether the nodes sign hashes whose preimage they do not see, with keys for messages. */
  readonly allowDigests: boolean;
  readonly log: HttpLog;
  /** Called for everything that a node says; `node` counts from 0 in the order of names. */
  readonly notify: (node: number, notice: Notice) => void;
}

/** A network that runs. Nodes can be stopped and started again one by one. */
export class RunningNetwork implements LocalCluster {
  readonly chain: Regtest;
  readonly esploraUrl: string;
  readonly #options: NetworkOptions;
  readonly #nodes: (ClusterNode | null)[] = [];
  #entries: readonly RosterEntry[] = [];
  #mesh: MemoryNetwork | null = null;

  private constructor(options: NetworkOptions, chain: Regtest, esploraUrl: string) {
    this.#options = options;
    this.chain = chain;
    this.esploraUrl = esploraUrl;
  }

  /** Threads first: they have most to do, beside this one, which loads the rest. What fails closes what was opened before. */
  static async start(options: NetworkOptions): Promise<RunningNetwork> {
    const { folder, network, portBase } = options;
    const prepared = prepareAll(options);
    // What the nodes will need next: there is time for it while their threads are at work.
    void import("../cluster-node.ts");
    const [chain, nodes] = await bothOrNone(openChain(folder, portBase), prepared);
    const running = new RunningNetwork(options, chain.regtest, chain.url);
    try {
      // The roster's order is by name, as the names are; parties are numbered by it.
      running.#entries = nodes.map(({ custody }) => custody.entry);
      running.#mesh = memoryNetwork(running.#entries.map(({ id }) => id));
      await allOrNone(nodes.map((node, i) => running.#open(i, node)));
      // From here on every vault and journal exists: one that is gone later is a loss, not a first start.
      writeRoster(folder, { cluster: network.cluster, version: 1, nodes: running.#entries });
      writeFileSync(folder.esploraFile, `${chain.url}\n`, { mode: 0o600 });
      return running;
    } catch (error) {
      await running.stop();
      throw error;
    }
  }

  /** Nodes by place; null for a stopped one. */
  get nodes(): readonly (ClusterNode | null)[] {
    return this.#nodes;
  }

  /** The first node that runs: whom to ask about the network. */
  get speaker(): ConclaveNode {
    const running = this.#nodes.find((node) => node !== null);
    assert(running !== null && running !== undefined, "a network keeps at least one node running");
    return running.node;
  }

  get speakers(): readonly (Speaker | null)[] {
    return this.#nodes.map((running) => running && speakerOf(running));
  }

  get pids(): readonly number[] {
    return [process.pid];
  }

  get voice(): Speaker {
    return voiceOf(this.speakers);
  }

  /** Nodes of this process end with it. */
  watchEnds(): () => void {
    return () => {};
  }

  /** Address of a node's API, whether the node runs or not. */
  apiUrl(index: number): string {
    return `http://127.0.0.1:${this.#options.portBase + index}`;
  }

  /** Mine what waits, and let the nodes look at once. */
  mine(): void {
    this.chain.mine(1);
    for (const running of this.#nodes) running?.node.chainMoved();
  }

  async stopNode(index: number): Promise<void> {
    const running = this.#nodes[index];
    this.#nodes[index] = null;
    await running?.stop();
  }

  async startNode(index: number): Promise<void> {
    if (this.#nodes[index] !== null) return;
    const { folder, network } = this.#options;
    await this.#open(index, await prepareOne(folder, network.names[index]!, { create: false }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((_, index) => this.stopNode(index)));
    await this.chain.close();
  }

  async #open(index: number, prepared: PreparedNode): Promise<void> {
    const { folder, network, portBase, allowDigests, log, notify } = this.#options;
    assert(this.#mesh !== null, "the network exists before its nodes join");
    const settings: CustodySettings = {
      roster: { cluster: network.cluster, version: 1, nodes: this.#entries },
      network: network.network,
      threshold: network.threshold,
      quorum: network.quorum,
      rawDigests: allowDigests,
      presigning: true,
      spending: NO_SPENDING_LIMITS,
      minorityVotes: "record",
      policy: { fees: defaultFeePolicy[network.network], maxInputs: 20, minConfirmations: 0, maxLocktimeAhead: 10 },
      burialDepth: 6,
    };
    const { startClusterNode } = await import("../cluster-node.ts");
    this.#nodes[index] = await startClusterNode({
      prepared,
      settings,
      transport: this.#mesh.join(prepared.custody.entry.id),
      coordination: meshCoordination,
      esploraUrl: this.esploraUrl,
      genesisMs: network.genesis_ms,
      timings: LOCAL_TIMINGS,
      requiredConfirmations: 1,
      http: { port: portBase + index, token: readSecret(folder.tokenFile), log },
      notify: (notice) => notify(index, notice),
    });
  }
}

const prepareAll = ({ folder, network }: NetworkOptions): Promise<readonly PreparedNode[]> => {
  const create = !hasStarted(folder);
  return allOrNone(
    network.names.map((name) => prepareOne(folder, name, { create })),
    (node) => node.close(),
  );
};

/** With `create`, make what is not there: a network's very first start. */
async function prepareOne(
  folder: Folder,
  name: string,
  { create }: { readonly create: boolean },
): Promise<PreparedNode> {
  const dir = folder.nodeDir(name);
  if (!create && !existsSync(dir)) {
    throw new FolderUnusable(
      `${dir} is gone, and with it ${name}'s share and journal: put it back, or start over with --fresh`,
    );
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return prepareNode(dir, { name, password: readSecret(folder.passwordFile), create });
}

async function bothOrNone(
  opening: Promise<OpenChain>,
  preparing: Promise<readonly PreparedNode[]>,
): Promise<readonly [OpenChain, readonly PreparedNode[]]> {
  const [chain, nodes] = await Promise.allSettled([opening, preparing]);
  if (chain.status === "fulfilled" && nodes.status === "fulfilled") return [chain.value, nodes.value];
  if (chain.status === "fulfilled") await chain.value.regtest.close();
  if (nodes.status === "fulfilled") await Promise.all(nodes.value.map((node) => node.close()));
  throw chain.status === "rejected" ? chain.reason : (nodes as PromiseRejectedResult).reason;
}

/** Waits for all. If one fails, undoes the others and throws its error. */
async function allOrNone<T>(
  started: readonly Promise<T>[],
  undo: (outcome: T) => Promise<void> = () => Promise.resolve(),
): Promise<readonly T[]> {
  const settled = await Promise.allSettled(started);
  const failed = settled.find((outcome) => outcome.status === "rejected");
  const done = settled.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  if (failed === undefined) return done;
  await Promise.all(done.map(undo));
  throw failed.reason;
}
