/**
 * kill -9 exactly before and exactly after what a node makes durable where a payment does not go straight: an operator's word, a no,
 * the promise never to sign, the release of coins by others' promises, and the end of a payment that is buried.
 */
import assert from "node:assert/strict";
import { decide, ended } from "../by-hand.ts";
import { noticed, type FaultyCluster } from "../cluster.ts";
import { MOMENTS, stepsOf } from "../strikes/orders.ts";
import { PAYMENT_STEPS } from "../strikes/payment-steps.ts";
import { PRELOAD, struckAt } from "../strikes/strike-at.ts";
import { faults } from "../trials.ts";
import { wroteDown } from "../wrote-down.ts";

/** Nodes whose operators are asked about large payments. Without them there are three votes, and a payment takes four. */
const BY_HAND = [3, 4] as const;
const AUTOMATIC_SATS = 100_000;
const LARGE = { moreSats: 2 * AUTOMATIC_SATS };
/** Blocks on top of a payment's, until nodes take it for final. */
const BURIAL_DEPTH = 6;

/** What these make durable beside the steps of a payment, by what has to happen for it. */
const APPROVING = ["journal decision"];
const REFUSING = ["journal abandon", "journal release(abandoned-by-quorum)", "journal vote(no)"];
const BURYING = ["journal release(buried-payment)"];
/** Histories of the same, which come or do not with the order in which votes arrive. */
const HISTORIES = /^history /;

const TURNS = 4;
/** On a machine that has other things to do. */
const TURN_MS = 12_000;

const settings = ({ index }: { readonly index: number }): Readonly<Record<string, unknown>> =>
  index >= BY_HAND[0] ? { policy: { approval: "manual", approve_above_sats: AUTOMATIC_SATS } } : {};

async function approved(cluster: FaultyCluster, node: number): Promise<void> {
  const payment = await cluster.ask(node, LARGE);
  await decide(cluster, BY_HAND[0], payment, "approve");
  await ended(cluster, payment, "confirmed");
}

async function refused(cluster: FaultyCluster, node: number): Promise<void> {
  const payment = await cluster.ask(node, LARGE);
  for (const operator of BY_HAND) await decide(cluster, operator, payment, "reject");
  await ended(cluster, payment, "rejected");
}

async function buried(cluster: FaultyCluster, node: number): Promise<void> {
  await cluster.settled([await cluster.pay(node)]);
  for (let block = 0; block < BURIAL_DEPTH; block++) cluster.running.mine();
}

faults("decisions", { nodes: 5, wired: false, preloads: [PRELOAD], settings }, ({ trial, figure }) => {
  let asked = 0;
  const next = (cluster: FaultyCluster): number => asked++ % cluster.size;

  trial("the promises of undisturbed work are the ones that are struck", async (cluster) => {
    const beside = async (work: () => Promise<void>, others: readonly string[]): Promise<readonly string[]> =>
      (await stepsOf(cluster.folder.root, cluster.network.names, work)).filter(
        (step) => !HISTORIES.test(step) && ![...PAYMENT_STEPS, ...others].includes(step),
      );
    assert.deepEqual(await beside(() => approved(cluster, 0), []), APPROVING);
    assert.deepEqual(await beside(() => refused(cluster, 1), APPROVING), REFUSING);
    const known = [...APPROVING, ...REFUSING];
    const everywhere = cluster.network.names.map((name, index) =>
      noticed(
        cluster,
        `${name} releases what is buried`,
        (node, notice) => node === index && notice.kind === "released",
      ),
    );
    const bury = async (): Promise<void> => {
      await buried(cluster, 2);
      await Promise.all(everywhere);
    };
    assert.deepEqual(await beside(bury, known), BURYING);
  });

  const groups = [
    { steps: APPROVING, work: approved },
    { steps: REFUSING, work: refused },
    { steps: BURYING, work: buried },
  ];
  for (const { steps, work } of groups)
    for (const step of steps)
      for (const moment of MOMENTS)
        trial(`${moment} ${step}`, async (cluster, t) => {
          const { struck, done } = await struckAt(
            cluster,
            { step, moment, node: null },
            { work: () => work(cluster, next(cluster)), turns: TURNS, turnMs: TURN_MS },
          );
          assert(struck !== null, "no node came to this step");
          t.diagnostic(`node${struck.node + 1} was killed and is back`);
          await cluster.linked();
          await done;
        });

  wroteDown({ trial, figure });
});
