/**
 * A process that stands still for 10 s (SIGSTOP) in the middle of its work, its sockets open: the others pay without it, a key
 * waits for it, it is nobody's culprit, and nobody else is taken for dead.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { FaultyCluster } from "../cluster.ts";
import { askForKey, keyMade } from "../keys.ts";
import { phaseOf } from "../phases.ts";
import { sampled } from "../run.ts";
import { LINE } from "../strike.ts";
import { faults } from "../trials.ts";

const STANDS_MS = 10_000;

const PAYMENT_PHASES = ["voted", "begun", "round frost/sign/1", "round frost/sign/2"];
const KEYGEN_PHASES = ["joined", "round keygen/2-open", "round dkls23/setup/1-choose", "keyPending"];

/** Stands the first node still that tells of the phase. Resolves with its place. */
function stoodIn(cluster: FaultyCluster, phase: string): Promise<number> {
  return new Promise((resolve) => {
    const stop = cluster.notices.listen((node, notice) => {
      if (phaseOf(notice) !== phase) return;
      stop();
      cluster.stand(node);
      resolve(node);
    });
  });
}

/** Links between nodes that nobody touched went down since. */
const untouchedLinksDown = (cluster: FaultyCluster, stood: number, sinceMs: number): readonly string[] =>
  cluster.witness.linksDown
    .filter(({ at, peer, atMs }) => atMs >= sinceMs && at !== stood && peer !== cluster.idOf(stood))
    .map(({ at, peer }) => `node${at + 1} lost ${peer.slice(0, 8)}`);

faults("standstill in a payment", { nodes: 5 }, ({ trial, figure }) => {
  for (const phase of sampled(PAYMENT_PHASES, 1, "standstill in a payment"))
    trial(`${phase}: the other four pay meanwhile, and the fifth has the same history afterwards`, async (cluster) => {
      cluster.wires.impair(LINE);
      const sinceMs = performance.now();
      const standing = stoodIn(cluster, phase);
      // The node that is asked may stand still before it answers.
      const asked = cluster.pay(0);
      const stood = await standing;
      const stoodMs = performance.now();
      // Whoever stands still was asked perhaps: it is another's client that pays next.
      const meanwhile = await cluster.pay((stood + 1) % cluster.size);
      const tookMs = await cluster.settled(stood === 0 ? [meanwhile] : [await asked, meanwhile]);
      figure("paid past a node that stands still, ms", tookMs);
      await delay(Math.max(0, STANDS_MS - (performance.now() - stoodMs)));
      cluster.goOn(stood);
      await asked;
      await cluster.settled();
      await cluster.linked();
      assert.deepEqual(untouchedLinksDown(cluster, stood, sinceMs), []);
    });
  for (const phase of sampled(KEYGEN_PHASES, 1, "standstill in a key generation"))
    trial(`${phase}: a key that needs everybody is made when everybody is back`, async (cluster) => {
      cluster.wires.impair({});
      const sinceMs = performance.now();
      const standing = stoodIn(cluster, phase);
      const name = phase.replaceAll(/[^a-z0-9]/g, "-");
      const asked = askForKey(cluster, 0, name);
      const stood = await standing;
      await delay(STANDS_MS);
      cluster.goOn(stood);
      await asked;
      const startMs = performance.now();
      await keyMade(cluster, name, 150_000);
      figure("key after a standstill, ms", Math.round(performance.now() - startMs));
      await cluster.linked();
      assert.deepEqual(untouchedLinksDown(cluster, stood, sinceMs), []);
      await cluster.settled([await cluster.pay(0)]);
    });
});
