/**
 * `conclave up`: the whole product on one machine. Nodes come up, make a key that none of them holds, get coins from the
 * chain's faucet, approve a payment, sign it and see it confirmed; then they make the key of the wallet's other account, and
 * the network stays up for its user.
 */
import type { TransportName } from "@conclave/consensus";
import type { HttpLog } from "../http/index.ts";
import { isFounded, nodeFolderAt, readCharter } from "../cluster/node-folder.ts";
import { attend } from "./console.ts";
import { tellPrograms } from "./events.ts";
import { lockFolder } from "./folder-lock.ts";
import {
  createNetwork,
  eraseNetwork,
  folderAt,
  FolderUnusable,
  hasStarted,
  readNetwork,
  type Folder,
  type LocalNetwork,
} from "./folder.ts";
import { firstPayment } from "./first-payment.ts";
import type { LocalCluster } from "./local-cluster.ts";
import { mineAsTheyCome } from "./mining.ts";
import { RunningNetwork } from "./network.ts";
import { Notices } from "./notices.ts";
import { checkPorts } from "./ports.ts";
import { putBack, refuseSettings, takeConfigs, type Services } from "./node-configs.ts";
import { startProgress, type Progress } from "./progress.ts";
import { secondAccount, type SecondAccount } from "./second-account.ts";
import { tellTroubles } from "./troubles.ts";
import { welcome } from "./welcome.ts";

/** What a network is made with; sorted names. */
export interface Shape {
  readonly names: readonly string[];
  readonly threshold: number;
  readonly quorum: number;
}

export interface UpOptions {
  /** For a new network. */
  readonly shape: Shape;
  /** What flags chose of it: an existing network has to agree. */
  readonly asked: { readonly [K in keyof Shape | "nodes"]: (Shape & { readonly nodes: number })[K] | undefined };
  readonly data: string;
  readonly portBase: number;
  readonly fresh: boolean;
  readonly once: boolean;
  readonly json: boolean;
  /** Whether the nodes sign hashes whose preimage they do not see. */
  readonly allowDigests: boolean;
  /**
   * The network between nodes in processes of their own: the one that they agreed on when they were founded, or this one, which
   * has to be the same. Null for nodes in this process.
   */
  readonly transport: TransportName | "agreed" | null;
  /** Servers beside the nodes; for nodes in processes of their own. */
  readonly services: Services;
  /** Whether a segwit key is made, and whether its account is given coins. */
  readonly segwit: "none" | "empty" | "funded";
}

/** Exit code of a command that was interrupted before it was done: 128 and SIGINT's number, as shells count. */
const INTERRUPTED = 130;

/**
 * Resolves with the exit code: at once with `once`, else when the user ends it. Throws `InUse`, `FolderUnusable`,
 * `PortTaken`, `CustodyNotOpened`, `PhaseTimeout`, `PaymentFailed`.
 */
export async function up(options: UpOptions): Promise<number> {
  const interrupted = untilInterrupted();
  const progress = startProgress({ json: options.json, startMs: 0 });
  const folder = folderAt(options.data);
  const lock = lockFolder(folder.root);
  let isNew = false;
  let taken: ReadonlyMap<string, string> = new Map();
  try {
    const existing = options.fresh ? null : existingNetwork(folder, options.asked);
    const { names } = existing ?? options.shape;
    const transport =
      options.transport === "agreed" ? agreedTransport(options.fresh ? null : folder, names) : options.transport;
    await checkPorts(options.portBase, names.length, transport);
    isNew = existing === null;
    if (options.fresh) eraseNetwork(folder);
    taken = takeConfigs(folder, names);
    const network = existing ?? makeNetwork(folder, options.shape, progress);
    if (existing !== null) progress.detail(`going on with the network in ${folder.root}`);
    return await run(options, { folder, network, transport, progress, interrupted });
  } catch (error) {
    // A first start that failed before its nodes were up leaves nothing behind; one that got further is gone on with.
    if (isNew && !hasStarted(folder)) {
      eraseNetwork(folder);
      putBack(taken);
    }
    throw error;
  } finally {
    lock.release({ remove: lock.made && !hasStarted(folder) });
  }
}

/** The network in the folder, if there is one. Throws `FolderUnusable` if it is not the one that was asked for. */
function existingNetwork(folder: Folder, asked: UpOptions["asked"]): LocalNetwork | null {
  const existing = readNetwork(folder);
  if (existing === null) return null;
  const { names, threshold, quorum } = existing;
  const agrees =
    (asked.names ?? names).join() === names.join() &&
    (asked.nodes ?? names.length) === names.length &&
    (asked.threshold ?? threshold) === threshold &&
    (asked.quorum ?? quorum) === quorum;
  if (agrees) return existing;
  throw new FolderUnusable(
    `${folder.root} holds a network of ${names.join(", ")} with threshold ${threshold} and quorum ${quorum}: ` +
      "leave the options out to go on with it, choose another folder with --data, or start over with --fresh",
  );
}

