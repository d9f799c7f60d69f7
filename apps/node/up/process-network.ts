/** The local network with every node in a process of its own: its folder, its keys, its API, and a real network between them. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Regtest } from "@conclave/bitcoin-regtest";
import type { Charter, SignedCard, TransportName } from "@conclave/consensus";
import type { Notice } from "@conclave/node";
import { needsCertificate } from "../cluster/child-founding.ts";
import { rosterOf } from "../cluster/founding.ts";
import { isFounded, nodeFolderAt, readCharter } from "../cluster/node-folder.ts";
import { openChain, type OpenChain } from "./chain.ts";
import { FolderUnusable, hasStarted, writeRoster, type Folder, type LocalNetwork } from "./folder.ts";
import { localAuthority, type LocalAuthority } from "./local-authority.ts";
import { startRelayProcess, type RelayProcess } from "./relay-process.ts";
import { voiceOf, type LocalCluster } from "./local-cluster.ts";
import type { NetworkOptions } from "./network.ts";
import { configFileOf, writeConfigs, type Services } from "./node-configs.ts";
import { NodeProcess } from "./node-process.ts";
import { RELAY_PORT_OFFSET } from "./ports.ts";
import type { Speaker } from "./speaker.ts";

export interface ProcessNetworkOptions extends Omit<NetworkOptions, "log"> {
  readonly transport: TransportName;
  readonly services?: Services;
  /** Settings of single nodes beyond the usual ones: for tests that put something between them. */
  readonly settings?: (index: number) => Readonly<Record<string, unknown>>;
}

/** A network that works at all has its links up by then; without them nodes wait for each other, and the user sees why. */
const LINKS_MS = 5_000;

/** Nodes can be stopped, killed and started again one by one. */
export class ProcessNetwork implements LocalCluster {
  readonly #options: ProcessNetworkOptions;
  readonly #chain: OpenChain;
  readonly #relay: RelayProcess | null;
  readonly #nodes: (NodeProcess | null)[] = [];
  readonly #watchers = new Set<(node: number, error: Error) => void>();

  private constructor(options: ProcessNetworkOptions, chain: OpenChain, relay: RelayProcess | null) {
    this.#options = options;
    this.#chain = chain;
    this.#relay = relay;
  }

  /** Throws `FolderUnusable`, `PortTaken`, `InUse`, `CustodyNotOpened` or `NodeEnded`; what was started by then is stopped. */
  static async start(options: ProcessNetworkOptions): Promise<ProcessNetwork> {
    const { folder, network, portBase, transport } = options;
    const isNew = !network.names.some((name) => isFounded(nodeFolderAt(folder.nodeDir(name)))) || !hasStarted(folder);
    if (isNew) forgetHalfFounded(folder, network);
    else checkTransport(folder, network, transport);
    writeConfigs(options);
    const relay = transport === "relay" ? startRelayProcess(folder, portBase + RELAY_PORT_OFFSET) : null;
    // Processes first: they have most to do, and the chain opens meanwhile.
    const links = new Links(network.names.length);
    const heard: ProcessNetworkOptions = {
      ...options,
      notify: (node, notice) => {
        links.heard(node, notice);
        options.notify(node, notice);
      },
    };
    const processes = network.names.map((_, i) => startProcess(heard, i));
    let running: ProcessNetwork | null = null;
    try {
      const chain = await openChain(folder, portBase);
      running = new ProcessNetwork(heard, chain, relay);
      running.#nodes.push(...processes);
      for (const [index, node] of processes.entries()) running.#watch(index, node);
      if (isNew) await found(options, processes);
      await Promise.all(processes.map((node) => node.next("ready")));
      await links.allUp(LINKS_MS);
      writeFileSync(folder.esploraFile, `${chain.url}\n`, { mode: 0o600 });
      return running;
    } catch (error) {
      if (running !== null) await running.stop();
      else await Promise.all([...processes.map((node) => node.stop()), relay?.stop()]);
      throw error;
    }
  }

  get chain(): Regtest {
    return this.#chain.regtest;
  }

  get esploraUrl(): string {
    return this.#chain.url;
  }

  /** Processes by place; null for a node that was stopped. One that ended by itself stays until it is started again. */
  get processes(): readonly (NodeProcess | null)[] {
    return this.#nodes;
  }

  get relay(): RelayProcess | null {
    return this.#relay;
  }

  get speakers(): readonly (Speaker | null)[] {
    return this.#nodes.map((node) => (node === null || node.isOver ? null : node.speaker));
  }

  get pids(): readonly number[] {
    return this.#nodes.flatMap((node) => (node === null || node.isOver ? [] : [node.pid]));
  }

  get voice(): Speaker {
    return voiceOf(this.speakers);
  }

  apiUrl(index: number): string {
    return `http://127.0.0.1:${this.#options.portBase + index}`;
  }

