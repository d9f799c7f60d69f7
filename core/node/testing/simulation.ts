/**
 * One life of a whole cluster, from a seed: nodes with their disks, the network, the chain and clients, with everything that
 * can go wrong, and what must hold checked after every event. Nothing is random beside the seed and nothing waits for real
 * time, so the same seed gives the same trace.
 */
import { createHash } from "node:crypto";
import { toHex } from "@conclave/bytes";
import { deriveScript, type Wallet } from "@conclave/bitcoin";
import { rosterHash, type NodeId } from "@conclave/consensus";
import { loadIdentity, type CustodyEvent, type CustodyPort, type CustodySettings } from "@conclave/custody";
import { EnvelopeReader, memoryVault } from "@conclave/custody/testing";
import { seededDice, type Dice } from "@conclave/protocol/testing";
import type { Notice } from "../context.ts";
import { DEFAULT_TIMINGS, type Timings } from "../timings.ts";
import { SimulatedChain } from "./chain.ts";
import { Clients } from "./clients.ts";
import { settled, VirtualClock } from "./clock.ts";
import { committeeOf, disksOf, type Committee } from "./committee.ts";
import { engine } from "./engine.ts";
import { endingsOf, unfinished, type Ending } from "./ending.ts";
import { Liar } from "./liar.ts";
import { Machine } from "./machine.ts";
import { SimulatedNetwork } from "./network.ts";
import type { Scenario, Trouble } from "./scenario.ts";
import { Suspicion } from "./suspicion.ts";
import { describe, title } from "./telling.ts";
import { bring } from "./troubles.ts";
import { Truth, walletOf } from "./truth.ts";

/** When every life begins. */
export const GENESIS_MS = 1_750_000_000_000;
const BLOCK_MS = 5_000;
/** After everything is mended, every request has to be over within this time. */
const PATIENCE_MS = 12 * 60_000;
const REQUIRED_CONFIRMATIONS = 2;
/** An operator's time to read that an edge died. */
const REKEY_AFTER_MS = 2_000;

const TIMINGS: Timings = {
  ...DEFAULT_TIMINGS,
  chainPollMs: 4_000,
  rebroadcastMs: 8_000,
  rebroadcastLongestMs: 16_000,
  guardMs: 4_000,
  sweepMs: 3_000,
};

export interface Noticed {
  readonly atMs: number;
  readonly node: number;
  readonly notice: Notice;
}

export interface Lived {
  readonly seed: string;
  /** Hash of everything that happened, in order. */
  readonly trace: string;
  readonly faults: ReadonlyMap<string, number>;
  /** Rules that were broken, and requests that never ended. */
  readonly violations: readonly string[];
  readonly events: number;
  readonly virtualMs: number;
  /** Requests by how they ended on the node that took them in. */
  readonly endings: ReadonlyMap<string, number>;
  /** What clients were told that were refused. */
  readonly refusals: readonly string[];
  /** Everything that nodes noticed, by position. */
  readonly notices: readonly Noticed[];
  /** For people; empty unless asked for. */
  readonly lines: readonly string[];
}

/** What a test may reach into. Machines are in the committee's order. */
export interface World {
  readonly machines: readonly Machine[];
  readonly network: SimulatedNetwork;
  readonly chain: SimulatedChain;
  readonly clock: VirtualClock;
}

export interface LifeOptions {
  readonly verbose?: boolean;
  /** Of the cluster's key; a wallet's if absent. A key for messages holds no coins. */
  readonly purpose?: "messages";
  /** Ledger height at which life begins. */
  readonly startHeight?: number;
  /** Before anything happens. */
  readonly prepare?: (world: World) => void;
  /** Stands between a node (its position) and its custody, where there is no liar. */
  readonly custody?: (node: number, port: CustodyPort) => CustodyPort;
  /** What a node's (its position) operator decided otherwise than the others. */
  readonly settings?: (node: number) => Partial<Omit<CustodySettings, "roster">>;
  /** Whenever a node (its position) notices something. */
  readonly react?: (world: World, node: number, notice: Notice) => void;
  /** After everything is over. */
  readonly inspect?: (world: World) => Promise<void>;
}

export async function live(scenario: Scenario, options: LifeOptions = {}): Promise<Lived> {
  return new Life(scenario, options).live();
}

