/**
 * A node's machine: disks that stay, and a process that can end at any moment. What a dead process waited for never comes,
 * so nothing of it goes on; what it had written is there when the next one starts.
 */
import { messageCoordination } from "./coordination.ts";
import { toHex } from "@conclave/bytes";
import { deriveScript, type WalletScript } from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import { seededRng } from "@conclave/crypto/testing";
import { seededDice } from "@conclave/protocol/testing";
import {
  Custody,
  inlineCustody,
  type CustodyEvent,
  type CustodyPort,
  type CustodySettings,
  type Journal,
  type SigningScheme,
} from "@conclave/custody";
import { memoryJournal, memoryVault, type JournalDisk, type VaultDisk } from "@conclave/custody/testing";
import type { Notice } from "../context.ts";
import { ConclaveNode } from "../node.ts";
import type { Clock, Ledger, Transport } from "../ports.ts";
import { StoreUnavailable } from "../store/outcome.ts";
import type { Store } from "../store/port.ts";
import type { Timings } from "../timings.ts";
import type { VirtualClock } from "./clock.ts";
import { disksOf, type Belongings, type Committee } from "./committee.ts";
import { engine, schemes } from "./engine.ts";
import { SimulatedChain, type ServerFaults } from "./chain.ts";
import { lyingChain, type ChainLie } from "./chain-lies.ts";
import { lyingCoordination, type CoordinationFaults, type CoordinationLie } from "./lying-coordination.ts";
import { memoryStore, type MemoryStore } from "./memory-store.ts";
import type { SimulatedNetwork } from "./network.ts";

/** How a process ends at one of its own writes. */
export type WriteFault =
  /** Killed before, or just after, the record is on disk. */
  | "killed before append"
  | "killed after append"
  /** The write fails; whether its bytes are there afterwards is not known. */
  | "append failed, nothing stored"
  | "append failed, yet stored";

export interface MachineObserver {
  /** What a custody answered, as it leaves for the host. */
  readonly said: (node: NodeId, events: readonly CustodyEvent[]) => void;
  /** An envelope was handed to a custody. */
  readonly heard: (node: NodeId, wire: Uint8Array) => void;
  readonly noticed: (node: NodeId, notice: Notice) => void;
  readonly died: (node: NodeId, reason: string) => void;
  /** A service of this node's lied to it. */
  readonly lied: (lie: ChainLie | CoordinationLie) => void;
}

export interface MachineParts {
  readonly committee: Committee;
  readonly self: NodeId;
  readonly seed: string;
  readonly clock: VirtualClock;
  readonly network: SimulatedNetwork;
  readonly chain: SimulatedChain;
  readonly genesisMs: number;
  readonly timings: Timings;
  readonly requiredConfirmations: number;
  readonly observer: MachineObserver;
  /** What this node's operator decided otherwise than the others. */
  readonly settings?: Partial<Omit<CustodySettings, "roster">>;
  /** What a liar's custody runs instead of a scheme. */
  readonly schemeProxy?: (scheme: SigningScheme) => SigningScheme;
  /** Stands between the node and its custody, and between the node and the network: where a liar lies. */
  readonly custodyProxy?: (port: CustodyPort) => CustodyPort;
  readonly transportProxy?: (transport: Transport) => Transport;
}

/** One process. Its parts ask it before they go on. */
interface Life {
  alive: boolean;
}

export class Machine {
  readonly self: NodeId;
  readonly server: ServerFaults = { unreachable: false, blocksBehind: 0, forgetful: false };
  /** How its chain server lies at the moment; null while it does not. */
  chainLie: ChainLie | null = null;
  /** How its coordination lies at the moment. */
  readonly coordination: CoordinationFaults = { lies: new Set(), reveal: () => {} };
  /** Until when its store cannot be reached, by the clock of all; 0 while it can. */
  storeAwayUntilMs = 0;
  /** Calls of its store that failed for that reason. */
  storeRefusals = 0;
  skewMs = 0;
  /** Weaknesses that no machine may have; for tests of those who watch. */
  weakness: "none" | "randomness repeats after a restart" | "appends are not stored" | "promises go with the power" =
    "none";
  readonly #parts: MachineParts;
  readonly #vault: VaultDisk;
  readonly #journal: JournalDisk;
  #store: MemoryStore = memoryStore();
  #life: Life = { alive: false };
  #boots = 0;
  #node: ConclaveNode | null = null;
  #custody: Custody | null = null;
  #endpoint: { drop(): void } | null = null;
  #writeFault: { at: number; readonly kind: WriteFault; readonly done: () => void } | null = null;
  #storeFault: { at: number; readonly done: () => void } | null = null;

