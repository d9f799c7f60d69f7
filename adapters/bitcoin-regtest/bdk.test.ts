/**
 * BDK (bdk_wallet and bdk_esplora, compiled to WASM) as an independent wallet and an independent Esplora client: it reads
 * our chain through our server, and our chain accepts what it signs.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import * as bdk from "@metamask/bitcoindevkit";
import { openRegtest, type Regtest, type RegtestServer } from "./index.ts";

/** The master key of BIP174's test vectors. */
const MASTER =
  "tprv8ZgxMBicQKsPd9TeAdPADNnSyH9SSUUbTVeFszDE23Ki6TBB5nCefAdHkK8Fm3qMQR6sHwA56zqRmKmxnHk37JkiFzvncDqoKmPWubu7hDF";
const STOP_GAP = 5;

for (const [name, descriptor] of [
  ["P2TR", (branch: number): string => `tr(${MASTER}/${branch}/*)`],
  ["P2WPKH", (branch: number): string => `wpkh(${MASTER}/${branch}/*)`],
] as const) {
  describe(`BDK wallet, ${name}`, () => {
    let chain: Regtest;
    let server: RegtestServer;
    let client: bdk.EsploraClient;
    let wallet: bdk.Wallet;

    beforeEach(async () => {
      chain = await openRegtest();
      server = await chain.listen();
      client = new bdk.EsploraClient(server.url, 0);
      wallet = bdk.Wallet.create("regtest", descriptor(0), descriptor(1));
      wallet.reveal_next_address("external");
    });
    afterEach(() => chain.close());

    const fullScan = async (): Promise<void> =>
      wallet.apply_update(await client.full_scan(wallet.start_full_scan(), STOP_GAP, 2));
    const sync = async (): Promise<void> =>
      wallet.apply_update(await client.sync(wallet.start_sync_with_revealed_spks(), 2));
    const addressAt = (index: number): string => wallet.peek_address("external", index).address.toString();
    const balance = (): { confirmed: bigint; pending: bigint } => ({
      confirmed: wallet.balance.confirmed.to_sat(),
      pending: wallet.balance.trusted_pending.to_sat() + wallet.balance.untrusted_pending.to_sat(),
    });

    test("finds coins by a full scan, beyond one page of history", async () => {
      for (let i = 0; i < 28; i++) chain.faucet(addressAt(0), 10_000);
      chain.faucet(addressAt(STOP_GAP - 1), 50_000);
      await fullScan();
      assert.deepEqual(balance(), { confirmed: 28n * 10_000n + 50_000n, pending: 0n });
      assert.equal(wallet.transactions().length, 29);
      assert.equal(wallet.latest_checkpoint.height, chain.height);
      assert.equal(wallet.latest_checkpoint.hash, chain.tipHash);
      assert.ok(server.requests.some((request) => request.includes("/txs/chain/")));
    });

    test("sees a coin wait, confirm, vanish in a reorg, and confirm again", async () => {
      const txid = chain.faucet(addressAt(0), 100_000, { confirm: false });
      await fullScan();
      assert.deepEqual(balance(), { confirmed: 0n, pending: 100_000n });
      chain.mine(1);
      await sync();
      assert.deepEqual(balance(), { confirmed: 100_000n, pending: 0n });
      chain.reorg(1);
      await sync();
      assert.deepEqual(balance(), { confirmed: 0n, pending: 100_000n });
      chain.mine(1);
      await sync();
      assert.deepEqual(balance(), { confirmed: 100_000n, pending: 0n });
      const anchor = wallet.transactions()[0]!.chain_position.anchor!;
      assert.equal(anchor.block_id.hash, chain.tipHash);
      assert.equal(wallet.transactions()[0]!.txid.toString(), txid);
    });

    test("spends: its own transaction is accepted, broadcast through the server, and confirmed", async () => {
      chain.faucet(addressAt(0), 100_000);
      chain.faucet(addressAt(0), 70_000);
      await fullScan();
      const target = bdk.Address.from_string("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "regtest");
      const recipient = bdk.Recipient.from_address(target, bdk.Amount.from_sat(120_000n));
      const psbt = wallet.build_tx().add_recipient(recipient).fee_rate(new bdk.FeeRate(2n)).finish();
      const options = new bdk.SignOptions();
      assert.equal(wallet.sign(psbt, options), true);
      const fee = psbt.fee().to_sat();
      await client.broadcast(psbt.extract_tx());
      const [entry] = chain.mempool.entries();
      assert.equal(entry!.fee, fee);
      assert.equal(entry!.tx.ins.length, 2);
      await sync();
      assert.deepEqual(balance(), { confirmed: 0n, pending: 170_000n - 120_000n - fee });
      chain.mine(1);
      await sync();
      assert.deepEqual(balance(), { confirmed: 170_000n - 120_000n - fee, pending: 0n });
    });

    test("reads our fee estimates", async () => {
      const estimates = await client.get_fee_estimates();
      assert.equal(estimates.get(1), 5);
      assert.equal(estimates.get(1008), 1);
    });
  });
}
