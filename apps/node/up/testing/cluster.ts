/** A local network inside the test's own process: the same parts as `conclave up`, with a hand on the chain and the nodes. */
import { RECEIVE } from "@conclave/bitcoin";
import type { Notice } from "@conclave/node";
import { createNetwork, folderAt, readSecret, type Folder, type LocalNetwork } from "../folder.ts";
import { mineAsTheyCome } from "../mining.ts";
import { RunningNetwork } from "../network.ts";
import { Notices } from "../notices.ts";
import { apiAt, type Api } from "./api.ts";
import { freePortBase, temporaryFolder } from "./places.ts";
import { until } from "./waiting.ts";

export interface Cluster {
  readonly running: RunningNetwork;
  readonly network: LocalNetwork;
  readonly folder: Folder;
  readonly notices: Notices;
  /** Everything that the nodes said, for messages of failed tests. */
  readonly said: string[];
  api(index: number): Api;
  /** Coins of these values from the faucet, each an output of its own. */
  fund(...values: readonly bigint[]): void;
  /** Mine what waits, as soon as it comes, until the returned function is called. */
  startMining(): () => void;
  /** A payment's state on every running node, once they agree on one of `wanted`. */
  agreed(txid: string, wanted: readonly string[], withinMs: number): Promise<string>;
  /** All nodes and the chain again, as after Ctrl-C, with or without the switch. `running` is another one from then on. */
  restart(options: Pick<ClusterOptions, "allowDigests">): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Five, four of which sign; four, three of which sign; or three, two of which sign, where keys with pairwise setups are made. */
  readonly nodes?: 5 | 4 | 3;
  readonly allowDigests?: boolean;
}

/** Nodes with a Taproot key and no coins. */
export async function openCluster({ nodes = 5, allowDigests = false }: ClusterOptions = {}): Promise<Cluster> {
  const temporary = temporaryFolder();
  const folder = folderAt(temporary.path);
  const network: LocalNetwork = {
    version: 1,
    cluster: "local",
    names: Array.from({ length: nodes }, (_, i) => `node${i + 1}`),
    threshold: nodes - 1,
    quorum: nodes - 1,
    network: "regtest",
    genesis_ms: Date.now(),
  };
  createNetwork(folder, network);
  const notices = new Notices();
  const said: string[] = [];
  notices.listen(
    (node, notice) =>
      void said.push(`${(performance.now() / 1_000).toFixed(2)} ${network.names[node]} ${worded(notice)}`),
  );
  const portBase = await freePortBase();
  const begin = (allow: boolean): Promise<RunningNetwork> =>
    RunningNetwork.start({
      folder,
      network,
      portBase,
      allowDigests: allow,
      log: { info: () => {}, error: (fields, message) => void said.push(`${message} ${JSON.stringify(fields)}`) },
      notify: notices.publish,
    });
  let running = await begin(allowDigests);
  const stop = async (): Promise<void> => {
    await running.stop();
    temporary.remove();
  };
  const token = readSecret(folder.tokenFile);
  const api = (index: number): Api => apiAt(running.apiUrl(index), token);
  const states = (txid: string): Promise<readonly string[]> =>
    Promise.all(
      running.nodes.flatMap((up) => {
        if (up === null) return [];
        return up.node.payment(txid).then(
          ({ state }) => state,
          () => "unknown",
        );
      }),
    );
  try {
    await running.speaker.requestWalletKey("frost-secp256k1-taproot");
    await until("a key on every node", 20_000, () =>
      running.nodes.every((node) => node?.node.account("taproot")) ? true : undefined,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  const { address } = running.speaker.account("taproot")!.script(RECEIVE, 0);
  return {
    get running() {
      return running;
    },
    async restart({ allowDigests: allow = false }) {
      await running.stop();
      running = await begin(allow);
    },
    network,
    folder,
    notices,
    said,
    api,
    stop,
    fund: (...values) => {
      for (const value of values) running.chain.faucet(address, value);
    },
    startMining: () => mineAsTheyCome(running, notices),
    agreed: (txid, wanted, withinMs) =>
      until(
        `payment ${txid.slice(0, 8)} ${wanted.join(" or ")} everywhere`,
        withinMs,
        async () => {
          const [first, ...others] = await states(txid);
          const agree = first !== undefined && wanted.includes(first) && others.every((state) => state === first);
          return agree ? first : undefined;
        },
        async () => ({
          states: await states(txid),
          said: said.filter((line) => /problem|abort|dropped/.test(line)).slice(-12),
        }),
      ),
  };
}

function worded(notice: Notice): string {
  switch (notice.kind) {
    case "state":
      return `state ${notice.request.slice(0, 8)} ${notice.state} ${notice.reason ?? ""}`;
    case "message":
      return `message ${notice.request.slice(0, 8)} ${notice.state} ${notice.reason ?? ""}`;
    case "dropped":
      return `dropped ${notice.reason}`;
    case "aborted":
      return `aborted ${notice.reason}`;
    case "problem":
      return `problem ${notice.message}`;
    case "objected":
      return `objected ${JSON.stringify(notice.objections)}`;
    case "sealed":
      return `sealed ${notice.reason}`;
    default:
      return notice.kind;
  }
}
