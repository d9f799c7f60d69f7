/**
 * Partitions in which nobody is told anything: only a side with enough nodes signs, and what waited is done soon after healing.
 * A line that comes and goes five times a second bans nobody and makes no storm.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { seededDice } from "@conclave/protocol/testing";
import { until } from "../../../up/testing/waiting.ts";
import { PATIENCE_MS, type Accepted, type FaultyCluster } from "../cluster.ts";
import { RELAY } from "../lines.ts";
import { CAMPAIGN, SEED } from "../run.ts";
import { faults } from "../trials.ts";

/** What waited is done so soon after healing. */
const HEALED_WITHIN_MS = 10_000;
/** A side that cannot sign is watched for so long. */
const WATCHED_MS = 3_000;
const FLAP_MS = 200;
const FLAPS = CAMPAIGN ? 150 : 30;
/** A node says less than so much in a second of flapping, log and all. */
const MAX_LOG_BYTES_PER_FLAP = 8_192;

const namesOf = ({ network }: FaultyCluster, places: readonly number[]): readonly string[] =>
  places.map((place) => network.names[place]!);

/** Every node knows whom it does not reach. Where nodes meet at a relay, the first side keeps it, and the others meet nobody. */
async function parted(cluster: FaultyCluster, sides: readonly (readonly number[])[]): Promise<void> {
  const isRelayed = cluster.transport === "relay";
  cluster.wires.partition(
    sides.map((side, place) => [...namesOf(cluster, side), ...(isRelayed && place === 0 ? [RELAY] : [])]),
  );
  for (const [place, side] of sides.entries())
    await until("the sides notice", PATIENCE_MS, async () => {
      const views = await Promise.all(side.map((index) => cluster.process(index).speaker.cluster()));
      const missing = isRelayed && place > 0 ? cluster.size - 1 : cluster.size - side.length;
      const seen = views.every(({ reasons }) => reasons.filter((why) => why.endsWith("is offline")).length === missing);
      return seen ? true : undefined;
    });
}

const isSigned = ({ witness }: FaultyCluster, { request }: Accepted): boolean => witness.signed.has(request);

async function healed(cluster: FaultyCluster, waiting: readonly Accepted[]): Promise<number> {
  cluster.wires.heal();
  return cluster.settled(waiting);
}

faults("partition", { nodes: 5 }, ({ trial, figure }) => {
  trial("4|1: four pay, the one that is alone does not, and both are done after healing", async (cluster) => {
    const alone = seededDice(`${SEED}/alone`).below(cluster.size);
    const others = [0, 1, 2, 3, 4].filter((place) => place !== alone);
    await parted(cluster, [others, [alone]]);
    const paid = await cluster.pay(others[0]!);
    await until("four sign", PATIENCE_MS, () => isSigned(cluster, paid) || undefined);
    const waiting = await cluster.pay(alone);
    await delay(WATCHED_MS);
    assert.equal(isSigned(cluster, waiting), false, "one node alone signs nothing");
    const tookMs = await healed(cluster, [paid, waiting]);
    figure("healed 4|1, ms", tookMs);
    assert(tookMs < HEALED_WITHIN_MS, `${tookMs} ms`);
  });
  trial("3|2: neither side signs, both say why, and both payments are made after healing", async (cluster) => {
    const sides = [
      [0, 2, 4],
      [1, 3],
    ] as const;
    await parted(cluster, sides);
    const waiting = [await cluster.pay(0), await cluster.pay(1)];
    await delay(WATCHED_MS);
    assert.deepEqual(
      waiting.map((payment) => isSigned(cluster, payment)),
      [false, false],
    );
    for (const place of [0, 1]) assert.equal((await cluster.process(place).speaker.cluster()).status, "halted");
    const tookMs = await healed(cluster, waiting);
    figure("healed 3|2, ms", tookMs);
    assert(tookMs < HEALED_WITHIN_MS, `${tookMs} ms`);
  });
  trial("parted in the middle of a payment, it is done after healing", async (cluster) => {
    const payment = await cluster.pay(2);
    cluster.wires.partition([namesOf(cluster, [0, 2, 4])]);
    await delay(WATCHED_MS);
    const tookMs = await healed(cluster, [payment]);
    figure("healed in mid-payment, ms", tookMs);
    assert(tookMs < HEALED_WITHIN_MS, `${tookMs} ms`);
  });
  trial(`a node's lines come and go every ${FLAP_MS} ms: no bans, no storm, payments go on`, async (cluster) => {
    const before = cluster.network.names.map((_, place) => cluster.log(place).length);
    const flapping = cluster.network.names[4]!;
    const meanwhile: Accepted[] = [];
    for (let flap = 0; flap < FLAPS; flap++) {
      cluster.wires.partition(flap % 2 === 0 ? [[flapping]] : []);
      if (flap % 10 === 0) meanwhile.push(await cluster.pay(flap % 4));
      await delay(FLAP_MS);
    }
    const tookMs = await healed(cluster, meanwhile);
    figure("settled after flapping, ms", tookMs);
    cluster.network.names.forEach((name, place) => {
      const said = cluster.log(place).length - before[place]!;
      assert(said < FLAPS * MAX_LOG_BYTES_PER_FLAP, `${name} logged ${said} bytes in ${FLAPS} flaps`);
    });
  });
});
