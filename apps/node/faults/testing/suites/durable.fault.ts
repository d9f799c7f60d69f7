/**
 * kill -9 exactly before and exactly after every step by which a node makes something durable, and its return. The steps are
 * those that undisturbed work goes through: a step that is new in the product is missing here, and the first trial says so.
 */
import assert from "node:assert/strict";
import { askForKey, keyMade } from "../keys.ts";
import { askToPrepare, askToSign, messageSigned, prepared } from "../messages.ts";
import { sampled } from "../run.ts";
import { giveOrder, MOMENTS, stepsOf, takenOrder } from "../strikes/orders.ts";
import { PAYMENT_STEPS } from "../strikes/payment-steps.ts";
import { PRELOAD, struckAt } from "../strikes/strike-at.ts";
import { makeSegwitAccount } from "../second-account.ts";
import { faults } from "../trials.ts";
import type { FaultyCluster } from "../cluster.ts";
import { wroteDown } from "../wrote-down.ts";

/**
 * Steps that come or do not while undisturbed work is done: where a machine with other things to do was too slow for an attempt,
 * and what nodes do from time to time.
 */
const AT_TIMES = ["history events update+event_reasons insert", "history audit_checkpoints insert"];
/** Of a signature that was prepared, and of its preparation, beside the steps of a payment. */
const MESSAGE = [
  "history messages insert+audit_log insert",
  "history presignature_usage insert",
  "history requests insert",
  "history requests insert+revisions insert+messages insert",
  "journal spend(presignature)",
  "journal vote(yes)",
];
/** Those that come with preparing one, or with using what was prepared. */
const OF_PREPARING = ["history requests insert", "history presignature_usage insert", "journal spend(presignature)"];
/** Of a key with pairwise setups, beside those. */
const KEY = [
  "history audit_log insert",
  "journal certificate(active)",
  "journal certificate(signed)",
  "vault folder after writing edge",
  "vault folder after writing share",
  "vault rename, writing edge",
  "vault rename, writing share",
  "vault sync edge",
  "vault sync share",
];
/** Of a node's start, beside all of those. */
const START = ["journal checkpoint", "journal note"];

const ACCOUNTS = ["taproot", "segwit"] as const;
/** Origin, coordinator and signers take turns: who was none the first time is one soon. */
const TURNS = 5;
/** What one turn takes to come to any of its steps, on a machine that has other things to do. */
const TURN_MS = { payment: 4_000, key: 20_000, message: 6_000 };
const PREPARED = 20;

faults("durable", { nodes: 5, wired: false, preloads: [PRELOAD] }, ({ trial, figure }) => {
  let messageKey = "";
  let asked = 0;
  const next = (cluster: FaultyCluster): number => asked++ % cluster.size;

  trial("the steps of undisturbed work are the ones that are struck", async (cluster) => {
    await makeSegwitAccount(cluster);
    const { folder, network } = cluster;
    const steps = (work: () => Promise<void>): Promise<readonly string[]> => stepsOf(folder.root, network.names, work);
    const seen = {
      payment: await steps(async () => {
        for (const account of ACCOUNTS)
          for (const node of [0, 1]) await cluster.settled([await cluster.pay(node, account)]);
      }),
      key: await steps(async () => {
        await askForKey(cluster, 0, "messages");
        messageKey = await keyMade(cluster, "messages");
      }),
      message: await steps(async () => {
        await askToPrepare(cluster, 0, messageKey, PREPARED);
        await prepared(cluster, messageKey);
        await messageSigned(cluster, await askToSign(cluster, 1, { key: messageKey, message: "undisturbed" }));
      }),
      start: await steps(async () => {
        await cluster.kill(2);
        await cluster.start(2);
        await cluster.linked();
      }),
    };
    const beside = (found: readonly string[], others: readonly string[]): readonly string[] =>
      found.filter((step) => !others.includes(step));
    assert.deepEqual(beside(seen.payment, AT_TIMES), PAYMENT_STEPS);
    const paying = [...PAYMENT_STEPS, ...AT_TIMES];
    assert.deepEqual(beside(seen.message, paying), MESSAGE);
    assert.deepEqual(beside(seen.key, [...paying, ...MESSAGE]), KEY);
    assert.deepEqual(beside(seen.start, [...paying, ...MESSAGE, ...KEY]), START);
  });

  for (const step of PAYMENT_STEPS)
    for (const moment of MOMENTS)
      trial(`payment, ${moment} ${step}`, async (cluster, t) => {
        const { struck } = await struckAt(
          cluster,
          { step, moment, node: null },
          {
            work: (turn) => cluster.pay(next(cluster), ACCOUNTS[turn % ACCOUNTS.length]),
            turns: TURNS,
            turnMs: TURN_MS.payment,
          },
        );
        assert(struck !== null, "no node came to this step");
        t.diagnostic(`node${struck.node + 1} was killed and is back`);
      });
  trial("every payment that was cut through is made", (cluster) => cluster.judge());

  for (const step of sampled(MESSAGE, 1, "steps of a message"))
    for (const moment of MOMENTS)
      trial(`message, ${moment} ${step}`, async (cluster, t) => {
        const signed: Promise<void>[] = [];
        const { struck, done } = await struckAt(
          cluster,
          { step, moment, node: null },
          {
            work: async () => {
              const message = `message-${asked}`;
              if (OF_PREPARING.includes(step)) await askToPrepare(cluster, asked % cluster.size, messageKey, 1);
              const id = await askToSign(cluster, next(cluster), { key: messageKey, message });
              signed.push(messageSigned(cluster, id));
            },
            turns: TURNS,
            turnMs: TURN_MS.message,
          },
        );
        assert(struck !== null, "no node came to this step");
        t.diagnostic(`node${struck.node + 1} was killed and is back`);
        await done;
        await Promise.all(signed);
      });

  for (const step of sampled(KEY, 1, "steps of a key"))
    for (const moment of MOMENTS)
      trial(`key, ${moment} ${step}`, async (cluster, t) => {
        const name = `k${asked}`;
        const { struck, done } = await struckAt(
          cluster,
          { step, moment, node: null },
          {
            work: () => askForKey(cluster, next(cluster), name),
            turns: 1,
            turnMs: TURN_MS.key,
          },
        );
        assert(struck !== null, "no node came to this step");
        t.diagnostic(`node${struck.node + 1} was killed and is back`);
        await done;
        await keyMade(cluster, name);
      });

  for (const step of START)
    for (const moment of MOMENTS)
      trial(`start, ${moment} ${step}`, async (cluster) => {
        const node = next(cluster);
        await cluster.kill(node);
        giveOrder(cluster.folder.root, { step, moment, node: cluster.network.names[node]!, what: "kill" });
        await assert.rejects(cluster.start(node), { name: "NodeEnded" });
        assert.equal(takenOrder(cluster.folder.root)?.step, step);
        await cluster.start(node);
      });

  wroteDown({ trial, figure });
});
