/** A local network of real processes with wires between them, a hand on every process, and an account of what it accepted. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { networks, parseAddress, sats } from "@conclave/bitcoin";
import { equalBytes } from "@conclave/bytes";
import type { NodeId, TransportName } from "@conclave/consensus";
import type { Account, Notice } from "@conclave/node";
import type { StoreOptions } from "@conclave/store-sql";
import type { NodeConfig } from "../../cluster/config.ts";
import { historyOf } from "../../cluster/history.ts";
import { createNetwork, folderAt, readSecret, type Folder, type LocalNetwork } from "../../up/folder.ts";
import { mineAsTheyCome } from "../../up/mining.ts";
import { NodeEnded, type NodeProcess } from "../../up/node-process.ts";
import { Notices } from "../../up/notices.ts";
import { ProcessNetwork } from "../../up/process-network.ts";
import { DEMO_RECIPIENT } from "../../up/recipient.ts";
import { apiAt, type Api } from "../../up/testing/api.ts";
import { freePortBase, temporaryFolder } from "../../up/testing/places.ts";
import { until } from "../../up/testing/waiting.ts";
import { openLines, type Lines } from "./lines.ts";
import { memoryOf, type Memory } from "./memory.ts";
import { takenOrder } from "./strikes/orders.ts";
import { Witness } from "./witness.ts";

/** The longest that anything here may take on a machine that has other things to do. */
export const PATIENCE_MS = 90_000;
/** Coins of this size, so that a payment does not wait for the change of another. */
const COIN_SATS = 1_000_000n;
/** Amounts tell payments apart on the chain. */
const FIRST_AMOUNT_SATS = 20_000;

export interface FaultyClusterOptions {
  readonly transport: TransportName;
  /** Five, four of which sign; or three, two of which sign. */
  readonly nodes?: 5 | 3;
  readonly seed: string;
  /** Settings of single nodes, given those that lead them over the wires. */
  readonly settings?: (place: Place) => Readonly<Record<string, unknown>>;
  /** False: nodes reach each other without wires. */
  readonly wired?: boolean;
  /** How many coins the Taproot account gets; 60. */
  readonly coins?: number;
  /** Makes the disks that nodes are to live on, given their folders before anything is in them; undone when they ended. */
  readonly disks?: (nodeDirs: readonly string[]) => () => void;
  /** Modules that every thread of a node loads before its own code. */
  readonly preloads?: readonly string[];
}

/** What settings of a node may depend on. */
export interface Place {
  readonly index: number;
  readonly portBase: number;
  /** Settings so far. */
  readonly wired: Readonly<Record<string, unknown>>;
}

/** A payment that a node said yes to. */
export interface Accepted {
  readonly request: string;
  readonly amountSats: number;
}

export class FaultyCluster {
  readonly running: ProcessNetwork;
  readonly network: LocalNetwork;
  readonly folder: Folder;
  readonly portBase: number;
  readonly transport: TransportName;
  readonly witness: Witness;
  readonly notices: Notices;
  readonly accepted: Accepted[] = [];
  /** Nodes that others are to convict. */
  readonly liars = new Set<number>();
  /** Nodes that stand still. */
  readonly stopped = new Set<number>();
  /** Nodes that run and are known not to keep up. */
  readonly #aside = new Set<number>();
  /** Processes that ended although nobody ended them. */
  readonly died: string[] = [];
  readonly #starting = new Set<number>();
  readonly #lines: Lines | null;
  readonly #stops: (() => Promise<void> | void)[];
  readonly #ids: readonly NodeId[];
  #peakMib = 0;
  #payments = 0;