class Life {
  readonly #scenario: Scenario;
  readonly #options: LifeOptions;
  readonly #committee: Committee;
  readonly #wallet: Wallet;
  readonly #clock = new VirtualClock(GENESIS_MS);
  readonly #hash = createHash("sha256");
  readonly #lines: string[] = [];
  readonly #faults = new Map<string, number>();
  readonly #violations: string[] = [];
  readonly #notices: Noticed[] = [];
  readonly #network: SimulatedNetwork;
  readonly #chain: SimulatedChain;
  readonly #truth: Truth;
  readonly #machines: readonly Machine[];
  readonly #clients: Clients;
  readonly #suspicion = new Suspicion();
  /** Whether a crash takes the store's last writes along. Of its own stream, so that it moves nothing else in a life. */
  readonly #powerCuts: Dice;
  /** Edges, by their ends, that the operator wants anew. */
  readonly #rekeyed = new Set<string>();
  #chainChanges = -1;
  #calm = false;
  #over = false;

  constructor(scenario: Scenario, options: LifeOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#powerCuts = seededDice(`power/${scenario.seed}`);
    this.#committee = committeeOf(scenario.size, scenario.scheme, options.purpose);
    this.#wallet = walletOf(this.#committee);
    const { nodes } = this.#committee;
    const liar = scenario.liar === null ? null : nodes[scenario.liar.node]!;
    this.#truth = new Truth(this.#committee, new Set(nodes.filter((node) => node !== liar)));
    this.#chain = new SimulatedChain((kind) => this.#count(kind));
    this.#network = new SimulatedNetwork({
      clock: this.#clock,
      dice: seededDice(`network/${scenario.seed}`),
      nodes,
      observer: {
        fault: (kind) => this.#count(kind),
        delivered: (from, to, frame) => {
          this.#hash.update(`${this.#clock.nowMs()} ${from} ${to}`).update(frame);
        },
      },
    });
    const belongings = scenario.keygen ? this.#committee.bare : this.#committee.keyed;
    this.#machines = nodes.map((self, i) => new Machine(this.#machineParts(self), belongings[i]!));
    this.#clients = new Clients({
      clock: this.#clock,
      machines: this.#machines,
      wallet: this.#wallet,
      scheme: scenario.scheme,
      tell: (node, what) => this.#tell(node, what),
      complain: (what) => void this.#violations.push(what),
    });
  }

  #machineParts(self: NodeId) {
    const { seed, liar } = this.#scenario;
    const own = this.#options.settings?.(this.#committee.nodes.indexOf(self));
    const parts = {
      ...(own !== undefined && { settings: own }),
      committee: this.#committee,
      self,
      seed,
      clock: this.#clock,
      network: this.#network,
      chain: this.#chain,
      genesisMs: GENESIS_MS - 1_000 * (this.#options.startHeight ?? 0),
      timings: TIMINGS,
      requiredConfirmations: REQUIRED_CONFIRMATIONS,
      observer: {
        said: (node: NodeId, events: readonly CustodyEvent[]) => this.#said(node, events),
        heard: (node: NodeId, wire: Uint8Array) => this.#hears(node, wire),
        noticed: (node: NodeId, notice: Notice) => this.#noticed(node, notice),
        died: (node: NodeId, reason: string) => {
          this.#suspicion.forgets(node);
          this.#tell(node, `dies: ${reason}`);
        },
        lied: (lie: string) => this.#count(lie),
      },
    };
    const position = this.#committee.nodes.indexOf(self);
    const { custody } = this.#options;
    if (liar?.node !== position)
      return custody === undefined ? parts : { ...parts, custodyProxy: (port: CustodyPort) => custody(position, port) };
    const { settings, bare, nodes } = this.#committee;
    const roster = rosterHash(settings.roster);
    const liarNode = new Liar({
      identity: loadIdentity(engine, memoryVault(disksOf(bare[position]!).vault)),
      roster,
      reader: new EnvelopeReader(engine, settings.roster, roster),
      nodes,
      wallet: { key: this.#committee.key.key, epoch: 0 },
      peers: nodes.filter((node) => node !== self),
      dice: seededDice(`liar/${seed}`),
      lies: new Set(liar.lies),
      told: (lie) => this.#count(`liar ${lie}`),
    });
    return {
      ...parts,
      schemeProxy: liarNode.scheme.bind(liarNode),
      custodyProxy: liarNode.custody.bind(liarNode),
      transportProxy: liarNode.transport.bind(liarNode),
    };
  }

  async live(): Promise<Lived> {
    const { coins, troubles, wishes, healMs, weather, keygen } = this.#scenario;
    if (!keygen) this.#fund(coins);
    this.#options.prepare?.(this.#world());
    for (const machine of this.#machines) machine.boot();
    await settled();
    this.#network.weather = weather;
    this.#every(BLOCK_MS, () => this.#chain.mine(Math.floor(this.#clock.nowMs() / 1_000)));
    for (const trouble of troubles) this.#clock.schedule(trouble.atMs, () => this.#trouble(trouble));
    for (const wish of wishes) this.#clock.schedule(wish.atMs, () => this.#clients.wish(wish));
    if (keygen) this.#clock.schedule(500, () => this.#clients.wantKey());
    this.#clock.schedule(healMs, () => this.#heal());
    const untilMs = GENESIS_MS + healMs + PATIENCE_MS;
    let events = 0;
    while (!this.#over && this.#violations.length === 0 && (await this.#clock.step(untilMs))) {
      events += 1;
      this.#look();
    }
    if (!this.#over && this.#violations.length === 0) await this.#complain();
    await this.#options.inspect?.(this.#world());
    return {
      seed: this.#scenario.seed,
      trace: this.#hash.digest("hex"),
      faults: this.#faults,
      violations: this.#violations,
      events,
      virtualMs: this.#clock.nowMs() - GENESIS_MS,
      endings: await endingsOf(this.#ending()),
      refusals: this.#clients.all.flatMap(({ refused }) => refused ?? []),
      notices: this.#notices,
      lines: this.#lines,
    };
  }

  #world(): World {
    return { machines: this.#machines, network: this.#network, chain: this.#chain, clock: this.#clock };
  }

  #every(periodMs: number, work: () => void): void {
    this.#clock.schedule(periodMs, () => {
      work();
      this.#every(periodMs, work);
    });
  }

  #fund(coins: readonly bigint[]): void {
    const wallet = this.#wallet;
    for (const [i, value] of coins.entries()) this.#chain.fund(deriveScript(wallet, 0, i).scriptPubKey, value);
    this.#chain.mine(Math.floor(this.#clock.nowMs() / 1_000));
  }

  // What goes wrong.

  #trouble(trouble: Trouble): void {
    if (this.#calm) return;
    this.#tell(null, `trouble: ${JSON.stringify(trouble)}`);
    bring(trouble, {
      machines: this.#machines,
      network: this.#network,
      chain: this.#chain,
      clock: this.#clock,
      powerCuts: this.#powerCuts,
      count: (kind) => this.#count(kind),
      rebootAfter: (machine, delayMs) => this.#rebootAfter(machine, delayMs),
    });
  }

  #rebootAfter(machine: Machine, delayMs: number): void {
    this.#clock.schedule(delayMs, () => {
      if (machine.node !== null) return;
      this.#tell(machine.self, "starts");
      machine.boot();
    });
  }

  #heal(): void {
    this.#tell(null, "everything is mended");
    this.#calm = true;
    this.#network.heal();
    for (const machine of this.#machines) {
      machine.mend();
      Object.assign(machine.server, { unreachable: false, blocksBehind: 0, forgetful: false });
      // A sealed node says what its operator has to do: mend the disk and start it again.
      if (machine.custody?.status().sealed?.startsWith("the safety journal failed") === true) machine.crash("repaired");
      this.#rebootAfter(machine, 1);
    }
    this.#every(2_000, () => void this.#lookWhetherOver());
  }

  // What is seen.

  #said(node: NodeId, events: readonly CustodyEvent[]): void {
    const promises = this.#machineOf(node).promises;
    for (const event of events) {
      if (event.kind === "proposed") this.#learnProposal(event.proposal);
      if (event.kind === "send") {
        const envelope = this.#truth.open(event.wire);
        this.#tell(node, `says ${title(envelope)} to ${event.to.map((to) => this.#nameOf(to)).join()}`);
        if (envelope.header.kind === "proposal") this.#learnProposal(envelope.body);
        this.#add({ kind: "said", node, envelope, promises });
      }
      if (event.kind === "signed") {
        const { request, txid, rawTx } = event;
        this.#add({ kind: "signed", node, request: toHex(request), txid, rawTx });
      }
      if (event.kind === "violation")
        this.#add({ kind: "banned", by: node, node: event.node, evidence: event.evidence });
      if (event.kind === "released") this.#released(node, event);
      if (event.kind === "edgeDead") this.#add({ kind: "edge dead", by: node, between: event.between });
      if (event.kind === "edgeMade") this.#add({ kind: "edge made", by: node, peer: event.peer });
    }
  }

  #released(by: NodeId, { request, reason }: Extract<CustodyEvent, { kind: "released" }>): void {
    const { deepest } = this.#chain;
    const paying = [...this.#truth.proposed].filter(([, proposed]) => proposed.request === toHex(request));
    const depth = Math.max(0, ...paying.map(([txid]) => deepest.get(txid) ?? 0));
    this.#add({ kind: "released", by, request: toHex(request), reason, depth });
  }

  #learnProposal(proposal: Uint8Array): void {
    // Before there is a key there are no coins: what is proposed then spends what a server invented.
    if (this.#scenario.keygen) return;
    this.#truth.propose(proposal, this.#wallet);
  }

  #add(fact: Parameters<Truth["add"]>[0]): void {
    this.#violations.push(...this.#truth.add(fact));
  }

  #hears(node: NodeId, wire: Uint8Array): void {
    const envelope = this.#truth.openIfGenuine(wire);
    this.#tell(
      node,
      envelope === null ? "hears garbage" : `hears ${title(envelope)} of ${this.#nameOf(envelope.header.sender)}`,
    );
    if (envelope !== null && this.#truth.honest.has(node)) this.#suspicion.hears(node, envelope);
  }

  #noticed(node: NodeId, notice: Notice): void {
    this.#tell(node, describe(notice));
    const position = this.#committee.nodes.indexOf(node);
    this.#notices.push({ atMs: this.#clock.nowMs() - GENESIS_MS, node: position, notice });
    if (notice.kind === "edgeDead") this.#edgeDied(position, notice);
    if (notice.kind === "edgeMade") this.#count("edge made anew");
    this.#options.react?.(this.#world(), position, notice);
    if (notice.kind !== "problem" || EXPECTED_PROBLEMS.some((name) => notice.message.startsWith(name))) return;
    // Which is what a torn log looks like, and is there to be told.
    if (notice.message.startsWith("the audit log of") && this.#faults.has("torn store")) return;
    if (this.#truth.honest.has(node)) this.#violations.push(`node ${this.#nameOf(node)} reports: ${notice.message}`);
  }

  /** An operator reads it at one of its ends, and some time later has it made anew. */
  #edgeDied(position: number, { key, between: [a, b] }: Extract<Notice, { kind: "edgeDead" }>): void {
    const { self } = this.#machines[position]!;
    if (a !== self) return;
    this.#count("edge dead");
    const name = [a, b].toSorted().join();
    if (!this.#scenario.rekeys || this.#rekeyed.has(name)) return;
    this.#rekeyed.add(name);
    this.#clock.schedule(REKEY_AFTER_MS, () => {
      this.#machines[position]!.node?.rekey(key, a, b).catch(() => {});
    });
  }

  #look(): void {
    if (this.#chainChanges === this.#chain.changes) return;
    this.#chainChanges = this.#chain.changes;
    this.#add({ kind: "chain", standing: this.#chain.standing() });
  }

  // How it ends.

  #ending(): Ending {
    return {
      scenario: this.#scenario,
      machines: this.#machines,
      chain: this.#chain,
      truth: this.#truth,
      clients: this.#clients.all,
      suspicion: this.#suspicion,
      nameOf: (node) => this.#nameOf(node),
    };
  }

  async #lookWhetherOver(): Promise<void> {
    if (this.#clients.all.length < this.#scenario.wishes.length) return;
    this.#over = (await unfinished(this.#ending())).length === 0;
  }

  async #complain(): Promise<void> {
    for (const what of await unfinished(this.#ending())) this.#violations.push(`not over: ${what}`);
  }

  // Telling.

  #machineOf(node: NodeId): Machine {
    return this.#machines[this.#committee.nodes.indexOf(node)]!;
  }

  #nameOf(node: NodeId): string {
    return this.#committee.settings.roster.nodes.find(({ id }) => id === node)?.name ?? node;
  }

  #count(kind: string): void {
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
  }

  #tell(node: NodeId | null, what: string): void {
    this.#hash.update(`${this.#clock.nowMs()} ${node} ${what}\n`);
    if (this.#options.verbose !== true) return;
    const atMs = String(this.#clock.nowMs() - GENESIS_MS).padStart(7);
    this.#lines.push(`${atMs} ${node === null ? "*" : this.#nameOf(node)} ${what}`);
  }
}

/** What a node may report without anything being wrong with it. */
const EXPECTED_PROBLEMS = [
  "ChainLied",
  "ChainUnreachable",
  "ChainRefused",
  "the chain refused",
  "history does not answer",
];
