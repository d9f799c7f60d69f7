/** The local network: a regtest chain and n nodes in this process, each with its own folder, custody thread and API. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert } from "@conclave/bytes";
import { defaultFeePolicy } from "@conclave/bitcoin";
import { openRegtest, type Regtest } from "@conclave/bitcoin-regtest";
import type { RosterEntry } from "@conclave/consensus";
import type { CustodySettings } from "@conclave/custody";
import { DEFAULT_TIMINGS, type ConclaveNode, type Notice, type Timings } from "@conclave/node";
import { memoryNetwork, type MemoryNetwork } from "@conclave/transport-memory";
import { startClusterNode, type ClusterNode } from "../cluster-node.ts";
import { prepareCustody, type PreparedCustody } from "../custody-host.ts";
import type { HttpLog } from "../http/index.ts";
import { readSecret, writeRoster, type Folder, type LocalNetwork } from "./folder.ts";

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
/** The Esplora API of the local chain listens this far above the first node's port. */
const ESPLORA_PORT_OFFSET = 100;

export interface NetworkOptions {
  readonly folder: Folder;
  readonly network: LocalNetwork;
  readonly portBase: number;
  readonly log: HttpLog;
  /** Called for everything that a node says; `node` counts from 0 in the order of names. */
  readonly notify: (node: number, notice: Notice) => void;
}

/** A network that runs. Nodes can be stopped and started again one by one. */
export class RunningNetwork {
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

  /** Chain first, then every node's custody at once, then the nodes. What fails closes what was opened before it. */
  static async start(options: NetworkOptions): Promise<RunningNetwork> {
    const { folder, network, portBase } = options;
    const chain = await openRegtest({ file: folder.chainFile, autoMineMs: AUTO_MINE_MS });
    const esplora = await chain.listen({ port: portBase + ESPLORA_PORT_OFFSET }).catch(async (cause: unknown) => {
      await chain.close();
      throw new PortTaken(portBase + ESPLORA_PORT_OFFSET, { cause });
    });
    const running = new RunningNetwork(options, chain, esplora.url);
    try {
      const custodies = await Promise.all(network.names.map((name) => running.#prepare(name)));
      // The roster's order is by name, as the names are; parties are numbered by it.
      running.#entries = custodies.map(({ entry }) => entry);
      writeRoster(folder, { cluster: network.cluster, version: 1, nodes: running.#entries });
      running.#mesh = memoryNetwork(running.#entries.map(({ id }) => id));
      const started = await Promise.allSettled(custodies.map((custody, i) => running.#open(i, custody)));
      const failed = started.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      writeFileSync(folder.esploraFile, `${esplora.url}\n`, { mode: 0o600 });
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
    await this.#open(index, await this.#prepare(this.#options.network.names[index]!));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((_, index) => this.stopNode(index)));
    await this.chain.close();
  }

  async #prepare(name: string): Promise<PreparedCustody> {
    const { folder } = this.#options;
    const dir = folder.nodeDir(name);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    return prepareCustody({
      name,
      vaultDir: join(dir, "vault"),
      journalFile: join(dir, "journal", "safety.sqlite"),
      password: readSecret(folder.passwordFile),
      create: true,
    });
  }

  async #open(index: number, custody: PreparedCustody): Promise<void> {
    const { folder, network, portBase, log, notify } = this.#options;
    assert(this.#mesh !== null, "the network exists before its nodes join");
    const settings: CustodySettings = {
      roster: { cluster: network.cluster, version: 1, nodes: this.#entries },
      network: network.network,
      threshold: network.threshold,
      quorum: network.quorum,
      policy: { fees: defaultFeePolicy[network.network], maxInputs: 20, minConfirmations: 0, maxLocktimeAhead: 10 },
      burialDepth: 6,
    };
    try {
      this.#nodes[index] = await startClusterNode({
        dir: folder.nodeDir(network.names[index]!),
        custody,
        settings,
        transport: this.#mesh.join(custody.entry.id),
        esploraUrl: this.esploraUrl,
        genesisMs: network.genesis_ms,
        timings: LOCAL_TIMINGS,
        requiredConfirmations: 1,
        http: { port: portBase + index, token: readSecret(folder.tokenFile), log },
        notify: (notice) => notify(index, notice),
      });
    } catch (error) {
      await custody.terminate();
      throw error;
    }
  }
}

/** A port that the network needs is in use. */
export class PortTaken extends Error {
  override readonly name = "PortTaken";
  constructor(port: number, options?: ErrorOptions) {
    super(`port ${port} is taken: stop what uses it, or choose other ports with --port-base`, options);
  }
}
