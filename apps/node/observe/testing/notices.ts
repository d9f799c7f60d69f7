/** Notices as nodes say them, for units that hear them without a cluster. */
import { proposalCodec, type Request } from "@conclave/custody";
import type { NodeId } from "@conclave/consensus";
import type { Notice } from "@conclave/node";

type Of<K extends Notice["kind"]> = Extract<Notice, { kind: K }>;

export const NODES = ["11", "22", "33"].map((pair) => pair.repeat(32) as NodeId) as [NodeId, NodeId, NodeId];
export const nameOf = (node: NodeId): string => `node${NODES.indexOf(node) + 1}`;

/** What is asked for: a signature with a key that nobody knows yet. */
export const REQUEST: Request = {
  kind: "digest",
  cluster: "test",
  idempotencyKey: "first",
  origin: NODES[0],
  height: 1,
  expiresHeight: 100,
  wallet: new Uint8Array(32).fill(0x5a),
  digest: new Uint8Array(32).fill(7),
};
export const ID = new Uint8Array(32).fill(0xab);

export const proposed = (request: Request = REQUEST): Of<"proposed"> => ({
  kind: "proposed",
  from: NODES[0],
  request: ID,
  proposal: proposalCodec.encode({ request, revision: null }),
  revision: 1,
});

export const voted = (voter: NodeId, value: boolean): Of<"voted"> => ({
  kind: "voted",
  request: ID,
  revision: 1,
  round: 1,
  voter,
  value,
  vote: new Uint8Array(),
});

export const verdict = (verdict: "approved" | "rejected"): Of<"verdict"> => ({
  kind: "verdict",
  request: ID,
  revision: 1,
  round: 1,
  verdict,
  exhausted: false,
});

export const aborted = (fields: Partial<Of<"aborted">>): Of<"aborted"> => ({
  kind: "aborted",
  attemptId: "attempt",
  request: ID,
  attempt: 0,
  fault: "silence",
  reason: "somebody was silent",
  culprits: [],
  suspects: [],
  ...fields,
});

export const joined = (attempt: number): Of<"joined"> => ({
  kind: "joined",
  request: ID,
  revision: 1,
  attempt,
  attemptId: `attempt ${attempt}`,
  coordinator: NODES[0],
});

export const messageSigned = (): Of<"messageSigned"> => ({
  kind: "messageSigned",
  request: ID,
  revision: 1,
  hash: new Uint8Array(32),
  signature: new Uint8Array(65),
  publicKey: new Uint8Array(33),
  signers: [NODES[0], NODES[1]],
  sealed: new Uint8Array(),
});