  constructor(parts: MachineParts, belongings: Belongings) {
    this.#parts = parts;
    this.self = parts.self;
    const { vault, journal } = disksOf(belongings);
    this.#vault = vault;
    this.#journal = journal;
  }

  /** The running node; null while the machine is down. */
  get node(): ConclaveNode | null {
    return this.#node;
  }

  /** What the running custody knows; null while the machine is down. */
  get custody(): Custody | null {
    return this.#life.alive ? this.#custody : null;
  }

  /** Promises on this machine's disk. */
  get promises(): readonly Uint8Array[] {
    return this.#journal.records;
  }

  /** Names of what this machine's vault holds. */
  get holdings(): readonly string[] {
    return [...this.#vault.records.keys()];
  }

  get store(): Store {
    return this.#store;
  }

  boot(): void {
    if (this.#life.alive) return;
    const life: Life = { alive: true };
    this.#life = life;
    this.#boots += 1;
    const { committee, seed, self, network, chain, observer, genesisMs } = this.#parts;
    const settings = { ...committee.settings, ...this.#parts.settings };
    const custody = new Custody({
      engine,
      vault: memoryVault(this.#vault),
      journal: this.#mortalJournal(memoryJournal(this.#journal)),
      rng: seededRng(`${seed}/${self}/${this.weakness === "randomness repeats after a restart" ? 1 : this.#boots}`),
      schemes: schemes.map((scheme) => this.#parts.schemeProxy?.(scheme) ?? scheme),
      settings,
    });
    this.#custody = custody;
    const endpoint = network.join(self);
    this.#endpoint = endpoint;
    const clock = this.#mortalClock(life);
    const { roster, threshold, quorum, rawDigests, policy, burialDepth } = settings;
    const node = new ConclaveNode({
      self,
      roster,
      network: settings.network,
      threshold,
      quorum,
      rawDigests,
      policy,
      burialDepth,
      requiredConfirmations: this.#parts.requiredConfirmations,
      custody: this.#observedCustody(custody, life),
      transport: this.#parts.transportProxy?.(endpoint) ?? endpoint,
      coordination: (messenger) =>
        lyingCoordination({
          inner: messageCoordination(messenger),
          faults: this.coordination,
          dice: seededDice(`coordination/${seed}/${self}/${this.#boots}`),
          clock,
          told: (lie) => observer.lied(lie),
        }),
      store: this.#mortalStore(life),
      chain: mortal(
        lyingChain(
          chain.server(this.server),
          () => this.chainLie,
          (lie) => observer.lied(lie),
        ),
        life,
      ),
      // Its rules are tested where it is; here every signature is checked by the simulation itself.
      secondOpinion: () => [],
      clock,
      ledger: slots(clock, genesisMs),
      timings: this.#parts.timings,
      derive: remembered,
      notify: (notice) => {
        if (life.alive) observer.noticed(self, notice);
      },
    });
    this.#node = node;
    node.start().catch((error: unknown) => {
      if (life.alive) observer.noticed(self, { kind: "problem", message: `start: ${String(error)}` });
    });
  }

  /** The process is gone between two instructions. */
  crash(reason: string): void {
    if (!this.#life.alive) return;
    this.#life.alive = false;
    this.#node = null;
    this.#endpoint?.drop();
    this.#parts.observer.died(this.self, reason);
  }

  /** The next-but-`skip` append to the journal goes wrong like this. */
  failAppend(skip: number, kind: WriteFault, done: () => void): void {
    this.#writeFault = { at: skip, kind, done };
  }

  /** The process dies just after the next-but-`skip` call to its store. */
  dieAtStore(skip: number, done: () => void): void {
    this.#storeFault = { at: skip, done };
  }

  /** No write goes wrong any more. */
  mend(): void {
    this.#writeFault = null;
    this.#storeFault = null;
    this.chainLie = null;
    this.coordination.lies = new Set();
    this.coordination.reveal();
  }

  /** With the process go the store's last writes, which the disk had not taken yet. Promises are on the disk when they are made. */
  loseLastWrites(lost: number): void {
    this.#store.powerCut(lost);
    if (this.weakness === "promises go with the power") this.forgetPromises(Math.max(0, this.promises.length - lost));
  }

  /** One table of the store goes back by some writes, and the others do not: no write of several is whole any more. */
  tearStore(table: number, lost: number): void {
    this.#store.tear(table, lost);
  }

  /** History is lost; promises and shares are not. */
  loseStore(): void {
    this.#store = memoryStore();
  }

  /** Promises after the first `kept` are lost, which no sound disk does. */
  forgetPromises(kept: number): void {
    this.#journal.records = this.#journal.records.slice(0, kept);
  }

  #mortalJournal(journal: ReturnType<typeof memoryJournal>): Journal {
    return {
      read: () => journal.read(),
      close: () => journal.close(),
      append: (records) => {
        const fault = this.#writeFault;
        if (this.weakness === "appends are not stored") return this.#journal.records.length;
        if (fault === null || fault.at-- > 0) return journal.append(records);
        this.#writeFault = null;
        fault.done();
        if (fault.kind === "killed after append") journal.append(records);
        if (fault.kind.startsWith("killed")) {
          this.crash(fault.kind);
          throw new Error("the process was killed");
        }
        journal.failNext(new Error("simulated"), { stored: fault.kind === "append failed, yet stored" });
        return journal.append(records);
      },
    };
  }

  #observedCustody(custody: Custody, life: Life): CustodyPort {
    const port = inlineCustody(custody);
    const { observer, custodyProxy } = this.#parts;
    const spoken = mortal(custodyProxy?.(port) ?? port, life, (answer) => {
      if (Array.isArray(answer)) observer.said(this.self, answer.filter(isEvent));
    });
    const receive: CustodyPort["receive"] = (nowMs, wire) => {
      if (life.alive) observer.heard(this.self, wire);
      return spoken.receive(nowMs, wire);
    };
    return { ...spoken, receive };
  }

  #mortalClock(life: Life): Clock {
    const { clock } = this.#parts;
    return {
      nowMs: () => clock.nowMs() + this.skewMs,
      schedule: (delayMs, fire) =>
        clock.schedule(delayMs, () => {
          if (life.alive) fire();
        }),
    };
  }

  #mortalStore(life: Life): Store {
    const store = this.#store;
    const after = (): void => {
      const fault = this.#storeFault;
      if (fault === null || fault.at-- > 0) return;
      this.#storeFault = null;
      fault.done();
      this.crash("killed after a write to the store");
    };
    const tables = Object.fromEntries(
      Object.entries(store)
        .filter(([, table]) => typeof table === "object")
        .map(([name, table]) => [name, mortal(this.#reachable(table as object), life, after)]),
    );
    const durable = (): Promise<void> => store.durable();
    const whole = { transaction: store.transaction.bind(store), durable, close: () => Promise.resolve() };
    return { ...tables, ...mortal(this.#reachable(whole), life, after) } as unknown as Store;
  }

  /** Every call fails while the store is away, as it does when a database does not come back in its own time. */
  #reachable<Port extends object>(port: Port): Port {
    const methods = Object.entries(port) as [string, (...args: readonly unknown[]) => unknown][];
    const asked = methods.map(([name, method]) => [
      name,
      (...args: readonly unknown[]): unknown => {
        if (this.#parts.clock.nowMs() >= this.storeAwayUntilMs) return method.apply(port, [...args]);
        this.storeRefusals += 1;
        return Promise.reject(new StoreUnavailable("unavailable", "the simulated store is away"));
      },
    ]);
    return Object.fromEntries(asked) as Port;
  }
}

const derived = new Map<string, WalletScript>();

/** Committees live many lives, in which every node derives the same addresses. */
const remembered: typeof deriveScript = (wallet, branch, index) => {
  const key = `${wallet.scriptType} ${toHex(wallet.publicKey)} ${toHex(wallet.chainCode)} ${branch}/${index}`;
  const script = derived.get(key) ?? deriveScript(wallet, branch, index);
  derived.set(key, script);
  return script;
};

const isEvent = (value: unknown): value is CustodyEvent =>
  typeof value === "object" && value !== null && "kind" in value;

/** The cluster's height: seconds since it began. */
const slots = (clock: Clock, genesisMs: number): Ledger => {
  let highest = 0;
  return { height: () => (highest = Math.max(highest, Math.floor((clock.nowMs() - genesisMs) / 1_000))) };
};

/** One for each that waits: what waited for a common one would be kept for ever, and its whole life with it. */
const never = (): Promise<never> => new Promise(() => {});

/** The same port for one process: calls of a dead one do nothing, and what it waited for never comes. */
function mortal<Port extends object>(port: Port, life: Life, answered: (answer: unknown) => void = () => {}): Port {
  const methods = Object.entries(port).filter(([, value]) => typeof value === "function");
  const guarded = methods.map(([name, value]) => {
    const method = value as (...args: readonly unknown[]) => unknown;
    const call = (...args: readonly unknown[]): unknown => {
      if (!life.alive) return never();
      const answer = method.apply(port, [...args]);
      return answer instanceof Promise ? answer.then(given, failed) : answer;
    };
    const given = (value: unknown): unknown => {
      if (!life.alive) return never();
      answered(value);
      return life.alive ? value : never();
    };
    const failed = (error: unknown): unknown => {
      if (!life.alive) return never();
      throw error;
    };
    return [name, call] as const;
  });
  return Object.fromEntries(guarded) as Port;
}
