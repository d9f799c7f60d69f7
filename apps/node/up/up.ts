/**
 * `conclave up`: the whole product on one machine. Nodes come up, make a key that none of them holds, get coins from the
 * chain's faucet, approve a payment, sign it and see it confirmed; then the network stays up for its user.
 */
import { randomUUID } from "node:crypto";
import { sats } from "@conclave/bitcoin";
import { DEMO_RECIPIENT } from "./recipient.ts";
import {
  FolderUnusable,
  createNetwork,
  eraseNetwork,
  folderAt,
  readNetwork,
  type Folder,
  type LocalNetwork,
} from "./folder.ts";
import { RunningNetwork } from "./network.ts";
import { attend } from "./console.ts";
import { Notices } from "./notices.ts";
import { startProgress, type Progress } from "./progress.ts";
import { toHex } from "@conclave/bytes";
import type { HttpLog } from "../http/index.ts";

export interface UpOptions {
  readonly names: readonly string[];
  readonly threshold: number;
  readonly quorum: number;
  readonly data: string;
  readonly portBase: number;
  /** True if names and threshold were chosen by flags: they have to agree with an existing network. */
  readonly chosen: boolean;
  readonly fresh: boolean;
  readonly once: boolean;
  readonly json: boolean;
}

const FAUCET_COINS = 2;
const FAUCET_SATS = 50_000_000n;
const DEMO_SATS = 25_000n;

/** Resolves with the exit code: at once with `once`, else when the user ends it. */
export async function up(options: UpOptions): Promise<number> {
  const progress = startProgress({ json: options.json, startMs: 0 });
  const folder = folderAt(options.data);
  const network = openFolder(folder, options, progress);
  const notices = new Notices();
  const running = await RunningNetwork.start({
    folder,
    network,
    portBase: options.portBase,
    log: quietLog,
    notify: notices.publish,
  });
  const interrupted = untilInterrupted();
  const stopMining = mineAsTheyCome(running, notices);
  try {
    const n = network.names.length;
    progress.phase("nodes up", `${network.names.join(", ")}: ${network.threshold} of ${n} sign`, {
      nodes: network.names,
      threshold: network.threshold,
      quorum: network.quorum,
      apis: network.names.map((_, i) => running.apiUrl(i)),
      esplora: running.esploraUrl,
    });
    const outcome = await Promise.race([mainJob(options, network, running, notices, progress), interrupted]);
    if (outcome === "interrupted") return 130;
    if (options.once) {
      if (options.json) console.log(JSON.stringify({ ok: true, ...outcome, timings: progress.timings() }));
      else
        progress.say(
          `\nDone in ${(progress.timings()["total"]! / 1_000).toFixed(1)} s. The network's data is in ${folder.root}.`,
        );
      return 0;
    }
    explain(folder, network, running, outcome.address, progress);
    const leave = attend(network, running, notices, progress);
    await interrupted;
    leave();
    progress.say("\nStopping the nodes …");
    return 0;
  } finally {
    stopMining();
    await running.stop();
  }
}

function openFolder(folder: Folder, options: UpOptions, progress: Progress): LocalNetwork {
  const existing = readNetwork(folder);
  if (existing !== null && options.fresh) eraseNetwork(folder, existing.names);
  if (existing !== null && !options.fresh) {
    const same =
      existing.names.join() === options.names.join() &&
      existing.threshold === options.threshold &&
      existing.quorum === options.quorum;
    if (options.chosen && !same) {
      throw new FolderUnusable(
        `${folder.root} holds a network of ${existing.names.join(", ")} with threshold ${existing.threshold}: ` +
          `leave the options out to go on with it, choose another folder with --data, or start over with --fresh`,
      );
    }
    progress.detail(`going on with the network in ${folder.root}`);
    return existing;
  }
  const network: LocalNetwork = {
    version: 1,
    cluster: "local",
    names: [...options.names].toSorted(),
    threshold: options.threshold,
    quorum: options.quorum,
    network: "regtest",
    genesis_ms: Date.now(),
  };
  createNetwork(folder, network);
  progress.detail(
    `made a vault password and an API token, readable by you only: ${folder.passwordFile}, ${folder.tokenFile}`,
  );
  return network;
}

interface Outcome {
  readonly address: string;
  readonly txid: string;
  readonly confirmations: number;
  readonly signers: readonly string[];
}

/** Key, address, coins, payment. What exists already from an earlier start is not made again. */
async function mainJob(
  options: UpOptions,
  network: LocalNetwork,
  running: RunningNetwork,
  notices: Notices,
  progress: Progress,
): Promise<Outcome> {
  await makeKey(running, notices, progress);
  const first = running.speaker;
  const wallet = first.wallet!;
  const { address } = await wallet.address();
  progress.phase("wallet", address, { address, key: toHex(wallet.keyId) });

  const { spendable } = await first.balance();
  if (spendable < DEMO_SATS * 2n) {
    for (let i = 0; i < FAUCET_COINS; i++) running.chain.faucet(address, FAUCET_SATS);
    const { confirmed } = await first.balance();
    progress.phase("faucet", `${Number(confirmed) / 1e8} BTC of regtest coins`, { confirmed_sats: Number(confirmed) });
  }
  const seen = await first.payments();
  if (seen > 0 && !options.once) return { address, txid: "", confirmations: 0, signers: [] };
  return pay(network, running, notices, progress, address);
}