  private constructor(parts: Parts, stops: (() => Promise<void> | void)[], ids: readonly NodeId[]) {
    this.running = parts.running;
    this.network = parts.network;
    this.folder = parts.folder;
    this.portBase = parts.portBase;
    this.transport = parts.transport;
    this.witness = parts.witness;
    this.notices = parts.notices;
    this.#lines = parts.lines;
    this.#stops = stops;
    this.#ids = ids;
    this.running.processes.forEach((_, index) => this.#watch(index));
  }

  /** Nodes with a Taproot key and coins for many payments, each of which is mined as it comes. */
  static async open(options: FaultyClusterOptions): Promise<FaultyCluster> {
    const { transport, nodes = 5, seed, wired = true } = options;
    const temporary = temporaryFolder();
    const folder = folderAt(temporary.path);
    const names = Array.from({ length: nodes }, (_, i) => `node${i + 1}`);
    const network: LocalNetwork = {
      version: 1,
      cluster: "local",
      names,
      threshold: nodes - 1,
      quorum: nodes - 1,
      network: "regtest",
      genesis_ms: Date.now(),
    };
    createNetwork(folder, network);
    const disks = options.disks?.(names.map((name) => folder.nodeDir(name))) ?? (() => {});
    const stops: (() => Promise<void> | void)[] = [disks, temporary.remove, preloading(options.preloads ?? [])];
    try {
      const portBase = await freePortBase(nodes);
      const lines = wired ? await openLines(transport, names, { portBase, seed }) : null;
      if (lines !== null) stops.unshift(() => lines.wires.close());
      const [notices, witness] = [new Notices(), new Witness()];
      notices.listen((node, notice) => witness.heard(node, notice));
      const settings = (index: number): Readonly<Record<string, unknown>> => {
        const wired = lines?.settings(names[index]!) ?? {};
        return { ...wired, ...options.settings?.({ index, portBase, wired }) };
      };
      const common = { folder, network, portBase, allowDigests: true, notify: notices.publish };
      const running = await ProcessNetwork.start({ ...common, transport, settings });
      stops.unshift(() => running.stop());
      const ids = (await running.voice.nodes()).map(({ id }) => id);
      const cluster = new FaultyCluster(
        { running, network, folder, portBase, transport, witness, notices, lines },
        stops,
        ids,
      );
      await cluster.#makeWallet(options.coins ?? COINS);
      stops.unshift(mineAsTheyCome(running, notices));
      return cluster;
    } catch (error) {
      for (const stop of stops) await stop();
      throw error;
    }
  }

  get size(): number {
    return this.network.names.length;
  }

  /** Throws without wires. */
  get wires(): Lines["wires"] {
    if (this.#lines === null) throw new Error("this cluster has no wires");
    return this.#lines.wires;
  }

  /** Places of nodes that run, are done with starting, and do not stand still. */
  get awake(): readonly number[] {
    return this.running.processes.flatMap((node, i) =>
      node === null || this.stopped.has(i) || this.#aside.has(i) || this.#starting.has(i) ? [] : [i],
    );
  }

  process(index: number): NodeProcess {
    const node = this.running.processes[index];
    if (node === null || node === undefined) throw new Error(`node${index + 1} does not run`);
    return node;
  }

  idOf(index: number): NodeId {
    return this.#ids[index]!;
  }

  api(index: number): Api {
    return apiAt(this.running.apiUrl(index), readSecret(this.folder.tokenFile));
  }

  /** Where a node keeps vault, journal and, if its configuration names no server, history. */
  dataDir(index: number): string {
    return resolve(this.#nodeDir(index), this.#config(index).data ?? ".");
  }

  /** Where a node keeps its history. */
  history(index: number): StoreOptions {
    return historyOf(this.#config(index), this.dataDir(index), (file) => resolve(this.#nodeDir(index), file));
  }

  log(index: number): string {
    return readFileSync(join(this.#nodeDir(index), "node.log"), "utf8");
  }

  #nodeDir(index: number): string {
    return this.folder.nodeDir(this.network.names[index]!);
  }

  #config(index: number): NodeConfig {
    return JSON.parse(readFileSync(join(this.#nodeDir(index), "config.json"), "utf8")) as NodeConfig;
  }

  /**
   * A payment that no other looks like, asked of this node; asked again, as the same, until the node answers. Throws what it
   * refuses it with.
   */
  async pay(node: number, account: Account = "taproot"): Promise<Accepted> {
    const accepted = await this.ask(node, { account });
    this.accepted.push(accepted);
    return accepted;
  }

  /** The same of a payment that need not be made: `judge` does not miss it. `moreSats` make it a larger one. */
  async ask(
    node: number,
    { account = "taproot", moreSats = 0 }: { readonly account?: Account; readonly moreSats?: number },
  ): Promise<Accepted> {
    const amountSats = FIRST_AMOUNT_SATS + this.#payments++ + moreSats;
    const wish = {
      account,
      recipient: DEMO_RECIPIENT,
      amount: sats(BigInt(amountSats)),
      feeRate: null,
      metadata: null,
      idempotencyKey: `fault-${amountSats}`,
    };
    const request = await until(`node${node + 1} takes a payment`, PATIENCE_MS, async () => {
      if (!this.awake.includes(node)) return undefined;
      return this.process(node)
        .speaker.createPayment(wish)
        .catch((error: unknown) => {
          // Whoever asked a node that died does not know whether it heard.
          if (error instanceof NodeEnded) return undefined;
          throw error;
        });
    });
    return { request, amountSats };
  }

  /** Milliseconds until these payments, or all, are confirmed on every node that is awake, each by the same transaction. */
  async settled(payments: readonly Accepted[] = this.accepted, withinMs = PATIENCE_MS): Promise<number> {
    const startMs = performance.now();
    await Promise.all(
      payments.map(({ request }) =>
        until(
          `payment ${request.slice(0, 8)} confirmed on every node`,
          withinMs,
          async () => {
            const views = await this.viewsOf(request);
            const [first] = views;
            const alike = views.every((view) => view === first && view !== null);
            return alike ? true : undefined;
          },
          async () => ({ views: await this.viewsOf(request), said: this.witness.lines.slice(-40) }),
        ),
      ),
    );
    return Math.round(performance.now() - startMs);
  }

  /** The confirmed transaction of a payment as each node that is awake knows it; null while there is none. */
  viewsOf(request: string): Promise<readonly (string | null)[]> {
    const views = this.awake.map(async (index) => {
      const view = await this.process(index)
        .speaker.payment(request)
        .catch(() => null);
      return view !== null && view.confirmations > 0 ? view.bitcoinTxid : null;
    });
    return Promise.all(views);
  }

  /** As a power cut does it. */
  kill(index: number): Promise<void> {
    this.remember();
    this.stopped.delete(index);
    return this.running.killNode(index);
  }

  async start(index: number): Promise<void> {
    this.#starting.add(index);
    try {
      await this.running.startNode(index);
    } finally {
      this.#starting.delete(index);
    }
    this.#watch(index);
  }

  /** The process stands still, and its sockets stay open. */
  stand(index: number): void {
    this.stopped.add(index);
    this.process(index).signal("SIGSTOP");
  }

  goOn(index: number): void {
    this.process(index).signal("SIGCONT");
    this.stopped.delete(index);
  }

  /** Nobody asks this node or waits for it until `takeBack`, whatever it does. */
  setAside(index: number): void {
    this.#aside.add(index);
  }

  takeBack(index: number): void {
    this.#aside.delete(index);
  }

  /** Every node that is awake reaches so many others. */
  async linked(others = this.size - 1): Promise<void> {
    await until("the links are up", PATIENCE_MS, async () => {
      const views = await Promise.all(this.awake.map((index) => this.process(index).speaker.cluster()));
      const offline = views.map(({ reasons }) => reasons.filter((reason) => reason.endsWith("is offline")).length);
      return offline.every((count) => count <= this.size - 1 - others) ? true : undefined;
    });
  }

  memory(): readonly Memory[] {
    return this.awake.map((index) => memoryOf(this.process(index).pid));
  }

  /** Keeps the highest that any process held so far, also of ones that end later. */
  remember(): number {
    this.#peakMib = Math.max(this.#peakMib, ...this.memory().map(({ peakMib }) => peakMib));
    return this.#peakMib;
  }

  /** How often the chain pays each amount to whom the payments go. Each payment has an amount of its own; change may have it too. */
  #paidByAmount(): ReadonlyMap<bigint, number> {
    const { scriptPubKey } = parseAddress(DEMO_RECIPIENT, networks.regtest);
    const paid = new Map<bigint, number>();
    for (const { entries } of this.running.chain.chain.blocks)
      for (const { tx } of entries)
        for (const { script, value } of tx.outs)
          if (equalBytes(script, scriptPubKey)) paid.set(value, (paid.get(value) ?? 0) + 1);
    return paid;
  }

  /** What every fault must leave true. Throws what is not. */
  async judge(): Promise<void> {
    if (this.died.length > 0) throw new Error(`processes ended by themselves: ${this.died.join("; ")}`);
    const liars = [...this.liars].map((index) => this.idOf(index));
    const wronged = this.witness.bans.filter(({ node }) => !liars.includes(node)).map(({ words }) => words);
    if (wronged.length > 0) throw new Error(`honest nodes were banned: ${wronged.join("; ")}`);
    const twice = [...this.witness.signed].filter(([, txids]) => txids.size > 1);
    if (twice.length > 0) throw new Error(`signed twice: ${twice.map(([request]) => request).join(", ")}`);
    await this.settled();
    const paid = this.#paidByAmount();
    for (const { amountSats, request } of this.accepted) {
      const times = paid.get(BigInt(amountSats)) ?? 0;
      if (times !== 1) throw new Error(`payment ${request.slice(0, 8)} is ${times} times on the chain`);
    }
  }

  /** Every process ends in order; what they wrote stays until `stop`. */
  async rest(): Promise<void> {
    this.remember();
    for (const index of this.stopped) this.goOn(index);
    await Promise.all(this.running.processes.map((_, index) => this.running.stopNode(index)));
  }

  async stop(): Promise<void> {
    for (const index of this.stopped) this.goOn(index);
    for (const stop of this.#stops) await stop();
  }

  async #makeWallet(coins: number): Promise<void> {
    const { running } = this;
    await running.voice.requestWalletKey("frost-secp256k1-taproot");
    const account = await until("a key on every node", PATIENCE_MS, async () => {
      const accounts = await Promise.all(this.awake.map((index) => this.process(index).speaker.account("taproot")));
      return accounts.every((found) => found !== null) ? accounts[0]! : undefined;
    });
    for (let coin = 0; coin < coins; coin++) running.chain.faucet(account.address, COIN_SATS);
    running.mine();
    await until("coins", PATIENCE_MS, async () => {
      const [balance] = await running.voice.balances();
      return balance !== undefined && balance.spendable >= COIN_SATS ? true : undefined;
    });
  }

  #watch(index: number): void {
    const node = this.process(index);
    void node.ended.then(({ message }) => {
      if (this.running.processes[index] !== node) return;
      // It ended on an order at a durable step.
      if (takenOrder(this.folder.root)?.node === this.network.names[index]) return;
      this.died.push(message);
    });
  }
}

const COINS = 60;

/** Every process that is started from now on loads these first, until the returned function is called. */
function preloading(modules: readonly string[]): () => void {
  const before = process.env["NODE_OPTIONS"];
  const imports = modules.map((module) => `--import=${pathToFileURL(module).href}`);
  if (imports.length > 0)
    process.env["NODE_OPTIONS"] = [...(before === undefined ? [] : [before]), ...imports].join(" ");
  return () => {
    if (before === undefined) delete process.env["NODE_OPTIONS"];
    else process.env["NODE_OPTIONS"] = before;
  };
}

interface Parts {
  readonly running: ProcessNetwork;
  readonly network: LocalNetwork;
  readonly folder: Folder;
  readonly portBase: number;
  readonly transport: TransportName;
  readonly witness: Witness;
  readonly notices: Notices;
  readonly lines: Lines | null;
}

/** Resolves with the first notice of this node that `pick` likes. Rejects if none comes in time. */
export function noticed(
  { notices }: Pick<FaultyCluster, "notices">,
  what: string,
  pick: (node: number, notice: Notice) => boolean,
  withinMs = PATIENCE_MS,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Error(`${what}: not within ${withinMs} ms`));
    }, withinMs);
    const stop = notices.listen((node, notice) => {
      if (!pick(node, notice)) return;
      clearTimeout(timer);
      stop();
      resolve(node);
    });
  });
}