function makeNetwork(folder: Folder, shape: Shape, progress: Progress): LocalNetwork {
  const network: LocalNetwork = {
    version: 1,
    cluster: "local",
    ...shape,
    names: [...shape.names],
    network: "regtest",
    genesis_ms: Date.now(),
  };
  createNetwork(folder, network);
  progress.detail(`made a vault password and an API token, readable by you only, in ${folder.root}`);
  return network;
}

interface Place {
  readonly folder: Folder;
  readonly network: LocalNetwork;
  readonly transport: TransportName | null;
  readonly progress: Progress;
  readonly interrupted: Promise<typeof INTERRUPTED>;
}

async function run(options: UpOptions, { folder, network, transport, progress, interrupted }: Place): Promise<number> {
  const { names, threshold, quorum } = network;
  const { portBase, allowDigests, services } = options;
  if (transport === null) refuseSettings(folder, network);
  const notices = new Notices();
  const where = transport === null ? "" : `, each in a process of its own, over ${transport}`;
  progress.detail(`opening the vaults, journals and histories of ${names.length} nodes${where}`);
  const parts = { folder, network, portBase, allowDigests, notify: notices.publish };
  const running: LocalCluster =
    transport === null
      ? await RunningNetwork.start({ ...parts, log: quietLog })
      : await (await import("./process-network.ts")).ProcessNetwork.start({ ...parts, transport, services });
  const stopMining = mineAsTheyCome(running, notices);
  const stopTelling = tellTroubles({ network, running, progress, hands: process.stdin.isTTY && !options.once });
  try {
    progress.phase("nodes up", `${names.join(", ")}: ${threshold} of ${names.length} sign`, {
      nodes: names,
      threshold,
      quorum,
      apis: names.map((_, i) => running.apiUrl(i)),
      esplora: running.esploraUrl,
      pids: running.pids,
    });
    const job = firstPayment({ network, running, notices, progress, always: options.once });
    const outcome = await Promise.race([job, interrupted]);
    if (outcome === INTERRUPTED) {
      progress.say("\nStopping the nodes …");
      return INTERRUPTED;
    }
    const total = progress.timings()["total"];
    if (options.json && !options.once) tellPrograms(network, notices, progress);
    const fund = options.segwit === "funded";
    const wanted = options.segwit !== "none" || (await running.voice.account("segwit")) !== null;
    const second = wanted ? secondAccount({ running, notices, progress, fund }) : null;
    if (options.once) {
      const segwit = await Promise.race([second, interrupted]);
      if (segwit === INTERRUPTED) return INTERRUPTED;
      // The total is that of the first payment, which does not wait for the segwit key.
      const timings = { ...progress.timings(), total };
      if (options.json) console.log(JSON.stringify({ ok: true, ...outcome, segwit, timings }));
      progress.say(`\nDone in ${seconds(total)} s. The network is in ${folder.root}.`);
      return 0;
    }
    await welcome({ folder, network, running, address: outcome.address, progress });
    const until = new AbortController();
    const isNew = (await running.voice.account("segwit")) === null;
    if (second !== null) tellWhenMade(second, progress, { stopped: until.signal, isNew });
    const leave = attend(network, running, notices, progress);
    await interrupted;
    until.abort();
    leave();
    progress.say("\nStopping the nodes …");
    return 0;
  } finally {
    stopMining();
    stopTelling();
    await running.stop();
  }
}

const DEFAULT_TRANSPORT: TransportName = "quic";

/** What the nodes in the folder talk over; the default for nodes that are still to be founded. */
function agreedTransport(folder: Folder | null, names: readonly string[]): TransportName {
  const founded = folder && names.map((name) => nodeFolderAt(folder.nodeDir(name))).find(isFounded);
  return founded ? readCharter(founded.charterFile).charter.transport : DEFAULT_TRANSPORT;
}

/** Beside what the user does: the network runs without it. */
function tellWhenMade(
  second: Promise<SecondAccount>,
  progress: Progress,
  { stopped, isNew }: { readonly stopped: AbortSignal; readonly isNew: boolean },
): void {
  const say = (text: string): void => {
    if (!stopped.aborted) progress.say(text);
  };
  second.then(
    ({ address }) => isNew && say(`The segwit account is ready: pay to ${address}, or spend with --account segwit.`),
    (error: unknown) => say(`The segwit key is not made: ${error instanceof Error ? error.message : String(error)}`),
  );
}

const seconds = (ms = 0): string => (ms / 1_000).toFixed(1);

/** The first signal lets everything end in order; a second one ends the process at once, as signals do. */
function untilInterrupted(): Promise<typeof INTERRUPTED> {
  return new Promise((resolve) => {
    const signals = ["SIGINT", "SIGTERM"] as const;
    const first = (): void => {
      for (const signal of signals) process.off(signal, first);
      resolve(INTERRUPTED);
    };
    for (const signal of signals) process.on(signal, first);
  });
}

const quietLog: HttpLog = { info: () => {}, error: (fields, message) => console.error(message, fields) };
