/** What to try next, told to the user of a network that has just come up. */
import { ACCOUNTS } from "@conclave/node";
import type { Folder, LocalNetwork } from "./folder.ts";
import type { LocalCluster } from "./local-cluster.ts";
import type { Progress } from "./progress.ts";

export interface WelcomeParts {
  readonly folder: Folder;
  readonly network: LocalNetwork;
  readonly running: LocalCluster;
  readonly address: string;
  readonly progress: Progress;
}

/** Commands that work as they stand, with this network's address and folder in them. */
export async function welcome({ folder, network, running, address, progress }: WelcomeParts): Promise<void> {
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

${await accountsOf(running)}

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
const accountsOf = async ({ voice }: LocalCluster): Promise<string> => {
  const lines = ACCOUNTS.map(async (name) => {
    const account = await voice.account(name);
    if (account === null) return `  ${name.padEnd(8)}being made in the background`;
    return `  ${name.padEnd(8)}${account.address}\n          ${account.descriptor}`;
  });
  return (await Promise.all(lines)).join("\n");
};

const counted = (nodes: number): string => (nodes === 1 ? "one node" : `${nodes} nodes`);
