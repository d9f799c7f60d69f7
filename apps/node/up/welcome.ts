/** What to try next, told to the user of a network that has just come up. */
import { printDescriptor, RECEIVE } from "@conclave/bitcoin";
import { ACCOUNTS } from "@conclave/node";
import type { Folder, LocalNetwork } from "./folder.ts";
import type { RunningNetwork } from "./network.ts";
import type { Progress } from "./progress.ts";

export interface WelcomeParts {
  readonly folder: Folder;
  readonly network: LocalNetwork;
  readonly running: RunningNetwork;
  readonly address: string;
  readonly progress: Progress;
}

/** Commands that work as they stand, with this network's address and folder in them. */
export function welcome({ folder, network, running, address, progress }: WelcomeParts): void {
  const [api, last] = [running.apiUrl(0), running.apiUrl(network.names.length - 1)];
  const endpoint = api === "http://127.0.0.1:8080" ? "" : ` --api-endpoint ${api}`;
  const flags = `${endpoint}${folder.root === ".conclave" ? "" : ` --data ${folder.root}`}`;
  const name = network.names.at(-1)!;
  const spare = network.names.length - Math.max(network.threshold, network.quorum);
  const hands = process.stdin.isTTY
    ? `Here, type "stop ${name}" or "start ${name}" and Enter: ${spare === 0 ? "payments" : `payments go on without ${counted(spare)}, and`} wait without ${counted(spare + 1)}.\n`
    : "";
  progress.say(`
The network is up. Every node has an API of its own: ${api} to ${last} (described at ${api}/openapi.json).
The wallet's accounts:

${accountsOf(running)}

In another terminal, in this folder:

  npx conclave wallet balance${flags}
  npx conclave send --to ${address} --amount 10000${flags}
  npx conclave tx list${flags}
  npx conclave cluster status${flags}

Payments are mined as they come; the chain's Esplora API is at ${running.esploraUrl}.
${hands}Ctrl-C stops everything; the next start goes on from here.
`);
}

/** Each account's first address and the descriptor that watches all of them. */
const accountsOf = ({ speaker }: RunningNetwork): string =>
  ACCOUNTS.map((name) => {
    const account = speaker.account(name);
    if (account === null) return `  ${name.padEnd(8)}being made in the background`;
    const { address } = account.script(RECEIVE, 0);
    return `  ${name.padEnd(8)}${address}\n          ${printDescriptor(account.wallet)}`;
  }).join("\n");

const counted = (nodes: number): string => (nodes === 1 ? "one node" : `${nodes} nodes`);
