/**
 * One life of a whole cluster, from a seed: nodes with their disks, the network, the chain and clients, with everything that
 * can go wrong, and what must hold checked after every event. Nothing is random beside the seed and nothing waits for real
 * time, so the same seed gives the same trace.
 */
import { createHash } from "node:crypto";
import { toHex } from "@conclave/bytes";
import { AddressError, deriveScript, FeeTooHigh, FeeTooLow, InsufficientFunds, OutputBelowDust, sats, TooManyInputs } from "@conclave/bitcoin";
import { contradicts, rosterHash, signedVoteCodec, type NodeId } from "@conclave/consensus";
import { loadIdentity, type CustodyEvent } from "@conclave/custody";
import { EnvelopeReader, memoryVault, type Envelope } from "@conclave/custody/testing";
import { seededDice } from "@conclave/protocol/testing";
import type { Notice } from "../context.ts";
import type { RequestId } from "../store/ids.ts";
import { DEFAULT_TIMINGS, type Timings } from "../timings.ts";
import { ChainUnreachable } from "../chain-port.ts";
import { WalletNotReady } from "../payments.ts";
import { SimulatedChain } from "./chain.ts";
import { settled, VirtualClock } from "./clock.ts";
import { committeeOf, disksOf, type Committee } from "./committee.ts";
import { engine } from "./engine.ts";
import { Liar } from "./liar.ts";
import { Machine } from "./machine.ts";
import { SimulatedNetwork } from "./network.ts";
import type { Scenario, Trouble, Wish } from "./scenario.ts";
import { Truth, walletOf } from "./truth.ts";

const GENESIS_MS = 1_750_000_000_000;
const BLOCK_MS = 5_000;
/** After everything is mended, every request has to be over within this time. */
const PATIENCE_MS = 5 * 60_000;
const REQUIRED_CONFIRMATIONS = 2;

const TIMINGS: Timings = { ...DEFAULT_TIMINGS, chainPollMs: 4_000, rebroadcastMs: 8_000, sweepMs: 3_000 };

/** Where a payment's story ends. */
const OVER: ReadonlySet<string> = new Set(["confirmed", "rejected", "failed", "aborted_timeout", "aborted_byzantine"]);

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
  /** For people; empty unless asked for. */
  readonly lines: readonly string[];
}

export interface LifeOptions {
  readonly verbose?: boolean;
  /** Makes a cluster worse than it is allowed to be, to see that it is noticed. */
  readonly weaken?: (machines: readonly Machine[], clock: VirtualClock) => void;
}

/** What a client knows of its wish. */
interface Client {
  readonly wish: Wish;
  readonly answers: Set<RequestId>;
  refused: string | null;
}

export async function live(scenario: Scenario, options: LifeOptions = {}): Promise<Lived> {
  return new Life(scenario, options).live();
}

class Life {
  readonly #scenario: Scenario;
  readonly #options: LifeOptions;
  readonly #committee: Committee;
  readonly #clock = new VirtualClock(GENESIS_MS);
  readonly #hash = createHash("sha256");
  readonly #lines: string[] = [];
  readonly #faults = new Map<string, number>();
  readonly #violations: string[] = [];
  readonly #network: SimulatedNetwork;
  readonly #chain: SimulatedChain;
  readonly #truth: Truth;
  readonly #machines: readonly Machine[];
  readonly #clients: Client[] = [];
  /** Per honest node: what it heard in this life of its process, by slot; and whom it has to ban for it. */
  readonly #heard = new Map<NodeId, Map<string, Envelope>>();
  readonly #owed = new Map<NodeId, Set<NodeId>>();
  #chainChanges = -1;
  #calm = false;
  #over = false;

  constructor(scenario: Scenario, options: LifeOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#committee = committeeOf(scenario.size);
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
  }

