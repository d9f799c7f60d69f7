/** Who the nodes are, who answers, and whether the cluster can sign. */
import { z } from "zod";
import { bitcoinTxid, height, hexKeyId, keyId, network, nodeName, nodeNumber, requestId, timestamp } from "./fields.ts";
import { strictFields } from "./strict.ts";

/** Party counts: 1 to 32. */
const count = z.number().int().min(0).max(32);

/** Two nodes that do not sign together with a key until they have made their edge of it anew. */
export const deadEdge = z.object({
  key_id: hexKeyId,
  between: z.array(nodeNumber).length(2).describe("The two nodes, ascending"),
  reason: z.string(),
  rekeying: z.boolean().describe("True once they were asked to make it anew"),
});

/** `POST /api/v1/cluster/rekey`. */
export const rekeyRequest = strictFields({
  key: hexKeyId,
  a: nodeNumber.describe("One end of the edge"),
  b: nodeNumber.describe("The other end"),
});

export type RekeyRequest = z.output<typeof rekeyRequest>;

export const rekeying = z.object({
  request: requestId,
  key_id: hexKeyId,
  between: z.array(nodeNumber).length(2).describe("The two nodes, ascending"),
});

export type Rekeying = z.output<typeof rekeying>;

/** `POST /api/v1/wallet/spends/:txid/acknowledge`. */
export const acknowledgeRequest = strictFields({
  reason: z
    .string({ error: "reason must be text" })
    .max(500, { error: "reason must be at most 500 characters" })
    .refine((text) => text.trim() !== "", { error: "reason must not be empty: say what was found out about the spend" })
    .describe("For this node's audit log"),
});

export type AcknowledgeRequest = z.output<typeof acknowledgeRequest>;

/** A spend of the wallet's coins that no request explains, and what is still frozen after an operator's word on it. */
export const acknowledgedSpend = z.object({
  bitcoin_txid: bitcoinTxid,
  frozen: z.array(z.string().max(500)).max(64).describe("Why accounts of this node are still frozen, a sentence each"),
});

export type AcknowledgedSpend = z.output<typeof acknowledgedSpend>;

export const clusterStatus = z.object({
  status: z
    .enum(["ok", "degraded", "halted"])
    .describe("ok: every node answers; degraded: enough to sign, not all; halted: too few to sign"),
  reasons: z.array(z.string()).max(128).describe("Why it is not ok, a sentence each; empty if ok"),
  cluster: nodeName.or(z.string().max(64)),
  network,
  node_id: nodeNumber.describe("The node that answered"),
  n: count.describe("Nodes in the roster"),
  t: count.describe("Shares needed for a signature"),
  q: count.describe("Approvals needed for a payment"),
  f: count.describe("Liars tolerated"),
  online: count.describe("Nodes that answer and are not banned, the answering node included"),
  height: height.describe("Height of the cluster's ledger"),
  key_ids: z.array(keyId).max(64).describe("Keys that this node holds a share of"),
  dead_edges: z
    .array(deadEdge)
    .max(1_024)
    .describe(
      "Pairs of nodes that do not sign together: this node and others, and others as far as it heard since it started",
    ),
  version: z.string().max(64).describe("Software version of the answering node"),
});

export type ClusterStatus = z.output<typeof clusterStatus>;

export const ban = z.object({
  violation: z
    .enum(["DoubleVote", "MinorityVote", "Equivocation", "ProtocolFault"])
    .describe("What was proven: document 004's DoubleVote or MinorityVote, or one of two faults that it does not know"),
  strike: z.number().int().min(1).describe("1: 24 hours, 2: 7 days, 3: for good"),
  until: timestamp.nullable().describe("Null: for good"),
});

export const clusterNode = z.object({
  node_id: nodeNumber,
  name: nodeName,
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("Ed25519 public key that identifies the node"),
  status: z.enum(["online", "offline", "banned"]),
  self: z.boolean().describe("True for the node that answered"),
  last_seen: timestamp.nullable().describe("When the answering node last heard from it; null: never"),
  ban: ban.nullable(),
});

export type ClusterNode = z.output<typeof clusterNode>;

/** `GET /api/v1/cluster/evidence`. */
export const evidenceExport = z.object({
  cases: z.number().int().min(0).describe("Proven acts in the file"),
  file: z.string().describe('The file, as "conclave evidence verify" judges it offline: keep it byte for byte'),
});

export type EvidenceExport = z.output<typeof evidenceExport>;

/** A roster is short (at most 32 nodes): always one page, in the shape of every other list. */
export const nodePage = z.object({ items: z.array(clusterNode).max(32), next_cursor: z.null() });

export type NodePage = z.output<typeof nodePage>;
