/** What custody says of itself. */
import { toHex } from "@conclave/bytes";
import type { KnownRecipient } from "@conclave/bitcoin";
import type { Ban, NodeId } from "@conclave/consensus";
import type { KeyShare, Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import type { EdgeRing } from "./edges.ts";
import type { KeyRing } from "./keyring.ts";
import type { PresignaturePool } from "./presignatures.ts";
import type { CustodySettings } from "./settings.ts";

/** What the host may know about this custody at any time. */
export interface CustodyStatus {
  readonly id: NodeId;
  readonly generation: number;
  readonly ready: boolean;
  /** Why it neither votes nor signs; null while it does. */
  readonly sealed: string | null;
  readonly keys: readonly { readonly key: Uint8Array; readonly record: Uint8Array }[];
  readonly pendingKeys: readonly { readonly key: Uint8Array; readonly missing: readonly NodeId[] }[];
  readonly bans: readonly Ban[];
  /** Edges of active keys that this node has lost: it does not sign together with the peer until they made one anew. */
  readonly deadEdges: readonly { readonly key: Uint8Array; readonly peer: NodeId }[];
  /** Who may be paid, as its operator names them; null: anybody. */
  readonly recipients: readonly KnownRecipient[] | null;
  /** Presignatures of keys, untweaked, that this node has parts of. Keys without any are left out. */
  readonly presignatures: readonly HeldPresignatures[];
}

export interface HeldPresignatures {
  readonly key: Uint8Array;
  readonly waiting: number;
  /** For each of them, the nodes that it takes to use it. */
  readonly signers: readonly (readonly NodeId[])[];
}

interface StatusParts extends Pick<CustodyStatus, "id" | "generation" | "ready" | "sealed" | "bans"> {
  readonly keys: KeyRing;
  readonly edges: EdgeRing;
  readonly presignatures: PresignaturePool;
  readonly settings: CustodySettings;
}

export function statusOf({ keys, edges, presignatures, settings, ...said }: StatusParts): CustodyStatus {
  const all = keys.all();
  return {
    ...said,
    keys: keys.records(),
    pendingKeys: keys.pending().map(({ id, missing }) => ({ key: id, missing })),
    recipients: settings.spending.recipients,
    deadEdges: all.flatMap(({ id, share, active }) =>
      active ? edges.lost(id, share).map((peer) => ({ key: id, peer })) : [],
    ),
    presignatures: all
      .map(({ id, share }) => ({
        key: id,
        waiting: presignatures.count(id, []),
        signers: presignatures.signersOf(id, []).map((signers) => nodesOf(share, signers)),
      }))
      .filter(({ waiting }) => waiting > 0),
  };
}

const nodesOf = ({ record }: Valid<KeyShare>, parties: readonly PartyIndex[]): readonly NodeId[] =>
  record.parties.flatMap(({ index, node }) => (parties.includes(index) ? [toHex(node) as NodeId] : []));
