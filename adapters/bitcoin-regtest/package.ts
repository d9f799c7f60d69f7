import type { Transaction } from "bitcoinjs-lib";
import { admit, decodeTransaction, type Door } from "./admission.ts";
import { displayHash, outpoint } from "./hash.ts";
import { Rejected, refuse, RPC_ALREADY_IN_CHAIN } from "./rejected.ts";
import { feeAt } from "./relay-policy.ts";

/** What became of one transaction of a package; `error` is null if it was taken. */
export interface PackageResult {
  readonly rawTx: string;
  readonly txid: string;
  readonly error: string | null;
}

/**
 * Takes parents below the minimum fee if the last transaction pays enough for the whole package (Core's submitpackage,
 * child with parents). All or nothing. Throws `Rejected` for a package that is none.
 */
export function admitPackage(door: Door, rawTxs: readonly string[]): readonly PackageResult[] {
  const transactions = rawTxs.map(decodeTransaction);
  checkTopology(transactions);
  const paidByChild = paysForAll(door, transactions);
  const taken: string[] = [];
  let refused: Rejected | null = null;
  const errors = transactions.map((tx): string | null => {
    if (refused !== null) return "package-not-validated";
    const known = door.mempool.get(tx.getId()) !== undefined;
    try {
      const txid = admit(door, tx, { paidByChild });
      if (!known) taken.push(txid);
      return null;
    } catch (cause) {
      if (!(cause instanceof Rejected)) throw cause;
      if (cause.code === RPC_ALREADY_IN_CHAIN) return null;
      refused = cause;
      return cause.message;
    }
  });
  if (refused !== null) for (const txid of taken) door.mempool.evict(txid);
  return transactions.map((tx, i) => ({ rawTx: rawTxs[i]!, txid: tx.getId(), error: errors[i]! }));
}

function checkTopology(transactions: readonly Transaction[]): void {
  const parents = new Set(transactions.slice(0, -1).map((tx) => tx.getId()));
  const spent = new Set(transactions.at(-1)?.ins.map(({ hash }) => displayHash(hash)));
  if (parents.size !== transactions.length - 1 || [...parents].some((txid) => !spent.has(txid))) {
    refuse("package topology disallowed. not child-with-parents");
  }
}

/** Fees of the package against the minimum for its size; a transaction with unknown inputs pays for nothing. */
function paysForAll({ chain, mempool, policy }: Door, transactions: readonly Transaction[]): boolean {
  const made = new Map<string, bigint>();
  for (const tx of transactions) {
    const txid = tx.getId();
    tx.outs.forEach((output, vout) => made.set(outpoint(txid, vout), output.value));
  }
  let fees = 0n;
  for (const tx of transactions) {
    for (const { hash, index } of tx.ins) {
      const source = displayHash(hash);
      const key = outpoint(source, index);
      fees += made.get(key) ?? mempool.output(source, index)?.value ?? chain.coin(key)?.value ?? 0n;
    }
    for (const output of tx.outs) fees -= output.value;
  }
  const vsize = transactions.reduce((sum, tx) => sum + tx.virtualSize(), 0);
  return fees >= feeAt(policy.minRelayRate, vsize);
}
