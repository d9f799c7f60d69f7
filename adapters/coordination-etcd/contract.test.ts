import { after, before, describe } from "node:test";
import type { NodeId } from "@conclave/consensus";
import type { Coordination } from "@conclave/node";
import { coordinationContract, type CoordinationPlace } from "@conclave/node/testing";
import type { EtcdCoordination } from "./index.ts";
import { startFakeEtcd, type FakeEtcd } from "./testing/fake-etcd.ts";
import { etcdMissing, startEtcd, type EtcdCluster } from "./testing/index.ts";
import { hexOf, NODES, QUICK, startNode } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

/** Every node of every test shows within this time what its watch has seen. */
const BEAT_MS = 40;

let etcd: EtcdCluster;
let fake: FakeEtcd;
let places = 0;

interface Served {
  readonly endpoints: readonly string[];
  revision(): Promise<bigint>;
}

/** Three nodes on a prefix of their own. One that is away has left; one that comes back is a new process. */
async function makePlace(served: Served): Promise<CoordinationPlace> {
  places += 1;
  const cluster = `contract-${places}`;
  const open = new Map<NodeId, EtcdCoordination>();
  const coordinations = new Map<NodeId, Coordination>();
  const heard = new Map<NodeId, string[]>(NODES.map((node) => [node, []]));
  const join = async (id: NodeId): Promise<void> => {
    const intervals = { ...QUICK, beatMs: BEAT_MS };
    const { coordination } = await startNode(id, {
      endpoints: served.endpoints,
      cluster,
      intervals,
      read: (wire) => heard.get(id)!.push(hexOf(wire)) > 0,
    });
    open.set(id, coordination);
    coordinations.set(id, {
      publish: (statement) => coordination.publish(statement),
      withdraw: (topic) => coordination.withdraw(topic),
      start: (read) => coordination.start(read),
      close() {
        open.delete(id);
        return coordination.close();
      },
    });
  };
  for (const node of NODES) await join(node);
  const settle = async (): Promise<void> => {
    const present = [...open.values()];
    const seen = () => present.map((coordination) => coordination.status());
    await eventually("everything is written", () => seen().every(({ waiting }) => waiting === 0), seen);
    const revision = await served.revision();
    await eventually("everything is read", () => seen().every((status) => BigInt(status.revision) >= revision), seen);
  };
  return {
    nodes: NODES,
    coordinations,
    heard: (node) => heard.get(node)!,
    away: (node, away) => (away ? coordinations.get(node)!.close() : join(node)),
    settle,
    async dispose() {
      for (const coordination of open.values()) await coordination.close();
    },
  };
}

const missing = etcdMissing();

describe("etcd of three members", { skip: missing }, () => {
  before(async () => {
    etcd = await startEtcd({ members: 3 });
  });
  after(() => etcd.close());
  coordinationContract("etcd", () => makePlace(etcd), { missing });
});

describe("the etcd that tests lie with", () => {
  before(async () => {
    fake = await startFakeEtcd();
  });
  after(() => fake.close());
  coordinationContract("etcd in memory", () =>
    makePlace({ endpoints: [fake.url], revision: () => Promise.resolve(fake.revision) }),
  );
});
