/** Document 004's record of what became of presignatures. A record only: spent marks are custody's, in its journal. */
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
  /** What it was used for; null if it was burnt without a use. */
  readonly request: RequestId | null;
  readonly end: (typeof PRESIGNATURE_ENDS)[number];
  readonly usedAtMs: number;
}

/** One row for each presignature that is gone. */
export interface PresignatureUses {
  /** `conflict` if this presignature stands there with another end or request: a presignature has one. */
  insert(use: PresignatureUse): Promise<Saved>;
  get(presignature: string): Promise<PresignatureUse | undefined>;
}
