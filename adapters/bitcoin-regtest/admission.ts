import { Transaction } from "bitcoinjs-lib";
import type { Chain } from "./chain.ts";
import { displayHash, outpoint, spentOutpoint, toHex } from "./hash.ts";
import type { Mempool, MempoolEntry } from "./mempool.ts";
import { Rejected, refuse, RPC_ALREADY_IN_CHAIN, RPC_DECODE_FAILED, RPC_INPUTS_OR_FEE } from "./rejected.ts";
import { CHAIN_LIMIT, checkStandard, feeAt, MAX_FEE_RATE, type RelayPolicy } from "./relay-policy.ts";
import { checkReplacement } from "./replacement.ts";
import { checkSpend } from "./spend-rules.ts";
import {
  checkInputs,
  checkTransaction,
  type Coin,
  isCoinbase,
  isFinal,
  sequenceLocksPass,
} from "./transaction-rules.ts";

/** What the door of the mempool looks at. */
export interface Door {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly policy: RelayPolicy;
  /** Unix seconds. */
  readonly now: () => number;
}

/** `paidByChild`: part of a package whose child was found to pay the minimum for all. */
export interface AdmitOptions {
  readonly paidByChild?: boolean;
}

/** Raw bytes of a transaction as hex, decoded. Throws `Rejected` (-22) unless they are exactly one transaction. */
export function decodeTransaction(hex: string): Transaction {
  try {
    const tx = Transaction.fromHex(hex);
    if (toHex(tx.toBuffer()) === hex.toLowerCase()) return tx;
  } catch {
    // Every way of not being a transaction is answered alike, as Core does.
  }
  throw new Rejected(RPC_DECODE_FAILED, "TX decode failed. Make sure the tx has at least one input.");
}

/**
 * Takes a transaction into the mempool as `sendrawtransaction` does and returns its txid. Posting one that is already
 * there is fine. The order of the checks is Core's (MemPoolAccept::PreChecks). Throws `Rejected`; nothing changes then.
 */
export function admit(door: Door, tx: Transaction, { paidByChild = false }: AdmitOptions = {}): string {
  const txid = tx.getId();
  if (door.mempool.get(txid) !== undefined) return txid;
  if (tx.outs.some((_, vout) => door.chain.coin(outpoint(txid, vout)) !== undefined)) {
    throw new Rejected(RPC_ALREADY_IN_CHAIN, "Transaction outputs already in utxo set");
  }
  checkTransaction(tx);
  if (isCoinbase(tx)) refuse("coinbase");
  checkStandard(tx);
  const { coins, fee } = checkAgainstChain(door, tx);
  const vsize = tx.virtualSize();
  const conflicts = conflictsOf(door, tx);
  checkFee(door, { vsize, fee, paidByChild });
  const entry = makeEntry(tx, { coins, fee, vsize, arrived: door.now() });
  checkReplacement(door, entry, conflicts);
  const replaced = door.mempool.withDescendants(conflicts);
  checkChainLimits(door, tx, replaced);
  tx.ins.forEach((_, i) => checkSpend(tx, i, coins));
  for (const id of conflicts) door.mempool.evict(id);
  door.mempool.add(entry);
  return txid;
}

/**
 * Puts a transaction back after a reorganisation: consensus again, but no fee, no replacement, no signature (its inputs
 * are the same outputs as before). False if it no longer fits.
 */
export function readmit(door: Door, tx: Transaction): boolean {
  const txid = tx.getId();
  if (door.mempool.get(txid) !== undefined || door.chain.transaction(txid) !== undefined) return false;
  if (isCoinbase(tx) || conflictsOf(door, tx).size > 0) return false;
  try {
    const { coins, fee } = checkAgainstChain(door, tx);
    door.mempool.add(makeEntry(tx, { coins, fee, vsize: tx.virtualSize(), arrived: door.now() }));
    return true;
  } catch (cause) {
    if (cause instanceof Rejected) return false;
    throw cause;
  }
}

const makeEntry = (
  tx: Transaction,
  { coins, ...rest }: { coins: readonly Coin[]; fee: bigint; vsize: number; arrived: number },
): MempoolEntry => ({
  tx,
  txid: tx.getId(),
  prevouts: coins.map(({ script, value }) => ({ script, value })),
  ...rest,
});

function checkAgainstChain(door: Door, tx: Transaction): { coins: readonly Coin[]; fee: bigint } {
  const context = door.chain.nextContext();
  if (!isFinal(tx, context)) refuse("non-final");
  const coins = tx.ins.map((input) => {
    const coin = coinFor(door, input);
    if (coin === undefined) throw new Rejected(RPC_INPUTS_OR_FEE, "bad-txns-inputs-missingorspent");
    return coin;
  });
  if (!sequenceLocksPass(tx, coins, context)) refuse("non-BIP68-final");
  return { coins, fee: checkInputs(tx, coins, context.height) };
}

function coinFor({ chain, mempool }: Door, input: Transaction["ins"][number]): Coin | undefined {
  const unconfirmed = mempool.output(displayHash(input.hash), input.index);
  if (unconfirmed !== undefined) return { ...unconfirmed, height: chain.height + 1, coinbase: false };
  return chain.coin(spentOutpoint(input));
}

/** Waiting transactions that spend the same outputs. */
function conflictsOf({ mempool }: Door, tx: Transaction): ReadonlySet<string> {
  const spenders = tx.ins.map((input) => mempool.spend(spentOutpoint(input))?.txid);
  return new Set(spenders.filter((id) => id !== undefined));
}

function checkFee(
  { policy }: Door,
  { vsize, fee, paidByChild }: { vsize: number; fee: bigint; paidByChild: boolean },
): void {
  const least = feeAt(policy.minRelayRate, vsize);
  if (fee < least && !paidByChild) refuse(`min relay fee not met, ${fee} < ${least}`);
  if (fee > feeAt(MAX_FEE_RATE, vsize)) {
    throw new Rejected(RPC_INPUTS_OR_FEE, "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)");
  }
}

function checkChainLimits({ mempool }: Door, tx: Transaction, replaced: ReadonlySet<string>): void {
  const ancestors = mempool.ancestors(tx);
  if (ancestors.size + 1 > CHAIN_LIMIT) {
    refuse(`too-long-mempool-chain, too many unconfirmed ancestors [limit: ${CHAIN_LIMIT}]`);
  }
  for (const id of ancestors) {
    const descendants = [...mempool.descendants(id)].filter((descendant) => !replaced.has(descendant));
    if (descendants.length + 1 > CHAIN_LIMIT) {
      refuse(`too-long-mempool-chain, too many descendants for tx ${id} [limit: ${CHAIN_LIMIT}]`);
    }
  }
}
