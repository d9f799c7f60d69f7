import { assert } from "@conclave/bytes";
import {
  type Audit,
  AUDIT_GENESIS,
  type AuditDetail,
  type AuditEntry,
  auditHash,
  type AuditRow,
  verifyAuditRows,
} from "../../store/audit.ts";
import { checkLimit } from "../../store/pages.ts";
import type { Contents } from "./contents.ts";

export function auditOver({ audit }: Contents): Audit {
  const entryOf = (row: AuditRow): AuditEntry => ({ ...row, detail: JSON.parse(row.detail) as AuditDetail });
  const head = (): { position: number; hash: string } => {
    const { position, hash } = audit.at(-1) ?? { position: 0, hash: AUDIT_GENESIS };
    return { position, hash };
  };
  return {
    async append(record) {
      assert(Number.isSafeInteger(record.atMs) && record.atMs >= 0, "an audit time is a whole number of milliseconds");
      const { position, hash } = head();
      const unsigned = {
        ...record,
        position: position + 1,
        previous: hash,
        detail: JSON.stringify(record.detail),
      };
      const row = { ...unsigned, hash: auditHash(unsigned) };
      audit.push(row);
      return entryOf(row);
    },
    async list({ from, limit }) {
      checkLimit(limit);
      return audit
        .filter(({ position }) => position >= from)
        .slice(0, limit)
        .map(entryOf);
    },
    head: async () => head(),
    verify: (known) => verifyAuditRows(audit, known),
  };
}
