/** One node, put together: the only place that knows which adapter stands behind which port. */
import { openEsplora } from "@conclave/bitcoin-esplora";
import { networks, type NetworkName } from "@conclave/bitcoin";
import type { CustodySettings } from "@conclave/custody";
import { meshCoordination } from "@conclave/coordination-mesh";
import { localLedger } from "@conclave/ledger-local";
import { ConclaveNode, type Notice, type Timings, type Transport } from "@conclave/node";
import { bitcoinjsOpinion } from "@conclave/verifier-bitcoinjs";
import { systemClock } from "./clock.ts";
import { startHttp, type HttpOptions, type HttpServer } from "./http/index.ts";
import type { PreparedNode } from "./prepared-node.ts";
import { nodeService } from "./service.ts";

export interface ClusterNodeOptions {
  readonly prepared: PreparedNode;
  readonly settings: CustodySettings;
  readonly transport: Transport;
  readonly esploraUrl: string;
  readonly genesisMs: number;
  readonly timings: Timings;
  readonly requiredConfirmations: number;
  readonly http: Pick<HttpOptions, "port" | "host" | "allowedHosts" | "token" | "log">;
  readonly notify: (notice: Notice) => void;
}

/** A running node with its API. */
export interface ClusterNode {
  readonly node: ConclaveNode;
  readonly http: HttpServer;
  stop(): Promise<void>;
}

/** Open the journal, start the API, then the node. What fails closes what was opened before it. */
export async function startClusterNode(options: ClusterNodeOptions): Promise<ClusterNode> {
  const opened: (() => Promise<void>)[] = [() => options.prepared.close(), () => options.transport.close()];
  try {
    return await openParts(options, opened);
  } catch (error) {
    for (const close of opened.toReversed()) await close();
    throw error;
  }
}

/** Adds to `opened` how to close what it opens, in that order. */
async function openParts(options: ClusterNodeOptions, opened: (() => Promise<void>)[]): Promise<ClusterNode> {
  const { prepared, settings, transport, timings, notify } = options;
  const { custody, store } = prepared;
  const { roster, network, threshold, quorum, rawDigests, policy, burialDepth } = settings;
  const self = custody.entry.id;
  const port = await custody.open(settings);
  opened.push(() => port.close());
  const chain = openChain(options.esploraUrl, network);
  const ledger = localLedger({ genesisMs: options.genesisMs, clock: systemClock });
  const node = new ConclaveNode({
    self,
    roster,
    network,
    threshold,
    quorum,
    rawDigests,
    policy,
    burialDepth,
    requiredConfirmations: options.requiredConfirmations,
    custody: port,
    transport,
    coordination: meshCoordination,
    store,
    chain,
    secondOpinion: bitcoinjsOpinion,
    clock: systemClock,
    ledger,
    timings,
    notify,
  });
  const service = nodeService({ node, store, chain, roster, self, network, quorum, startedAtMs: Date.now() });
  const http = await startHttp({ service, ...options.http });
  opened.push(() => http.close());
  await node.start();
  return {
    node,
    http,
    async stop() {
      await http.close();
      await node.stop();
    },
  };
}

const openChain = (baseUrl: string, network: NetworkName) =>
  openEsplora({ baseUrl, genesisHash: networks[network].genesisHash, allowPrivateHosts: network === "regtest" });
