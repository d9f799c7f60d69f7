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
import { byText, copied } from "./rows.ts";

export function auditOver({ audit, checkpoints }: Contents): Audit {
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
    async keepCheckpoint(row) {
      assert(row.position >= 1 && row.signature.length === 64, "a checkpoint has a position and a signature");
      const known = checkpoints.find(
        ({ node, position, signer }) => node === row.node && position === row.position && signer === row.signer,
      );
      if (known !== undefined) return known.hash === row.hash ? "known" : "conflict";
      checkpoints.push(copied(row));
      checkpoints.sort((a, b) => a.position - b.position || byText(a.signer, b.signer));
      return "saved";
    },
    async checkpoints({ node, from, limit }) {
      checkLimit(limit);
      return copied(checkpoints.filter((row) => row.node === node && row.position >= from).slice(0, limit));
    },
    lastCheckpoint: async (node, signer) =>
      copied(checkpoints.findLast((row) => row.node === node && row.signer === signer)),
  };
}
