/** Nodes with certificates of one authority, in folders that go when the test does. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeId } from "@conclave/consensus";
import type { Clock, Transport } from "@conclave/node";
import {
  CertManager,
  certsCa,
  certsNode,
  openQuicTransport,
  tlsKeyOf,
  type QuicEvent,
  type QuicMode,
  type QuicPeer,
  type QuicTransportOptions,
} from "../index.ts";

export const ROSTER_HASH = new Uint8Array(32).fill(7);

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** The same clock, so much later or earlier. */
export const clockOff = (offMs: number): Clock => ({ ...systemClock, nowMs: () => Date.now() + offMs });

export interface TestNode {
  readonly id: NodeId;
  readonly name: string;
  /** Its ca.crt, node.crt and node.key. */
  readonly folder: string;
  readonly tlsKey: Uint8Array;
}

export interface TestCluster {
  /** Everything is in here. */
  readonly folder: string;
  readonly authority: string;
  /** In ascending order of id: the first dials all others. */
  readonly nodes: readonly TestNode[];
  dispose(): void;
}

/** `count` nodes called `node-1` and so on, with an authority of their own. */
export async function makeCluster(count: number): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), "conclave-quic-test-"));
  const authority = join(folder, "authority");
  const nowMs = Date.now();
  await certsCa({ folder: authority, name: "test", nowMs });
  const nodes: TestNode[] = [];
  for (let n = 1; n <= count; n++) nodes.push(await makeNode({ folder, authority }, n));
  return { folder, authority, nodes, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

export async function makeNode(
  { folder, authority }: Pick<TestCluster, "folder" | "authority">,
  n: number,
  name = `node-${n}`,
): Promise<TestNode> {
  const own = join(folder, `${name}-${randomBytes(3).toString("hex")}`);
  await certsNode({ folder: own, name, authority, nowMs: Date.now() });
  return { id: idOf(n), name, folder: own, tlsKey: tlsKeyOf(readFileSync(join(own, "node.crt"), "utf8")) };
}

export const idOf = (n: number): NodeId => n.toString(16).padStart(64, "0") as NodeId;

/** Who the others are, and where: by default nowhere, which is enough for those who are only dialled. */
export const peersOf = (
  self: TestNode,
  nodes: readonly TestNode[],
  addressOf: (peer: TestNode) => string = () => "127.0.0.1:1",
): ReadonlyMap<NodeId, QuicPeer> =>
  new Map(
    nodes
      .filter(({ id }) => id !== self.id)
      .map((peer) => [peer.id, { name: peer.name, address: addressOf(peer), tlsKey: peer.tlsKey }]),
  );

export interface OpenNode {
  readonly transport: Transport;
  readonly certificates: CertManager;
  readonly events: QuicEvent[];
  /** The last address that it said it listens on. */
  address(): string;
}

/** A transport for a node, not started, and everything that it reports. */
export async function openNode(
  node: TestNode,
  mode: QuicMode,
  peers: ReadonlyMap<NodeId, QuicPeer>,
  options: Partial<QuicTransportOptions> & { readonly certificateClock?: Clock } = {},
): Promise<OpenNode> {
  const { certificateClock = systemClock, ...rest } = options;
  const certificates = await CertManager.load({ folder: node.folder, name: node.name, clock: certificateClock });
  const events: QuicEvent[] = [];
  const transport = openQuicTransport({
    self: node.id,
    name: node.name,
    peers,
    listen: "127.0.0.1:0",
    certificates,
    rosterHash: ROSTER_HASH,
    life: randomBytes(16),
    clock: systemClock,
    mode,
    ...rest,
    observe: (event) => {
      events.push(event);
      options.observe?.(event);
    },
  });
  const address = (): string => {
    const listening = events.findLast((event) => event.kind === "listening");
    if (listening?.kind !== "listening") throw new Error(`${node.name} does not listen`);
    return listening.address;
  };
  return { transport, certificates, events, address };
}
