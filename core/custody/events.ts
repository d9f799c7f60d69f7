/** What custody tells its host. The host sees bytes, arrivals and outcomes; never a secret. */
import type { NodeId, ViolationKind } from "@conclave/consensus";

export type CustodyEvent =
  /**
   * Deliver these bytes; resend them until answered or until the topic closes. A `statement` is about a request and concerns
   * whoever follows it; anything else is between these peers, now.
   */
  | {
      readonly kind: "send";
      readonly to: readonly NodeId[];
      readonly wire: Uint8Array;
      readonly topic: string;
      readonly statement?: true;
    }
  /** Nothing of this topic needs to be resent any more. */
  | { readonly kind: "close"; readonly topic: string }
  /** A request, or a further revision of one, is known from now on. */
  | {
      readonly kind: "proposed";
      readonly from: NodeId;
      readonly request: Uint8Array;
      readonly proposal: Uint8Array;
      readonly revision: number | null;
    }
  /** A verified vote, own or a peer's: keep its bytes, they are needed again after a restart. */
  | {
      readonly kind: "voted";
      readonly request: Uint8Array;
      readonly revision: number;
      readonly round: number;
      readonly voter: NodeId;
      readonly value: boolean;
      readonly vote: Uint8Array;
    }
  /** This node does not vote yes; the host may ask again later or let it vote no. */
  | {
      readonly kind: "objected";
      readonly request: Uint8Array;
      readonly revision: number;
      readonly objections: readonly { readonly code: string; readonly message: string }[];
    }
  /** A node, this one or a peer, lacks nothing but its operator's approval to vote yes on a payment. */
  | { readonly kind: "waits"; readonly request: Uint8Array; readonly node: NodeId }
  /** This node's operator decided about a payment, durably. `isNew`: false if the same was decided before. */
  | {
      readonly kind: "decided";
      readonly request: Uint8Array;
      readonly approved: boolean;
      /** Satoshis: the approval holds for revisions that cost no more. */
      readonly maxFee: bigint;
      readonly reason: string;
      readonly isNew: boolean;
    }
  /** A decision by hand came too late, or for a payment that is not known here. */
  | {
      readonly kind: "undecided";
      readonly request: Uint8Array;
      readonly code: "unknown" | "over";
      readonly message: string;
    }
  /** The votes on one revision are decided. */
  | {
      readonly kind: "verdict";
      readonly request: Uint8Array;
      readonly revision: number;
      readonly round: number;
      readonly verdict: "approved" | "rejected";
      readonly exhausted: boolean;
    }
  /** A node promised never to sign a revision. `dead`: so many did that nobody can complete it any more. */
  | {
      readonly kind: "abandoned";
      readonly request: Uint8Array;
      readonly revision: number;
      readonly node: NodeId;
      readonly wire: Uint8Array;
      readonly dead: boolean;
    }
  /** A coordinator opened an attempt, and this node acknowledged it. */
  | {
      readonly kind: "joined";
      readonly request: Uint8Array;
      readonly revision: number;
      readonly attempt: number;
      readonly attemptId: string;
      readonly coordinator: NodeId;
    }
  /** A peer opened an attempt that this node does not join. Perhaps the request is over and the peer was not told. */
  | { readonly kind: "declined"; readonly request: Uint8Array; readonly node: NodeId }
  /** Own attempt: `node` acknowledged. */
  | {
      readonly kind: "acked";
      readonly attemptId: string;
      readonly node: NodeId;
      readonly waitingFor: readonly NodeId[];
    }
  | {
      readonly kind: "begun";
      readonly attemptId: string;
      readonly signers: readonly NodeId[];
      readonly signing: boolean;
    }
  /** Session `input` entered `round`. */
  | { readonly kind: "progress"; readonly attemptId: string; readonly input: number; readonly round: string }
  | {
      readonly kind: "aborted";
      readonly attemptId: string;
      readonly request: Uint8Array;
      readonly attempt: number;
      readonly fault: string;
      readonly reason: string;
      readonly culprits: readonly NodeId[];
      readonly suspects: readonly NodeId[];
    }
  /** A complete, verified transaction for a revision. `sealed`: its signatures, encrypted for the host's store. */
  | {
      readonly kind: "signed";
      readonly request: Uint8Array;
      readonly revision: number;
      readonly rawTx: Uint8Array;
      readonly txid: string;
      readonly signers: readonly NodeId[];
      readonly sealed: Uint8Array;
    }
  /** A verified signature of a message: 64 bytes, or 65 with a recovery id, under the compressed `publicKey`. */
  | {
      readonly kind: "messageSigned";
      readonly request: Uint8Array;
      readonly revision: number;
      readonly hash: Uint8Array;
      readonly signature: Uint8Array;
      readonly publicKey: Uint8Array;
      readonly signers: readonly NodeId[];
      readonly sealed: Uint8Array;
    }
  /** An edge of a key died: its two ends sign together no more until they made it anew. */
  | {
      readonly kind: "edgeDead";
      readonly key: Uint8Array;
      readonly between: readonly [NodeId, NodeId];
      readonly reason: string;
    }
  /** This node has parts of presignatures of a key; so many wait for digests. */
  | { readonly kind: "presigned"; readonly key: Uint8Array; readonly request: Uint8Array; readonly waiting: number }
  /**
   * A presignature of this node is gone for good: `used` once its partial signature may leave, which the journal said before;
   * `burnt` if none ever will. For the record only: what was spent is in the journal. `use`: the attempt that took it out; null if
   * it was burnt where it lay. `nonces`: how many a partial signature answered with.
   */
  | {
      readonly kind: "presignatureEnded";
      readonly key: Uint8Array;
      /** Its public id. */
      readonly presignature: Uint8Array;
      readonly end: "used" | "burnt";
      readonly use: PresignatureUse | null;
      readonly nonces: number;
    }
  /**
   * The journal refused to use a one-use secret a second time, and nothing was made with it. No honest run comes here: a process
   * came back with its memory (a snapshot of a machine), or there is a bug. `id`: the presignature, or the nonce's session.
   */
  | {
      readonly kind: "reuseRefused";
      readonly purpose: "nonce" | "presignature";
      readonly id: Uint8Array;
      readonly reason: string;
    }
  /** This node and a peer made their edge anew. */
  | { readonly kind: "edgeMade"; readonly key: Uint8Array; readonly request: Uint8Array; readonly peer: NodeId }
  /** A key came out of the ceremony of a request; it is used once everybody has certified it. */
  | {
      readonly kind: "keyPending";
      readonly key: Uint8Array;
      readonly request: Uint8Array;
      readonly missing: readonly NodeId[];
    }
  /** `request`: whose ceremony made it; null if that was before this process began. */
  | {
      readonly kind: "keyActive";
      readonly key: Uint8Array;
      readonly record: Uint8Array;
      readonly request: Uint8Array | null;
    }
  /** Coins or requests were released from this node's locks. */
  | { readonly kind: "released"; readonly request: Uint8Array; readonly reason: string }
  /**
   * A checkpoint of an audit log, encoded and signed: by this node, or by a peer whose signature was verified. The host keeps it, or
   * decides whether to confirm what a peer proposes.
   */
  | { readonly kind: "checkpoint"; readonly checkpoint: Uint8Array }
  /**
   * A node voted against what was decided. Dissent, and no fault: an honest node may disagree or be late. `evidence`, where there
   * is some: a rule proves its vote wrong, and this node only records that.
   */
  | {
      readonly kind: "dissent";
      readonly request: Uint8Array;
      readonly revision: number;
      readonly round: number;
      readonly node: NodeId;
      readonly value: boolean;
      readonly evidence: Uint8Array | null;
    }
  /** Proven against a node: it is banned. */
  | {
      readonly kind: "violation";
      readonly node: NodeId;
      readonly violation: ViolationKind;
      readonly evidence: Uint8Array;
    }
  /** The highest statement of a peer's journal position that this node holds: keep it, it is given back after a restart. */
  | { readonly kind: "witnessed"; readonly node: NodeId; readonly generation: number; readonly wire: Uint8Array }
  /** A message was dropped. It cost only itself. */
  | { readonly kind: "dropped"; readonly from: NodeId | null; readonly reason: string }
  /** Peers confirmed that this journal is not behind: custody votes and signs from now on. */
  | { readonly kind: "ready" }
  /** Custody neither votes nor signs any more; says why and what to do. */
  | { readonly kind: "sealed"; readonly reason: string };

/** The attempt that took a presignature out. */
export interface PresignatureUse {
  readonly request: Uint8Array;
  readonly revision: number;
  readonly attempt: number;
}

export type Emit = (event: CustodyEvent) => void;
