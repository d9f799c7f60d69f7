/**
 * Document 004's record of what became of presignatures. A record only: spent marks are custody's, in its journal, and nothing that
 * stands here decides what may be signed. A row may be missing; one that is there was true when it was written.
 */
import type { RequestId } from "./ids.ts";
import type { Saved } from "./outcome.ts";

/** How a presignature can end. */
export const PRESIGNATURE_ENDS = ["used", "burnt"] as const;

/** What became of one presignature on this node. */
export interface PresignatureUse {
  /** Its id, 64 hexadecimal digits. */
  readonly presignature: string;
  /** Id of its key, 64 hexadecimal digits. */
  readonly key: string;
  /** What it was taken for; null if it was burnt before anything took it. */
  readonly request: RequestId | null;
  /** The revision and the attempt at it that took it; null where there is no request. */
  readonly revision: number | null;
  readonly attempt: number | null;
  readonly end: (typeof PRESIGNATURE_ENDS)[number];
  /** Nonces that a partial signature of this node answered with: none if it was burnt. */
  readonly nonces: number;
  readonly usedAtMs: number;
}

/** One row for each presignature that is gone. */
export interface PresignatureUses {
  /** `known` if all but the time stands there already; `conflict` if it stands there with another end: a presignature has one. */
  insert(use: PresignatureUse): Promise<Saved>;
  get(presignature: string): Promise<PresignatureUse | undefined>;
}

/** Whether two rows tell the same, whenever each was told. */
export const isSameUse = (a: PresignatureUse, b: PresignatureUse): boolean =>
  a.presignature === b.presignature &&
  a.key === b.key &&
  a.request === b.request &&
  a.revision === b.revision &&
  a.attempt === b.attempt &&
  a.end === b.end &&
  a.nonces === b.nonces;