async function makeKey(running: RunningNetwork, notices: Notices, progress: Progress): Promise<void> {
  const active = new Set(running.nodes.flatMap((running, i) => (running?.node.wallet ? [i] : [])));
  if (active.size === running.nodes.length)
    return progress.phase("key", "the key of the earlier start, certified by every node");
  const everybody = notices.first("the key generation", (node, notice) => {
    if (notice.kind === "progress" && node === 0) progress.detail(`round ${notice.round}`);
    if (notice.kind === "aborted" && node === 0) progress.detail(`${notice.reason}; trying again`);
    if (notice.kind !== "keyActive") return undefined;
    active.add(node);
    return active.size === running.nodes.length ? true : undefined;
  });
  await running.speaker.requestWalletKey();
  await everybody;
  progress.phase("key", `made by ${running.nodes.length} nodes together, certified by all, held by none`, {
    scheme: "frost-secp256k1-taproot",
  });
}

async function pay(
  network: LocalNetwork,
  running: RunningNetwork,
  notices: Notices,
  progress: Progress,
  address: string,
): Promise<Outcome> {
  const node = running.speaker;
  const nameOf = (id: string): string => names.find((entry) => entry.id === id)?.name ?? id.slice(0, 8);
  const names = await node.nodes();
  let request = "";
  let signers: readonly string[] = [];
  const stop = notices.listen((from, notice) => {
    if (from !== 0) return;
    if (notice.kind === "voted") progress.detail(`${nameOf(notice.voter)} votes ${notice.value ? "yes" : "no"}`);
    if (notice.kind === "begun") {
      signers = notice.signers.map(nameOf);
      progress.detail(`signers ${signers.join(", ")}`);
    }
    if (notice.kind === "aborted") progress.detail(`${notice.reason}; trying again`);
    if (notice.kind === "problem") progress.detail(notice.message);
  });
  const state = (wanted: readonly string[]): Promise<string> =>
    notices.first(`the payment's ${wanted.join("/")}`, (from, notice) => {
      if (from !== 0 || notice.kind !== "state" || (request !== "" && notice.request !== request)) return undefined;
      if (FAILED.has(notice.state)) return `failed: ${notice.reason ?? notice.state}`;
      return wanted.includes(notice.state) ? notice.state : undefined;
    });
  try {
    const approved = state(["approved", "signing", "signed", "broadcasting", "confirmed"]);
    const signed = state(["signed", "broadcasting", "confirmed"]);
    const broadcast = state(["broadcasting", "confirmed"]);
    const confirmed = state(["confirmed"]);
    request = await node.createPayment({
      recipient: DEMO_RECIPIENT,
      amount: sats(DEMO_SATS),
      feeRate: null,
      metadata: null,
      idempotencyKey: randomUUID(),
    });
    progress.phase("proposed", `${DEMO_SATS} sat to ${DEMO_RECIPIENT}`, { request });
    failOn(await approved);
    progress.phase("approved", `${network.quorum} of ${network.names.length} votes`);
    failOn(await signed);
    progress.phase("signed", `by ${signers.join(", ")}`, { signers });
    failOn(await broadcast);
    progress.phase("broadcast", "accepted by the chain");
    failOn(await confirmed);
    const { bitcoinTxid, confirmations } = await node.payment(request);
    progress.phase("confirmed", `transaction ${bitcoinTxid}`, { txid: bitcoinTxid, confirmations });
    return { address, txid: bitcoinTxid ?? "", confirmations, signers };
  } finally {
    stop();
  }
}

const FAILED: ReadonlySet<string> = new Set([
  "rejected",
  "failed",
  "unresolved",
  "aborted_byzantine",
  "aborted_timeout",
]);

/** The payment ended in a state it should not have ended in. */
class PaymentFailed extends Error {
  override readonly name = "PaymentFailed";
}

function failOn(state: string): void {
  if (state.startsWith("failed: "))
    throw new PaymentFailed(`the payment did not go through: ${state.slice("failed: ".length)}`);
}

function explain(
  folder: Folder,
  network: LocalNetwork,
  running: RunningNetwork,
  address: string,
  progress: Progress,
): void {
  const [api, last] = [running.apiUrl(0), running.apiUrl(network.names.length - 1)];
  const endpoint = api === "http://127.0.0.1:8080" ? "" : ` --api-endpoint ${api}`;
  const flags = `${endpoint}${folder.root === ".conclave" ? "" : ` --data ${folder.root}`}`;
  const name = network.names.at(-1)!;
  progress.say(`
The network is up. Every node has an API of its own: ${api} to ${last} (described at ${api}/openapi.json).
In another terminal, in this folder:

  npx conclave wallet balance${flags}
  npx conclave send --to ${address} --amount 10000${flags}
  npx conclave tx list${flags}
  npx conclave cluster status${flags}

Payments are mined as they come; the chain's Esplora API is at ${running.esploraUrl}.
Here, type "stop ${name}" or "start ${name}" and Enter: the others go on without one node, and wait without two.
Ctrl-C stops everything; the next start goes on from here.
`);
}

/** A block for every payment that reaches the chain, as soon as it does. */
function mineAsTheyCome(running: RunningNetwork, notices: Notices): () => void {
  let waiting = false;
  return notices.listen((_node, notice) => {
    if (notice.kind !== "state" || notice.state !== "broadcasting" || notice.confirmations > 0 || waiting) return;
    waiting = true;
    setImmediate(() => {
      waiting = false;
      running.mine();
    });
  });
}

function untilInterrupted(): Promise<"interrupted"> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve("interrupted"));
    process.once("SIGTERM", () => resolve("interrupted"));
  });
}

const quietLog: HttpLog = { info: () => {}, error: (fields, message) => console.error(message, fields) };
