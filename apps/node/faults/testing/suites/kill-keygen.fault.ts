/**
 * kill -9 of a node in every phase of a key generation, and its return: all nodes come to hold one key. Three nodes, so that
 * the pairwise setups of one key take seconds and not a minute.
 */
import assert from "node:assert/strict";
import { askForKey, keyMade } from "../keys.ts";
import { phaseOf } from "../phases.ts";
import { CAMPAIGN, sampled } from "../run.ts";
import { ANY, LINE, struckIn } from "../strike.ts";
import { faults } from "../trials.ts";

/** What nodes tell of while they make a key of DKLS23, from the request to the certificate. */
const PHASES = [
  "proposed",
  "joined",
  "acked",
  "begun",
  "round keygen/1-commit",
  "round keygen/2-open",
  "round keygen/3-prove",
  "round keygen/4-confirm",
  "round dkls23/setup/1-choose",
  "round dkls23/setup/2-answer",
  "round dkls23/setup/3-confirm",
  "keyPending",
  "keyActive",
];

faults("kill in a key generation", { nodes: 3 }, ({ trial }) => {
  trial("the phases of an undisturbed key generation are the ones that are struck", async (cluster) => {
    cluster.wires.impair(LINE);
    const seen = new Set<string>();
    const stop = cluster.notices.listen((_, notice) => void seen.add(phaseOf(notice) ?? "other"));
    await askForKey(cluster, 0, "undisturbed");
    await keyMade(cluster, "undisturbed");
    stop();
    assert.deepEqual([...seen].filter((phase) => phase !== "other").sort(), PHASES.toSorted());
  });
  for (const phase of sampled(PHASES, 3, "phases of a key generation")) {
    const place = PHASES.indexOf(phase);
    for (const victim of CAMPAIGN ? [0, 1, 2] : [ANY]) {
      const name = `${place}-${victim === ANY ? "any" : victim}`;
      trial(`${phase}: ${victim === ANY ? "the first node in it" : `node${victim + 1}`}`, async (cluster, t) => {
        const asked = (victim === ANY ? place : victim + 1) % cluster.size;
        const node = await struckIn(cluster, { phase, victim }, async () => {
          await askForKey(cluster, asked, name);
          await keyMade(cluster, name);
        });
        t.diagnostic(node === null ? "it never was in this phase" : `node${node + 1} was killed and is back`);
        await cluster.linked();
        await keyMade(cluster, name);
      });
    }
  }
  trial("payments go on", async (cluster) => {
    await cluster.settled([await cluster.pay(0)]);
  });
});