  #machineParts(self: NodeId) {
    const { seed, liar } = this.#scenario;
    const parts = {
      committee: this.#committee,
      self,
      seed,
      clock: this.#clock,
      network: this.#network,
      chain: this.#chain,
      genesisMs: GENESIS_MS,
      timings: TIMINGS,
      requiredConfirmations: REQUIRED_CONFIRMATIONS,
      observer: {
        said: (node: NodeId, events: readonly CustodyEvent[]) => this.#said(node, events),
        heard: (node: NodeId, wire: Uint8Array) => this.#hears(node, wire),
        noticed: (node: NodeId, notice: Notice) => this.#noticed(node, notice),
        died: (node: NodeId, reason: string) => {
          this.#heard.delete(node);
          this.#owed.delete(node);
          this.#tell(node, `dies: ${reason}`);
        },
      },
    };
    const position = this.#committee.nodes.indexOf(self);
    if (liar?.node !== position) return parts;
    const { settings, bare, nodes } = this.#committee;
    const roster = rosterHash(settings.roster);
    const liarNode = new Liar({
      identity: loadIdentity(engine, memoryVault(disksOf(bare[position]!).vault)),
      roster,
      reader: new EnvelopeReader(engine, settings.roster, roster),
      peers: nodes.filter((node) => node !== self),
      dice: seededDice(`liar/${seed}`),
      lies: new Set(liar.lies),
      told: (lie) => this.#count(`liar ${lie}`),
    });
    return {
      ...parts,
      custodyProxy: liarNode.custody.bind(liarNode),
      transportProxy: liarNode.transport.bind(liarNode),
    };
  }

  async live(): Promise<Lived> {
    const { coins, troubles, wishes, healMs, weather, keygen } = this.#scenario;
    if (!keygen) this.#fund(coins);
    for (const machine of this.#machines) machine.boot();
    await settled();
    this.#network.weather = weather;
    this.#every(BLOCK_MS, () => this.#chain.mine(this.#seconds()));
    for (const trouble of troubles) this.#clock.schedule(trouble.atMs, () => this.#trouble(trouble));
    for (const wish of wishes) this.#clock.schedule(wish.atMs, () => this.#wish(wish));
    if (keygen) this.#makeKey();
    this.#clock.schedule(healMs, () => this.#heal());
    this.#options.weaken?.(this.#machines, this.#clock);
    const untilMs = GENESIS_MS + healMs + PATIENCE_MS;
    let events = 0;
    while (!this.#over && this.#violations.length === 0 && (await this.#clock.step(untilMs))) {
      events += 1;
      this.#look();
    }
    if (!this.#over && this.#violations.length === 0) await this.#complain();
    return {
      seed: this.#scenario.seed,
      trace: this.#hash.digest("hex"),
      faults: this.#faults,
      violations: this.#violations,
      events,
      virtualMs: this.#clock.nowMs() - GENESIS_MS,
      endings: await this.#endings(),
      lines: this.#lines,
    };
  }

  #seconds(): number {
    return Math.floor(this.#clock.nowMs() / 1_000);
  }

  #every(periodMs: number, work: () => void): void {
    this.#clock.schedule(periodMs, () => {
      work();
      this.#every(periodMs, work);
    });
  }

  #fund(coins: readonly bigint[]): void {
    const wallet = walletOf(this.#committee);
    for (const [i, value] of coins.entries()) this.#chain.fund(deriveScript(wallet, 0, i).scriptPubKey, value);
    this.#chain.mine(this.#seconds());
  }

  // What goes wrong.

  #trouble(trouble: Trouble): void {
    if (this.#calm) return;
    const { nodes } = this.#committee;
    const machine = "node" in trouble ? this.#machines[trouble.node]! : null;
    this.#tell(null, `trouble: ${JSON.stringify(trouble)}`);
    switch (trouble.kind) {
      case "crash":
        if (machine!.node === null) return;
        this.#count("crash");
        machine!.crash("killed");
        return this.#rebootAfter(machine!, trouble.downMs);
      case "write":
        return machine!.failAppend(trouble.skip, trouble.fault, () => {
          this.#count(trouble.fault);
          this.#clock.schedule(trouble.downMs, () => machine!.crash("stopped for repair"));
          this.#rebootAfter(machine!, trouble.downMs + 1);
        });
      case "store write":
        return machine!.dieAtStore(trouble.skip, () => {
          this.#count("killed after a write to the store");
          this.#rebootAfter(machine!, trouble.downMs + 1);
        });
      case "partition":
        this.#count("partition");
        return this.#network.partition(trouble.groups.map((group) => group.map((i) => nodes[i]!)));
      case "reunite":
        return this.#network.partition([]);
      case "one-way":
        this.#count("link cut one way");
        return this.#network.sever(nodes[trouble.from]!, nodes[trouble.to]!);
      case "chain away":
        machine!.server.unreachable = true;
        return void this.#clock.schedule(trouble.forMs, () => (machine!.server.unreachable = false));
      case "chain behind":
        machine!.server.blocksBehind = 2;
        return void this.#clock.schedule(trouble.forMs, () => (machine!.server.blocksBehind = 0));
      case "chain forgets":
        machine!.server.forgetful = true;
        return void this.#clock.schedule(trouble.forMs, () => (machine!.server.forgetful = false));
      case "reorganisation":
        return this.#chain.reorganise(Math.min(trouble.depth, this.#chain.height - 1), this.#seconds());
      case "skew":
        this.#count("clock skew");
        machine!.skewMs = trouble.byMs;
    }
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

  // What clients do.

  #makeKey(): void {
    const ask = (): void => {
      const [first] = this.#machines;
      if (first!.node === null || first!.node.wallet !== null) return;
      first!.node.requestWalletKey().catch(() => {});
    };
    this.#clock.schedule(500, ask);
    this.#every(10_000, ask);
  }

  #wish(wish: Wish): void {
    const client: Client = { wish, answers: new Set(), refused: null };
    this.#clients.push(client);
    for (let i = 0; i < (wish.kind === "said twice" ? 2 : 1); i++) this.#ask(client);
  }

  /** Ask until there is an answer, as a client with an idempotency key may. */
  #ask(client: Client): void {
    const { wish } = client;
    const node = this.#machines[wish.node]!.node;
    const again = (): void => void this.#clock.schedule(1_000, () => this.#ask(client));
    if (node === null) return again();
    let answered = false;
    const recipient = wish.kind === "bad address" ? "bcrt1qnothing" : this.#recipient(wish);
    const amount = sats(wish.kind === "too much" ? 90_000_000n : wish.amount);
    node.createPayment({ recipient, amount, feeRate: null, metadata: null, idempotencyKey: wish.name }).then(
      (id) => {
        answered = true;
        client.answers.add(id);
        this.#tell(node === null ? null : this.#machines[wish.node]!.self, `takes ${wish.name} in as ${id.slice(0, 8)}`);
      },
      (error: unknown) => {
        answered = true;
        if (error instanceof ChainUnreachable || error instanceof WalletNotReady) return again();
        if (!REFUSALS.some((refusal) => error instanceof refusal))
          this.#violations.push(`a client of node ${wish.node + 1} was told: ${String(error)}`);
        client.refused = String(error);
      },
    );
    const watch = (): void => {
      if (answered) return;
      if (this.#machines[wish.node]!.node !== node) this.#ask(client);
      else this.#clock.schedule(1_000, watch);
    };
    this.#clock.schedule(1_000, watch);
  }

  /** Somebody else's wallet: an address of its own for every wish. */
  #recipient({ name }: Wish): string {
    const wallet = { ...walletOf(this.#committee), chainCode: new Uint8Array(32).fill(7) };
    return deriveScript(wallet, 0, Number(name.split(" ")[1])).address;
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
    }
  }

  #learnProposal(proposal: Uint8Array): void {
    this.#truth.propose(proposal, walletOf(this.#committee));
  }

  #add(fact: Parameters<Truth["add"]>[0]): void {
    this.#violations.push(...this.#truth.add(fact));
  }

  #hears(node: NodeId, wire: Uint8Array): void {
    const envelope = this.#truth.openIfGenuine(wire);
    this.#tell(node, envelope === null ? "hears garbage" : `hears ${title(envelope)} of ${this.#nameOf(envelope.header.sender)}`);
    const slot = envelope && slotHeard(envelope);
    if (envelope === null || slot === null || !this.#truth.honest.has(node)) return;
    const heard = this.#heard.get(node) ?? new Map<string, Envelope>();
    this.#heard.set(node, heard);
    const first = heard.get(slot);
    if (first === undefined) heard.set(slot, envelope);
    else if (contradict(first, envelope)) {
      const owed = this.#owed.get(node) ?? new Set<NodeId>();
      this.#owed.set(node, owed.add(envelope.header.sender));
    }
  }

  #noticed(node: NodeId, notice: Notice): void {
    this.#tell(node, describe(notice));
    if (notice.kind !== "problem" || EXPECTED_PROBLEMS.some((name) => notice.message.startsWith(name))) return;
    if (this.#truth.honest.has(node)) this.#violations.push(`node ${this.#nameOf(node)} reports: ${notice.message}`);
  }

  #look(): void {
    if (this.#chainChanges === this.#chain.changes) return;
    this.#chainChanges = this.#chain.changes;
    this.#add({ kind: "chain", standing: this.#chain.standing() });
  }

  // How it ends.

  #honest(): readonly Machine[] {
    return this.#machines.filter(({ self }) => this.#truth.honest.has(self));
  }

  #accepted(): readonly RequestId[] {
    const { liar } = this.#scenario;
    return this.#clients.filter(({ wish }) => wish.node !== liar?.node).flatMap(({ answers }) => [...answers]);
  }

  async #lookWhetherOver(): Promise<void> {
    const unanswered = this.#clients.some(
      ({ wish, answers, refused }) => wish.node !== this.#scenario.liar?.node && answers.size === 0 && refused === null,
    );
    if (unanswered || this.#clients.length < this.#scenario.wishes.length) return;
    this.#over = (await this.#unfinished()).length === 0;
  }

  /** Whatever is not as it should be once nothing goes wrong any more. */
  async #unfinished(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const { wish, answers } of this.#clients)
      if (answers.size > 1) found.push(`${wish.name} became ${answers.size} requests`);
    for (const machine of this.#honest()) {
      const name = this.#nameOf(machine.self);
      for (const id of this.#accepted()) {
        const row = await machine.store.transactions.get(id);
        if (row === undefined) found.push(`${name} does not know ${id.slice(0, 8)}`);
        else if (!OVER.has(row.state)) found.push(`${name} has ${id.slice(0, 8)} in ${row.state} (${row.reason})`);
      }
      const paid = this.#chain.standing().flatMap((txid) => this.#truth.proposed.get(txid)?.request ?? []);
      for (const request of paid) {
        const row = await machine.store.transactions.get(request as RequestId);
        if (row !== undefined && row.state !== "confirmed") found.push(`${name} shows the paid ${request.slice(0, 8)} as ${row.state}`);
      }
      const status = machine.custody?.status();
      if (status === undefined || !status.ready) found.push(`${name} is not ready: ${status?.sealed ?? "down"}`);
      const unresolved = machine.custody?.unresolved() ?? [];
      if (unresolved.length > 0) found.push(`${name} holds locks of ${unresolved.map((id) => id.slice(0, 8)).join()}`);
      const bans = status?.bans.map(({ node }) => node) ?? [];
      for (const node of this.#owed.get(machine.self) ?? [])
        if (!bans.includes(node)) found.push(`${name} heard ${this.#nameOf(node)} contradict itself and did not ban it`);
    }
    const banned = this.#honest().map(({ custody }) => custody?.status().bans.map(({ node }) => node).join());
    if (new Set(banned).size > 1) found.push("honest nodes disagree about bans");
    if (this.#scenario.keygen) found.push(...this.#keysApart());
    return found;
  }

  #keysApart(): readonly string[] {
    const wallets = this.#machines.map(({ node }) => (node?.wallet ? toHex(node.wallet.keyId) : "none"));
    const same = new Set(wallets).size === 1 && !wallets.includes("none");
    return same ? [] : [`wallets: ${wallets.map((id) => id.slice(0, 8)).join(", ")}`];
  }

  async #complain(): Promise<void> {
    for (const { wish, answers, refused } of this.#clients)
      if (wish.node !== this.#scenario.liar?.node && answers.size === 0 && refused === null)
        this.#violations.push(`not over: the client of ${wish.name} has no answer`);
    for (const what of await this.#unfinished()) this.#violations.push(`not over: ${what}`);
  }

  async #endings(): Promise<ReadonlyMap<string, number>> {
    const endings = new Map<string, number>();
    for (const { wish, answers, refused } of this.#clients) {
      const [id] = answers;
      const row = id === undefined ? undefined : await this.#machines[wish.node]!.store.transactions.get(id);
      const ending = row?.state ?? (refused === null ? "unanswered" : "refused");
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    }
    return endings;
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

const REFUSALS = [AddressError, InsufficientFunds, FeeTooHigh, FeeTooLow, OutputBelowDust, TooManyInputs];

/** What a node may report without anything being wrong with it. */
const EXPECTED_PROBLEMS = ["ChainUnreachable", "ChainRefused", "the chain refused"];

/** Where contradictions convict: a vote's slot, or the place that an envelope of a handshake or session fills. */
function slotHeard({ header, body }: Envelope): string | null {
  if (header.kind === "vote") {
    const { vote } = signedVoteCodec.decode(body);
    return vote.voter === header.sender ? `vote ${vote.voter} ${toHex(vote.request)} ${vote.revision}.${vote.round}` : null;
  }
  const { kind, sender, receiver, request, ssid, attempt, round } = header;
  if (!["setup", "ack", "begin", "step/broadcast", "step/direct", "step/echo"].includes(kind)) return null;
  return `${kind} ${sender} ${receiver} ${request && toHex(request)} ${ssid && toHex(ssid)} ${attempt} ${round}`;
}

function contradict(a: Envelope, b: Envelope): boolean {
  if (a.header.kind !== "vote") return toHex(a.wire) !== toHex(b.wire);
  return contradicts(signedVoteCodec.decode(a.body).vote, signedVoteCodec.decode(b.body).vote);
}

/** What an envelope is about, in few words. */
const title = ({ header: { kind, request, attempt, round, ssid } }: Envelope): string =>
  [kind, request && toHex(request).slice(0, 8), round, attempt > 0 || kind === "setup" ? `attempt ${attempt}` : "", ssid && `in ${toHex(ssid).slice(0, 6)}`]
    .filter((part) => part !== null && part !== "")
    .join(" ");

/** A notice as one line. */
function describe(notice: Notice): string {
  const fields = Object.entries(notice).flatMap(([name, value]): string[] => {
    if (name === "kind") return [];
    if (value instanceof Uint8Array) return value.length <= 32 ? [`${name}=${toHex(value).slice(0, 8)}`] : [];
    if (Array.isArray(value)) return [`${name}=[${value.map((item) => (typeof item === "string" ? item.slice(0, 8) : JSON.stringify(item))).join()}]`];
    return [`${name}=${String(value).slice(0, 90)}`];
  });
  return `${notice.kind} ${fields.join(" ")}`;
}
