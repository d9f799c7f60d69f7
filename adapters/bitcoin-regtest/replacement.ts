import { spentOutpoint } from "./hash.ts";
import type { Mempool, MempoolEntry } from "./mempool.ts";
import { refuse } from "./rejected.ts";
import { feeAt, MAX_EVICTED, type RelayPolicy } from "./relay-policy.ts";

/** A sequence number up to this asks to be replaceable (BIP125). */
const MAX_REPLACEABLE_SEQUENCE = 0xfffffffd;

/**
 * May `entry` take the place of the waiting transactions it conflicts with? The rules of BIP125 with Core's texts
 * (policy/rbf.cpp). Throws `Rejected`. Nothing to say without a conflict.
 */
export function checkReplacement(
  { mempool, policy }: { mempool: Mempool; policy: RelayPolicy },
  entry: MempoolEntry,
  conflicts: ReadonlySet<string>,
): void {
  if (conflicts.size === 0) return;
  const direct = [...conflicts].map((id) => mempool.get(id)!);
  if (!policy.fullRbf && !direct.every((old) => signals(mempool, old))) refuse("txn-mempool-conflict");
  const evicted = mempool.withDescendants(conflicts);
  if ([...mempool.ancestors(entry.tx)].some((id) => conflicts.has(id))) refuse("bad-txns-spends-conflicting-tx");
  checkNoNewUnconfirmed(mempool, entry, direct);
  if (evicted.size > MAX_EVICTED) {
    refuse(`too many potential replacements, rejecting replacement ${entry.txid}; ${evicted.size} > ${MAX_EVICTED}`);
  }
  for (const old of direct) {
    if (entry.fee * BigInt(old.vsize) <= old.fee * BigInt(entry.vsize)) {
      refuse(`insufficient fee, rejecting replacement ${entry.txid}; its feerate does not exceed that of ${old.txid}`);
    }
  }
  const oldFees = [...evicted].reduce((sum, id) => sum + mempool.get(id)!.fee, 0n);
  const rejecting = `insufficient fee, rejecting replacement ${entry.txid}`;
  if (entry.fee < oldFees) refuse(`${rejecting}, less fees than conflicting txs; ${entry.fee} < ${oldFees}`);
  const increment = feeAt(policy.incrementalRate, entry.vsize);
  if (entry.fee - oldFees < increment) {
    refuse(`${rejecting}, not enough additional fees to relay; ${entry.fee - oldFees} < ${increment}`);
  }
}

/** BIP125 rule 1: by its own sequence numbers or by those of an unconfirmed ancestor. */
function signals(mempool: Mempool, entry: MempoolEntry): boolean {
  const own = [entry, ...[...mempool.ancestors(entry.tx)].map((id) => mempool.get(id)!)];
  return own.some(({ tx }) => tx.ins.some((input) => input.sequence <= MAX_REPLACEABLE_SEQUENCE));
}

/** BIP125 rule 2: a replacement may only use unconfirmed outputs that one of the originals used. */
function checkNoNewUnconfirmed(mempool: Mempool, entry: MempoolEntry, direct: readonly MempoolEntry[]): void {
  const parentOf = (input: MempoolEntry["tx"]["ins"][number]): string => spentOutpoint(input).slice(0, 64);
  const known = new Set(direct.flatMap(({ tx }) => tx.ins.map(parentOf)));
  entry.tx.ins.forEach((input, i) => {
    const parent = parentOf(input);
    if (mempool.get(parent) !== undefined && !known.has(parent)) {
      refuse(`replacement-adds-unconfirmed, replacement ${entry.txid} adds unconfirmed input, idx ${i}`);
    }
  });
}
