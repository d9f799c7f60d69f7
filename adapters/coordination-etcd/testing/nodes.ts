/** Nodes that consist of nothing but a coordination through etcd, and remember what they were handed. */
import type { NodeId } from "@conclave/consensus";
import { etcdCoordination, type EtcdCoordination, type EtcdOptions, type EtcdReport } from "../index.ts";

export const NODES: readonly NodeId[] = ["a", "b", "c"].map((digit) => digit.repeat(64) as NodeId);

export interface TestNode {
  readonly id: NodeId;
  readonly coordination: EtcdCoordination;
  /** What it was handed, as hexadecimal. */
  readonly heard: string[];
  readonly reports: EtcdReport[];
  has(...wires: readonly Uint8Array[]): boolean;
}

/** Quick ones, so that tests do not wait. */
export const QUICK = {
  requestMs: 1_500,
  beatMs: 150,
  stallMs: 2_000,
  presenceMs: 2_000,
  relistMs: 60_000,
  longestRetryMs: 400,
};

export const USUAL = {
  cluster: "test",
  self: NODES[0]!,
  members: NODES,
  config: { threshold: 2, totalNodes: NODES.length, bitcoinNetwork: "regtest" },
  intervals: QUICK,
} as const;

export async function startNode(
  id: NodeId,
  {
    read = () => true,
    ...options
  }: Pick<EtcdOptions, "endpoints"> & Partial<EtcdOptions> & { readonly read?: (wire: Uint8Array) => boolean },
): Promise<TestNode> {
  const heard: string[] = [];
  const reports: EtcdReport[] = [];
  const coordination = etcdCoordination({
    ...USUAL,
    self: id,
    report: (report) => reports.push(report),
    ...options,
  });
  await coordination.start((wire) => {
    heard.push(hexOf(wire));
    return Promise.resolve(read(wire));
  });
  const has = (...wires: readonly Uint8Array[]): boolean => wires.every((wire) => heard.includes(hexOf(wire)));
  return { id, coordination, heard, reports, has };
}

/** Quick enough for megabytes of them. */
export const hexOf = (wire: Uint8Array): string => Buffer.from(wire).toString("hex");

/** A statement of this number, told apart by it. */
export const statement = (n: number, topic = "t", length = 8) => {
  const wire = new Uint8Array(length).fill(0xee);
  new DataView(wire.buffer).setUint32(0, n);
  return { to: NODES, wire, topic };
};
