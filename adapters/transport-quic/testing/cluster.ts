/** Nodes with certificates of one authority, in folders that go when the test does. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeId } from "@conclave/consensus";
import type { Clock, Transport, TransportHandler } from "@conclave/node";
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

export const DAY_MS = 86_400_000;

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
  // Old enough for certificates that ended before today.
  await certsCa({ folder: authority, name: "test", nowMs: Date.now() - 30 * DAY_MS });
  const nodes: TestNode[] = [];
  for (let n = 1; n <= count; n++) nodes.push(await makeNode({ folder, authority }, n));
  return { folder, authority, nodes, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

export async function makeNode(
  { folder, authority }: Pick<TestCluster, "folder" | "authority">,
  n: number,
  { name = `node-${n}`, nowMs = Date.now(), days = 10 } = {},
): Promise<TestNode> {
  const own = join(folder, `${name}-${randomBytes(3).toString("hex")}`);
  await certsNode({ folder: own, name, authority, nowMs, days });
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
  options: Partial<QuicTransportOptions> & {
    readonly certificateName?: string;
    readonly certificateClock?: Clock;
  } = {},
): Promise<OpenNode> {
  const { certificateName = node.name, certificateClock = systemClock, ...rest } = options;
  const certificates = await CertManager.load({ folder: node.folder, name: certificateName, clock: certificateClock });
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

/** Opens a node and starts it; nothing may come to it unless the test gave it a handler. */
export type StartNode = (
  node: TestNode,
  mode: QuicMode,
  peers: ReadonlyMap<NodeId, QuicPeer>,
  options?: Parameters<typeof openNode>[3] & { readonly handler?: TransportHandler },
) => Promise<OpenNode>;

const NOBODY: TransportHandler = {
  frame: () => assert.fail("a frame came from somebody who should have been refused"),
  link: () => assert.fail("a link came up to somebody who should have been refused"),
};

/** A test with nodes that are closed when it ends, however it ends. */
export const withNodes = (test: (start: StartNode) => Promise<void>) => async (): Promise<void> => {
  const opened: OpenNode[] = [];
  try {
    await test(async (node, mode, peers, { handler = NOBODY, ...options } = {}) => {
      const open = await openNode(node, mode, peers, options);
      opened.push(open);
      await open.transport.start(handler);
      return open;
    });
  } finally {
    for (const { certificates } of opened) certificates.stop();
    await Promise.all(opened.map(({ transport }) => transport.close()));
  }
};