  mine(): void {
    this.chain.mine(1);
    // A node that dies meanwhile looks when it is back.
    for (const node of this.#nodes) void node?.speaker.chainMoved().catch(() => {});
  }

  async stopNode(index: number): Promise<void> {
    const node = this.#nodes[index];
    this.#nodes[index] = null;
    await node?.stop();
  }

  /** As a power cut does it. Resolves when the process is gone. */
  async killNode(index: number): Promise<void> {
    const node = this.#nodes[index];
    this.#nodes[index] = null;
    node?.signal("SIGKILL");
    await node?.ended;
  }

  /** Throws what keeps the node from starting. */
  async startNode(index: number): Promise<void> {
    if (this.#nodes[index]?.isOver === false) return;
    const node = startProcess(this.#options, index);
    this.#nodes[index] = node;
    this.#watch(index, node);
    try {
      await node.next("ready");
    } catch (error) {
      this.#nodes[index] = null;
      throw error;
    }
  }

  watchEnds(listener: (node: number, error: Error) => void): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((_, index) => this.stopNode(index)));
    await this.#relay?.stop();
    await this.chain.close();
  }

  #watch(index: number, node: NodeProcess): void {
    void node.ended.then((error) => {
      // Whoever stops or kills a node takes it out of its place first.
      if (this.#nodes[index] === node) for (const tell of this.#watchers) tell(index, error);
    });
  }
}

function startProcess({ folder, network, notify }: ProcessNetworkOptions, index: number): NodeProcess {
  const name = network.names[index]!;
  const dir = folder.nodeDir(name);
  const place = { name, configFile: configFileOf(folder, name), logFile: join(dir, "node.log") };
  return new NodeProcess(place, (notice) => notify(index, notice));
}

/** The cards of all make the roster, everybody signs the charter, everybody keeps both. */
async function found(options: ProcessNetworkOptions, processes: readonly NodeProcess[]): Promise<void> {
  const { folder, network, transport } = options;
  const authority = needsCertificate(transport) ? localAuthority(folder, network.cluster) : null;
  // It is waited for last; what it throws is thrown then.
  authority?.catch(() => {});
  const introductions = await Promise.all(
    processes.map((node) => {
      node.say({ kind: "introduce", cluster: network.cluster, transport });
      return node.next("introduced");
    }),
  );
  const cards: readonly SignedCard[] = introductions.map(({ card }) => card);
  const charter: Charter = {
    version: 1,
    roster: { cluster: network.cluster, version: 1, nodes: [...rosterOf(cards)] },
    network: network.network,
    threshold: network.threshold,
    quorum: network.quorum,
    genesisMs: network.genesis_ms,
    transport,
  };
  const agreements = await Promise.all(
    processes.map(async (node, i) => {
      node.say({ kind: "agree", charter });
      return { node: cards[i]!.card.node, signature: (await node.next("agreed")).signature };
    }),
  );
  const signatures = charter.roster.nodes.map(({ id }) => agreements.find(({ node }) => node === id)!);
  await Promise.all(
    processes.map(async (node, i) => {
      const certificates = await certificatesFor(authority, node.name, introductions[i]!.request);
      node.say({ kind: "found", charter: { charter, signatures }, cards, certificates });
    }),
  );
  writeRoster(folder, charter.roster);
}

async function certificatesFor(
  authority: Promise<LocalAuthority> | null,
  name: string,
  request: string | null,
): Promise<{ readonly ca: string; readonly node: string } | null> {
  if (authority === null || request === null) return null;
  const made = await authority;
  return { ca: made.certificate, node: await made.sign(name, request) };
}

/** Founding was cut off: everybody begins again. Identities that were drawn stay. */
function forgetHalfFounded(folder: Folder, { names }: LocalNetwork): void {
  for (const name of names) rmSync(nodeFolderAt(folder.nodeDir(name)).charterFile, { force: true });
}

/** Throws `FolderUnusable` if the nodes agreed on another network than the one that is asked for. */
function checkTransport(folder: Folder, { names }: LocalNetwork, transport: TransportName): void {
  for (const name of names) {
    const { charterFile } = nodeFolderAt(folder.nodeDir(name));
    if (!existsSync(charterFile))
      throw new FolderUnusable(`${charterFile} is gone: put it back, or start over with --fresh`);
    const agreed = readCharter(charterFile).charter.transport;
    if (agreed !== transport && !isTlsForQuic(agreed, transport))
      throw new FolderUnusable(
        `the nodes in ${folder.root} agreed to talk over ${agreed}: write --transport ${agreed}, or start over with --fresh`,
      );
  }
}

/** TLS takes the place of QUIC without another charter: same certificates, same addresses. */
const isTlsForQuic = (agreed: TransportName, wanted: TransportName): boolean => agreed === "quic" && wanted === "tls";

/** Which nodes reach which, as they say themselves. */
class Links {
  readonly #missing: number;
  readonly #up = new Set<string>();
  #wake: () => void = () => {};

  constructor(nodes: number) {
    this.#missing = nodes * (nodes - 1);
  }

  heard(node: number, notice: Notice): void {
    if (notice.kind !== "link") return;
    const link = `${node} ${notice.node}`;
    if (notice.up) this.#up.add(link);
    else this.#up.delete(link);
    if (this.#up.size === this.#missing) this.#wake();
  }

  /** Resolves once every node reaches every other, and after `withinMs` at the latest. */
  async allUp(withinMs: number): Promise<void> {
    if (this.#up.size === this.#missing) return;
    const patience = new AbortController();
    const up = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([up, delay(withinMs, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
  }
}
