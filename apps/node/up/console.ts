/** What the user of a running local network types: stop and start nodes, mine, and see what follows. */
import { createInterface } from "node:readline";
import { viewKey } from "@conclave/custody";
import { ACCOUNTS, TRANSACTION_STATES, type Notice } from "@conclave/node";
import type { LocalNetwork } from "./folder.ts";
import type { LocalCluster } from "./local-cluster.ts";
import type { Notices } from "./notices.ts";
import type { Progress } from "./progress.ts";

const HELP = "stop NAME · start NAME · fund taproot|segwit · mine · status · help";
/** What the faucet gives on request. */
const FAUCET_SATS = 10_000_000n;

/** States of a payment worth a line. */
const TOLD = new Set([
  "approved",
  "signing",
  "signed",
  "broadcasting",
  "confirmed",
  "rejected",
  "unresolved",
  "failed",
]);

/** Payments whose last line is remembered; of an older one the next block would be told again. */
const MAX_TOLD = 4_096;

const MESSAGES_TOLD = new Set(["approved", "signed", "rejected", "failed", "expired"]);

/** Print payments as they move, and take commands until the returned function is called. */
export function attend(network: LocalNetwork, running: LocalCluster, notices: Notices, progress: Progress): () => void {
  const told = new Told();
  const stopListening = notices.listen((node, notice) => tell({ network, running, progress, told }, node, notice));
  if (!process.stdin.isTTY) return stopListening;
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    obey(network, running, line.trim(), progress).catch((error: unknown) => {
      progress.say(error instanceof Error ? error.message : String(error));
    });
  });
  return () => {
    lines.close();
    stopListening();
  };
}

type Moved = Extract<Notice, { kind: "state" }>;

/** What was last said of each payment, and by whom. */
class Told {
  readonly #last = new Map<string, { readonly state: Moved["state"]; readonly node: number }>();

  /**
   * Whether it is news: nodes tell of every block on top of a payment, and one that takes over tells what others told before it.
   * Of a payment that was confirmed before anybody listened, nothing is.
   */
  isNews(node: number, { request, state, confirmations }: Moved): boolean {
    const last = this.#last.get(request);
    if (last?.state === state || (last !== undefined && last.node !== node && !isLater(state, last.state)))
      return false;
    this.#last.set(request, { state, node });
    if (this.#last.size > MAX_TOLD) this.#last.delete(this.#last.keys().next().value!);
    return last !== undefined || state !== "confirmed" || confirmations <= 1;
  }
}

const isLater = (state: Moved["state"], than: Moved["state"]): boolean =>
  TRANSACTION_STATES.indexOf(state) > TRANSACTION_STATES.indexOf(than);

interface Listener {
  readonly network: LocalNetwork;
  readonly running: LocalCluster;
  readonly progress: Progress;
  readonly told: Told;
}

/** One voice for all nodes: the first that runs. */
function tell({ network, running, progress, told }: Listener, node: number, notice: Notice): void {
  const voice = running.speakers.findIndex((candidate) => candidate !== null);
  if (notice.kind === "violation") progress.say(`${network.names[node]} bans a node: ${notice.violation}`);
  if (notice.kind === "sealed") progress.say(`${network.names[node]}: ${notice.reason}`);
  if (node === voice) tellOfMessages(notice, progress);
  if (node !== voice || notice.kind !== "state" || !TOLD.has(notice.state)) return;
  if (!told.isNews(node, notice)) return;
  const because = notice.reason === null ? "" : ` (${notice.reason})`;
  progress.say(`payment ${notice.request.slice(0, 8)} ${notice.state}${because}`);
}

function tellOfMessages(notice: Notice, progress: Progress): void {
  if (notice.kind === "message" && MESSAGES_TOLD.has(notice.state)) {
    const because = notice.reason === null ? "" : ` (${notice.reason})`;
    progress.say(`message ${notice.request.slice(0, 8)} ${notice.state}${because}`);
  }
  if (notice.kind === "keyActive" && viewKey(notice.record).purpose === "messages")
    progress.say(`a key for messages is ready: "conclave keys" shows it`);
}

async function obey(network: LocalNetwork, running: LocalCluster, line: string, progress: Progress): Promise<void> {
  const [command = "", name = ""] = line.split(/\s+/);
  if (command === "") return;
  if (command === "mine") return running.mine();
  if (command === "status") return showStatus(running, progress);
  if (command === "fund") return fund(running, name, progress);
  const index = network.names.indexOf(name);
  if ((command !== "stop" && command !== "start") || index < 0) {
    return progress.say(`${HELP}; names: ${network.names.join(", ")}`);
  }
  if (command === "start") await running.startNode(index);
  else if (running.speakers.filter((node) => node !== null).length === 1)
    return progress.say("the last node stays up: Ctrl-C stops it");
  else await running.stopNode(index);
  return showStatus(running, progress);
}

async function fund({ voice, chain }: LocalCluster, name: string, progress: Progress): Promise<void> {
  const account = ACCOUNTS.find((known) => known === name);
  const view = account === undefined ? null : await voice.account(account);
  if (account === undefined) return progress.say(`fund ${ACCOUNTS.join(" or fund ")}`);
  if (view === null) return progress.say(`the ${account} key is not made yet`);
  chain.faucet(view.address, FAUCET_SATS);
  progress.say(`${FAUCET_SATS} sat to ${view.address}`);
}

async function showStatus(running: LocalCluster, progress: Progress): Promise<void> {
  const { status, reasons } = await running.voice.cluster();
  progress.say(`${status}${reasons.length > 0 ? `: ${reasons.join("; ")}` : ""}`);
}
