/** The cheapest faults on real processes, for every run of the tests; `node scripts/faults.ts` has all of them. */
import { setTimeout as delay } from "node:timers/promises";
import { phaseOf } from "./testing/phases.ts";
import { ANY, LINE, struckIn } from "./testing/strike.ts";
import { faults } from "./testing/trials.ts";

const PARTED_MS = 3_000;

faults("a few faults", { nodes: 3 }, ({ trial }) => {
  trial("a signer is killed in its last round, comes back, and the payment is made once", async (cluster) => {
    cluster.wires.impair(LINE);
    await struckIn(cluster, { phase: "round frost/sign/2", victim: ANY }, async () => {
      await cluster.settled([await cluster.pay(0)]);
    });
    await cluster.linked();
  });
  trial("a node that is cut off in the middle of a payment learns of it when the line has healed", async (cluster) => {
    const begun = new Promise<void>((resolve) => {
      const stop = cluster.notices.listen((_, notice) => {
        if (phaseOf(notice) !== "begun") return;
        stop();
        resolve();
      });
    });
    const payment = await cluster.pay(1);
    await begun;
    cluster.wires.partition([["node3"]]);
    await delay(PARTED_MS);
    cluster.wires.heal();
    await cluster.settled([payment]);
  });
});
