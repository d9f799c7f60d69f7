import type { LockRecord } from "./records.ts";

/** Go ahead once `records` (possibly none) are durable; or do not, for a reason people understand and a stable code. */
export type Decision<Code extends string> =
  | { readonly ok: true; readonly records: readonly LockRecord[] }
  | { readonly ok: false; readonly code: Code; readonly reason: string };

/** Go ahead, once these records are durable. */
export const grant = (...records: readonly LockRecord[]) => ({ ok: true, records }) as const;
/** Do not. `reason` is a sentence for people. */
export const refuse = <Code extends string>(code: Code, reason: string) => ({ ok: false, code, reason }) as const;
