/** What attempts need of this node. */
import type { Rng } from "@conclave/bytes";
import type { Evidence, NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { KeyShare, Scheme, Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import type { Approvals } from "./approvals.ts";
import type { KnownRequest } from "./docket.ts";
import type { EdgeLoss, EdgeRing } from "./edges.ts";
import type { EnvelopeReader } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import type { PresignaturePool } from "./presignatures.ts";
import type { SafetyLog } from "./safety-log.ts";
import type { MadeKey, SigningScheme } from "./scheme.ts";
import type { CustodySettings } from "./settings.ts";
import type { StorageSeal } from "./storage-seal.ts";

export interface CeremonyParts {
  readonly engine: Engine;
  readonly identity: Identity;
  readonly settings: CustodySettings;
  readonly rosterHash: Uint8Array;
  readonly reader: EnvelopeReader;
  readonly log: SafetyLog;
  readonly rng: Rng;
  readonly emit: Emit;
  readonly approvals: Approvals;
  readonly schemes: readonly SigningScheme[];
  readonly banned: () => ReadonlySet<NodeId>;
  readonly keyOf: (wallet: Uint8Array) => Valid<KeyShare> | undefined;
  readonly edges: EdgeRing;
  readonly presignatures: PresignaturePool;
  /** Presignatures (hexadecimal ids) that attempts have offered which have not begun: each may still use any of its own. */
  readonly reserved: () => ReadonlySet<string>;
  /** A check on the edge to a member failed: it is dead, and everybody is told. */
  readonly loseEdge: (key: Uint8Array, peer: PartyIndex, cause: EdgeLoss) => void;
  /** End whatever uses a key right now, and burn what was prepared with one of its members. */
  readonly endUses: (key: Uint8Array, peer: PartyIndex, reason: string) => void;
  readonly addKey: (made: MadeKey, entry: KnownRequest) => void;
  /** Keys that one node asked for and that are not active. */
  readonly unfinishedOf: (origin: NodeId) => number;
  /** Keys of a purpose and scheme: whether one is active, and certificates of those that are not. */
  readonly keysFor: (
    purpose: string,
    scheme: Scheme,
  ) => { readonly active: boolean; readonly unfinished: readonly Uint8Array[] };
  /** Ask everybody again for the certificate of an unfinished key. */
  readonly collect: (certificate: Uint8Array) => void;
  readonly accuse: (evidence: Evidence) => void;
  readonly storage: StorageSeal;
}
