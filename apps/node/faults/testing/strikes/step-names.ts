/** Names of the steps by which a node makes something durable, read off what it writes. */
import type { LockRecord } from "../../../../../core/custody/locks/index.ts";

/** `journal vote`, `journal sign+spend(nonce)`: the kinds of records that one commit keeps together. */
export const journalStep = (records: readonly LockRecord[]): string =>
  `journal ${[...new Set(records.map(recordName))].join("+")}`;

function recordName(record: LockRecord): string {
  switch (record.kind) {
    case "spend":
      return `spend(${record.purpose})`;
    case "certificate":
      return `certificate(${record.state})`;
    case "release":
      return `release(${record.reason})`;
    case "vote":
      return record.value ? "vote(yes)" : "vote(no)";
    default:
      return record.kind;
  }
}

/** What a statement does to a table (`requests insert`); null if it only reads, or begins and ends transactions. */
export function changeOf(sql: string): string | null {
  const found =
    /^\s*(?<verb>insert|replace|update|delete)\b(?:\s+or\s+\w+)?(?:\s+into|\s+from)?\s+"?(?<table>\w+)"?/i.exec(sql);
  return found === null ? null : `${found.groups!["table"]!} ${found.groups!["verb"]!.toLowerCase()}`;
}

/** `history requests insert+audit_log insert`: what one commit of the history changes. */
export const historyStep = (changes: readonly string[]): string => `history ${[...new Set(changes)].join("+")}`;

/** The kind of a vault's record by the name of its file (`share.….sealed.….tmp`): `share`. */
export const vaultRecord = (file: string): string => /^[a-z-]+/.exec(file)?.[0] ?? "file";
