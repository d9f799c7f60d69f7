/** What attempts need of this node. */
import type { Rng } from "@conclave/bytes";
import type { Evidence, NodeId } from "@conclave/consensus";
import type { Engine } from "@conclave/crypto";
import type { KeyShare, Valid } from "@conclave/keys";
import type { Approvals } from "./approvals.ts";
import type { EnvelopeReader } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import type { SafetyLog } from "./safety-log.ts";
import type { SigningScheme } from "./scheme.ts";
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
  readonly addKey: (share: KeyShare) => void;
  /** Keys of a purpose: whether one is active, and certificates of those that are not. */
  readonly keysFor: (purpose: string) => { readonly active: boolean; readonly unfinished: readonly Uint8Array[] };
  /** Ask everybody again for the certificate of an unfinished key. */
  readonly collect: (certificate: Uint8Array) => void;
  readonly accuse: (evidence: Evidence) => void;
  readonly storage: StorageSeal;
}
