/** The wallet's other key, for signatures of two kinds under the same faults. */
import { until } from "../../up/testing/waiting.ts";
import { PATIENCE_MS, type FaultyCluster } from "./cluster.ts";

const COINS = 30;
const COIN_SATS = 1_000_000n;

/** Has the segwit key made, with coins for many payments. */
export async function makeSegwitAccount(cluster: FaultyCluster): Promise<void> {
  const { running } = cluster;
  await running.voice.requestWalletKey("dkls23-secp256k1");
  const address = await until("a segwit key on every node", PATIENCE_MS, async () => {
    const speakers = cluster.awake.map((index) => cluster.process(index).speaker);
    const accounts = await Promise.all(speakers.map((speaker) => speaker.account("segwit")));
    return accounts.every((found) => found !== null) ? accounts[0]!.address : undefined;
  });
  for (let coin = 0; coin < COINS; coin++) running.chain.faucet(address, COIN_SATS);
  running.mine();
  await until("coins of the segwit account", PATIENCE_MS, async () => {
    const balances = await running.voice.balances();
    const balance = balances.find(({ account }) => account === "segwit");
    return balance !== undefined && balance.spendable >= COIN_SATS ? true : undefined;
  });
}
