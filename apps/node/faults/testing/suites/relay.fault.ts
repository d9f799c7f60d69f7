/** Relays that die and come back: the nodes meet again, and what waited is done. Of two relays, one is enough. */
import { setTimeout as delay } from "node:timers/promises";
import { startRelayProcess, type RelayProcess } from "../../../up/relay-process.ts";
import { askForKey, keyMade } from "../keys.ts";
import { sampled } from "../run.ts";
import { LINE, reached } from "../strike.ts";
import { faults } from "../trials.ts";

/** A second relay listens so far above the first node's port. */
const SECOND_RELAY = 151;
const AWAY_MS = 3_000;
const PHASES = sampled(
  ["proposed", "voted", "joined", "begun", "round frost/sign/1", "round frost/sign/2", "broadcasting"],
  2,
  "phases at the relay",
);

faults("a relay is killed", { nodes: 5 }, ({ trial, figure }) => {
  for (const phase of PHASES)
    trial(`${phase}: away for ${AWAY_MS / 1_000} s, and the payment is done after its return`, async (cluster) => {
      cluster.wires.impair(LINE);
      const struck = reached(cluster, phase).then(() => cluster.running.relay!.kill());
      const payment = await cluster.pay(0);
      await struck;
      await delay(AWAY_MS);
      cluster.running.relay!.start();
      figure("done after the relay's return, ms", await cluster.settled([payment]));
      await cluster.linked();
    });
  trial("in a key generation: the key is made after its return", async (cluster) => {
    cluster.wires.impair({});
    const struck = reached(cluster, "round keygen/2-open").then(() => cluster.running.relay!.kill());
    await askForKey(cluster, 1, "relayed");
    await struck;
    await delay(AWAY_MS);
    cluster.running.relay!.start();
    await keyMade(cluster, "relayed", 150_000);
  });
});

const bothRelays = {
  nodes: 5,
  settings: ({
    portBase,
    wired,
  }: {
    readonly portBase: number;
    readonly wired: Readonly<Record<string, unknown>>;
  }) => ({
    relays: [...(wired["relays"] as readonly string[]), `http://127.0.0.1:${portBase + SECOND_RELAY}`],
  }),
} as const;

faults("one of two relays is killed", bothRelays, ({ trial, figure }) => {
  let second: RelayProcess | null = null;
  trial("payments with both", async (cluster) => {
    second = startRelayProcess(cluster.folder, cluster.portBase + SECOND_RELAY);
    await cluster.settled([await cluster.pay(0)]);
  });
  for (const phase of PHASES)
    trial(`${phase}: the first is killed and stays away, and the payment is done over the second`, async (cluster) => {
      // Both carry a payment before one of them goes.
      await cluster.linked();
      const struck = reached(cluster, phase).then(() => cluster.running.relay!.kill());
      const payment = await cluster.pay(1);
      await struck;
      figure("done over the other relay, ms", await cluster.settled([payment]));
      cluster.running.relay!.start();
    });
  trial("the second is killed for good, and the first carries on", async (cluster) => {
    await cluster.linked();
    await second?.kill();
    await cluster.settled([await cluster.pay(2)]);
  });
});
