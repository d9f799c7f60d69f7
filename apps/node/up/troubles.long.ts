/** What a local network says to a user who looks on: nodes killed from outside, servers that stop, payments that get old. */
import assert from "node:assert/strict";
import { after, describe, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { sats } from "@conclave/bitcoin";
import { etcdMissing, startEtcd } from "@conclave/coordination-etcd/testing";
import { postgresMissing, startPostgres } from "@conclave/store-sql/testing";
import { attend } from "./console.ts";
import { createNetwork, folderAt, type LocalNetwork } from "./folder.ts";
import { mineAsTheyCome } from "./mining.ts";
import type { Services } from "./node-configs.ts";
import { Notices } from "./notices.ts";
import { ProcessNetwork } from "./process-network.ts";
import { startProgress, type Progress } from "./progress.ts";
import { DEMO_RECIPIENT } from "./recipient.ts";
import { killAll } from "./testing/command.ts";
import { freePortBase, temporaryFolder } from "./testing/places.ts";
import { until } from "./testing/waiting.ts";
import { tellTroubles } from "./troubles.ts";

/** A node notices within ten seconds; a loaded machine takes its time for everything. */
const PATIENCE_MS = 90_000;
const LOOK_MS = 200;
/** So much of the chain follows a payment while the console is watched. */
const BLOCKS = 8;

after(killAll);

/** Three nodes, two of which sign, and every line that their user would read. */
async function watched(t: TestContext, services: Services = {}) {
  const temporary = temporaryFolder();
  const folder = folderAt(temporary.path);
  const network: LocalNetwork = {
    version: 1,
    cluster: "local",
    names: ["node1", "node2", "node3"],
    threshold: 2,
    quorum: 2,
    network: "regtest",
    genesis_ms: Date.now(),
  };
  createNetwork(folder, network);
  const [notices, said, portBase] = [new Notices(), [] as string[], await freePortBase(3)];
  const progress: Progress = {
    ...startProgress({ json: true, startMs: 0 }),
    event: () => {},
    say: (text) => void said.push(text),
  };
  const parts = { folder, network, portBase, allowDigests: false, notify: notices.publish };
  const running = await ProcessNetwork.start({ ...parts, transport: "tls", services });
  const stops = [
    mineAsTheyCome(running, notices),
    tellTroubles({ network, running, progress, hands: true, lookMs: LOOK_MS }),
    attend(network, running, notices, progress),
  ];
  t.after(async () => {
    for (const stop of stops) stop();
    await running.stop();
    temporary.remove();
  });
  const heard = (line: RegExp): Promise<string> =>
    until(
      String(line),
      PATIENCE_MS,
      () => said.find((text) => line.test(text)),
      () => said,
    );
  return { running, said, heard, count: (line: RegExp) => said.filter((text) => line.test(text)).length };
}

async function payFrom(running: ProcessNetwork, key: string): Promise<string> {
  return running.voice.createPayment({
    account: "taproot",
    recipient: DEMO_RECIPIENT,
    amount: sats(20_000n),
    feeRate: null,
    metadata: null,
    idempotencyKey: key,
  });
}

async function makeWallet(running: ProcessNetwork): Promise<void> {
  await running.voice.requestWalletKey("frost-secp256k1-taproot");
  const account = await until("a key", PATIENCE_MS, async () => {
    const found = await Promise.all(running.speakers.map((speaker) => speaker!.account("taproot")));
    return found.every((known) => known !== null) ? found[0]! : undefined;
  });
  for (let i = 0; i < 4; i++) running.chain.faucet(account.address, 1_000_000n);
  running.mine();
}

describe("the console of a local network", () => {
  test("says that a node's process ended and how to have it back, and each payment's confirmation once", async (t) => {
    const { running, heard, count } = await watched(t);
    await makeWallet(running);
    const first = (await payFrom(running, "1")).slice(0, 8);
    await heard(new RegExp(`payment ${first} confirmed`));
    // From outside: nobody asked the network for it.
    running.processes[0]!.signal("SIGKILL");
    await heard(
      /^node1's process ended with SIGKILL: its log is .*node1.node\.log; 2 of 3 nodes run, payments go on; type "start node1" to start it again$/,
    );
    const second = (await payFrom(running, "2")).slice(0, 8);
    await heard(new RegExp(`payment ${second} confirmed`));
    for (let i = 0; i < BLOCKS; i++) {
      running.mine();
      await delay(LOOK_MS);
    }
    running.processes[1]!.signal("SIGKILL");
    await heard(/^node2's process ended .*; payments wait for 2 nodes, 1 run; type "start node2"/);
    await running.startNode(0);
    assert.deepEqual(
      running.speakers.map((speaker) => speaker !== null),
      [true, false, true],
    );
    // A node that starts waits for two others to confirm its journal.
    await running.startNode(1);
    const third = (await payFrom(running, "3")).slice(0, 8);
    await heard(new RegExp(`payment ${third} confirmed`));
    for (const payment of [first, second, third])
      assert.equal(count(new RegExp(`payment ${payment} confirmed`)), 1, payment);
    assert.equal(count(/process ended/), 2, "a node that is stopped in order is no news");
    await Promise.all([running.stopNode(0), running.stopNode(1)]);
    running.processes[2]!.signal("SIGKILL");
    await heard(
      /^node3's process ended .*; payments wait for 2 nodes, 0 run; start the network again to have it back$/,
    );
    assert.throws(() => running.voice, { name: "NoNodeRuns" });
    assert.deepEqual([count(/node1's process ended/), count(/node2's process ended/)], [1, 1]);
  });

  const missing = postgresMissing() ?? etcdMissing();
  test("says once that etcd or PostgreSQL is away, and once that it is back", { skip: missing ?? false }, async (t) => {
    const [postgres, etcd] = await Promise.all([startPostgres(), startEtcd({ members: 1 })]);
    t.after(() => Promise.all([postgres.dispose(), etcd.close()]));
    const services = { postgresUrl: postgres.url(), etcdEndpoints: etcd.endpoints };
    const { heard, said, count } = await watched(t, services);
    const [member] = etcd.members;
    await member!.kill();
    await heard(/^etcd: .*\(node\d says so\)$/);
    await postgres.stop();
    await heard(/^history: .*\(node\d says so\)$/);
    await postgres.start();
    await heard(/^history: well again on every node that runs$/);
    member!.start();
    await heard(/^etcd: well again on every node that runs$/);
    assert.deepEqual([count(/^etcd: /), count(/^history: /)], [2, 2], said.join("\n"));
  });
});
