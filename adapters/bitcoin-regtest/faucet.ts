import { Transaction } from "bitcoinjs-lib";
import type { Chain } from "./chain.ts";
import { internalHash, outpoint, scriptHash } from "./hash.ts";
import type { Mempool } from "./mempool.ts";
import { COINBASE_MATURITY } from "./params.ts";
import { CHAIN_LIMIT, dustLimit, feeAt } from "./relay-policy.ts";
import type { OwnedOutput } from "./script-index.ts";
import { OP_TRUE } from "./scripts.ts";

/** The faucet's coins do not reach. Says how much there is and what to do. */
export class FaucetEmpty extends Error {
  override readonly name = "FaucetEmpty";
}

const OP_TRUE_HASH = scriptHash(OP_TRUE);
/** Satoshis per 1000 vbytes. */
const FAUCET_RATE = 2000n;
/** Everything but inputs and the paid output: frame and change. */
const FRAME_SIZE = 11 + 10;
/** An OP_TRUE input needs neither script nor witness. */
const INPUT_SIZE = 41;

/** Pays `value` satoshis to a script out of OP_TRUE coins. Throws `FaucetEmpty`. */
export function faucetTransaction(
  { chain, mempool }: { chain: Chain; mempool: Mempool },
  { script, value }: { script: Uint8Array; value: bigint },
): Transaction {
  const tx = new Transaction();
  tx.version = 2;
  tx.addOutput(script, value);
  let gathered = 0n;
  const fee = (): bigint => feeAt(FAUCET_RATE, FRAME_SIZE + 9 + script.length + INPUT_SIZE * tx.ins.length);
  for (const coin of spendableCoins(chain, mempool)) {
    tx.addInput(internalHash(coin.txid), coin.vout, 0xfffffffd);
    gathered += coin.value;
    if (gathered >= value + fee()) break;
  }
  const change = gathered - value - fee();
  if (change < 0n) {
    throw new FaucetEmpty(`the faucet can spend ${gathered} sats now, ${value} were asked for: mine some blocks first`);
  }
  if (change >= dustLimit(OP_TRUE)) tx.addOutput(OP_TRUE, change);
  return tx;
}

/** Confirmed and mature coins first, then change that still waits for its block. */
function* spendableCoins(chain: Chain, mempool: Mempool): Generator<OwnedOutput> {
  for (const output of chain.scripts.unspent(OP_TRUE_HASH)) {
    const key = outpoint(output.txid, output.vout);
    const coin = chain.coin(key);
    const mature = coin !== undefined && (!coin.coinbase || chain.height + 1 - coin.height >= COINBASE_MATURITY);
    if (mature && output.value > 0n && mempool.spend(key) === undefined) yield output;
  }
  for (const output of mempool.scripts.unspent(OP_TRUE_HASH)) {
    if (mempool.ancestors(mempool.get(output.txid)!.tx).size + 2 <= CHAIN_LIMIT) yield output;
  }
}
