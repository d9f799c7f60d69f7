/** One node, put together: the only place that knows which adapter stands behind which port. */
import { openEsplora } from "@conclave/bitcoin-esplora";
import { networks, type NetworkName } from "@conclave/bitcoin";
import type { CustodySettings } from "@conclave/custody";
import { localLedger } from "@conclave/ledger-local";
import {
  ConclaveNode,
  type Coordination,
  type Messenger,
  type Notice,
  type Timings,
  type Transport,
} from "@conclave/node";
import { bitcoinjsOpinion } from "@conclave/verifier-bitcoinjs";
import { systemClock } from "./clock.ts";
import { startHttp, type HttpOptions, type HttpServer } from "./http/index.ts";
import { Observation } from "./observe/observation.ts";
import { namingPayments } from "./named-payments.ts";
import { operatorView } from "./observe/operator-view.ts";
import type { Point } from "./observe/readiness.ts";
import type { PreparedNode } from "./prepared-node.ts";
import { nodeService } from "./service.ts";
import { timelyService } from "./timely-service.ts";

export interface ClusterNodeOptions {
  readonly prepared: PreparedNode;
  readonly settings: CustodySettings;
  readonly transport: Transport;
  readonly coordination: (messenger: Messenger) => Coordination;
  readonly esploraUrl: string;
  readonly genesisMs: number;
  readonly timings: Timings;
  readonly requiredConfirmations: number;
  readonly http: Pick<HttpOptions, "port" | "host" | "allowedHosts" | "token" | "log">;
  readonly notify: (notice: Notice) => void;
  /** What looks on, if its owner has begun already to tell it of the network. */
  readonly observation?: Observation;
}

/** A running node with its API. */
export interface ClusterNode {
  readonly node: ConclaveNode;
  readonly http: HttpServer;
  /** Everything that its readiness depends on. */
  points(): Promise<readonly Point[]>;
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
  const { custody } = prepared;
  const { roster, network, threshold, quorum, rawDigests, policy, burialDepth } = settings;
  const self = custody.entry.id;
  const observation = options.observation ?? observe(options);
  opened.push(async () => observation.stop());
  const { store } = observation;
  const port = observation.custody(await custody.open(settings));
  opened.push(() => port.close());
  const chain = observation.chain(openChain(options.esploraUrl, network));
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
    coordination: options.coordination,
    coordinationTrouble: () => observation.coordinationTrouble(),
    store,
    chain,
    secondOpinion: bitcoinjsOpinion,
    clock: systemClock,
    ledger,
    timings,
    notify: (notice) => {
      observation.notice(notice);
      notify(notice);
    },
  });
  observation.begin(node, chain);
  const bare = nodeService({
    node,
    store,
    roster,
    self,
    network,
    quorum,
    startedAtMs: Date.now(),
    points: () => observation.points(),
  });
  const service = timelyService(namingPayments(bare, store.transactions), {
    watch: observation.storeWatch,
    probe: () => store.nodes.get(self),
  });
  const http = await startHttp({
    service,
    operator: operatorView(observation, { node: self, roster }),
    ...options.http,
  });
  opened.push(() => http.close());
  await node.start();
  return {
    node,
    http,
    points: () => observation.points(),
    async stop() {
      await http.close();
      await node.stop();
      observation.stop();
    },
  };
}

/** Who looks on from the beginning. */
export const observe = ({
  prepared: { custody, store },
  settings: { roster },
  esploraUrl,
  genesisMs,
}: Pick<ClusterNodeOptions, "prepared" | "esploraUrl" | "genesisMs"> & {
  readonly settings: Pick<CustodySettings, "roster">;
}): Observation =>
  new Observation({
    self: custody.entry.id,
    roster,
    store,
    journalTimes: custody.journalTimes,
    esploraUrl,
    genesisMs,
  });

const openChain = (baseUrl: string, network: NetworkName) =>
  openEsplora({ baseUrl, genesisHash: networks[network].genesisHash, allowPrivateHosts: network === "regtest" });
