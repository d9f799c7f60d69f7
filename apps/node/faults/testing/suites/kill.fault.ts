/**
 * kill -9 of a node in every phase of a payment, and its return: the payment is made, once, and the node learns of it. The
 * phases are those that an undisturbed payment goes through.
 */
import assert from "node:assert/strict";
import { phaseOf } from "../phases.ts";
import { CAMPAIGN, sampled } from "../run.ts";
import { ANY, LINE, struckIn } from "../strike.ts";
import { faults } from "../trials.ts";

/** What nodes tell of while they make a payment from a Taproot account, from the request to the block. */
const PHASES = [
  "proposed",
  "voted",
  "verdict",
  "joined",
  "acked",
  "begun",
  "round frost/sign/1",
  "round frost/sign/2",
  "signed",
  "broadcasting",
  "confirmed",
];
/** Coordinators and signers take turns: a node that was none the first time is one soon. */
const TURNS = 4;

faults("kill in a payment", { nodes: 5 }, ({ trial }) => {
  trial("the phases of an undisturbed payment are the ones that are struck", async (cluster) => {
    cluster.wires.impair(LINE);
    const seen = new Set<string>();
    const stop = cluster.notices.listen((_, notice) => void seen.add(phaseOf(notice) ?? "other"));
    await cluster.settled([await cluster.pay(0)]);
    stop();
    assert.deepEqual([...seen].filter((phase) => phase !== "other").sort(), PHASES.toSorted());
  });
  for (const phase of sampled(PHASES, 4, "phases of a payment")) {
    const place = PHASES.indexOf(phase);
    for (const victim of CAMPAIGN ? [0, 1, 2, 3, 4] : [ANY])
      trial(`${phase}: ${victim === ANY ? "the first node in it" : `node${victim + 1}`}`, async (cluster, t) => {
        let node: number | null = null;
        for (let turn = 0; turn < TURNS && node === null; turn++) {
          const asked = (victim === ANY ? place : victim + 1 + turn) % cluster.size;
          node = await struckIn(cluster, { phase, victim }, async () => {
            await cluster.settled([await cluster.pay(asked)]);
          });
        }
        t.diagnostic(node === null ? "it never was in this phase" : `node${node + 1} was killed and is back`);
        await cluster.linked();
        await cluster.settled();
      });
  }
});
