/** What nodes did wrong. */
import { VIOLATIONS, type NodeId, type ViolationKind } from "@conclave/consensus";
import type { RequestId } from "./ids.ts";

/** Every kind of violation that the rules know: document 004's names, and the kinds that sessions prove. */
export const VIOLATION_TYPES = Object.keys(VIOLATIONS) as readonly ViolationKind[];
/** One of `VIOLATION_TYPES`. */
export type ViolationType = ViolationKind;

/** One violation by one node. */
export interface Violation {
  readonly id: number;
  readonly node: NodeId;
  readonly type: ViolationType;
  readonly request: RequestId | null;
  /** Signed bytes that prove it to a third party; null where nothing is provable. */
  readonly evidence: Uint8Array | null;
  readonly detectedAtMs: number;
  readonly actionTaken: string;
}

/** The list of violations, which only grows. */
export interface Violations {
  /** Returns the id it was given. */
  insert(violation: Omit<Violation, "id">): Promise<number>;
  /** In order of arrival, latest first; of one node only if given, and with an id below `before`. */
  list(query: {
    readonly limit: number;
    readonly node?: NodeId;
    readonly before?: number;
  }): Promise<readonly Violation[]>;
}
