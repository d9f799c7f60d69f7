/**
 * Five voters speak in every order, each of them in turn dies before or after the write of its vote, and each in turn says yes to
 * some and no to others: nobody honest contradicts itself or is banned, the liar is, and all conclude alike.
 */
import { toHex } from "@conclave/bytes";
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Cluster } from "./testing/cluster.ts";
import { vote, type Payment } from "./testing/payments.ts";
import { fresh, saidBy } from "./testing/sayings.ts";
import { bannedAt, forgedVote } from "./testing/suspects.ts";

const VOTERS = 5;
const QUORUM = 4;

type Said = "yes" | "no" | "both";

/** Everything that one voter after the other can say; who has not spoken in the end is silent. The first `says`, and so on. */
function* orders(liars: number, length = 0): Generator<readonly Said[]> {
  if (liars === 0) yield [];
  if (length === VOTERS) return;
  for (const said of ["yes", "no"] as const) for (const rest of orders(liars, length + 1)) yield [said, ...rest];
  if (liars > 0) for (const rest of orders(liars - 1, length + 1)) yield ["both", ...rest];
}

/** Who dies around its vote, before or after it is written; null: nobody. */
interface Death {
  readonly party: number;
  readonly stored: boolean;
}

function* deaths(order: readonly Said[]): Generator<Death | null> {
  yield null;
  for (const [i, said] of order.entries())
    if (said !== "both") for (const stored of [true, false]) yield { party: i + 1, stored };
}

/** Yes to the lower half of the nodes and no to the others, which find out from each other. */
function lie(cluster: Cluster, liar: number, paid: Payment): void {
  for (const party of cluster.all)
    if (party !== liar) cluster.deliver(party, forgedVote(cluster, liar, paid, { value: party <= VOTERS / 2 }));
  // Votes go to everybody: each hears of the other half what it was not told itself.
  for (const party of cluster.all)
    if (party !== liar) cluster.deliver(party, forgedVote(cluster, liar, paid, { value: party > VOTERS / 2 }));
}

function speak(
  cluster: Cluster,
  paid: Payment,
  { party, said, death }: { party: number; said: Said; death: Death | null },
): void {
  if (said === "both") return lie(cluster, party, paid);
  const value = said === "yes";
  const dies = death?.party === party;
  if (dies) cluster.crashAt(party, { at: 1, stored: death.stored });
  vote(cluster, party, paid, { value });
  if (!dies) return;
  assert.equal(cluster.node(party).alive, false);
  cluster.restart(party);
  cluster.pump();
  // The host does not know whether it voted, and asks for the opposite: a vote that was stored stays.
  vote(cluster, party, paid, { value: death.stored ? !value : value });
}

function verdictsAt(cluster: Cluster, party: number, { id }: Payment): readonly string[] {
  const told = cluster.events(party, "verdict").filter(({ request }) => toHex(request) === toHex(id));
  return [...new Set(told.map(({ verdict }) => verdict))];
}

function check(cluster: Cluster, paid: Payment, order: readonly Said[], death: Death | null): void {
  const what = `${order.join()} ${JSON.stringify(death)}`;
  const liar = order.indexOf("both") + 1;
  const count = (said: Said): number => order.filter((one) => one === said).length;
  // A liar counts against the quorum as if it had said no.
  const expected =
    count("yes") >= QUORUM ? ["approved"] : count("no") + count("both") > VOTERS - QUORUM ? ["rejected"] : [];
  for (const party of cluster.all) {
    if (party === liar) continue;
    const said = [...saidBy(cluster, party, paid).values()];
    assert.ok(
      said.every(({ size }) => size === 1),
      `${what}: ${party} said both`,
    );
    assert.deepEqual(bannedAt(cluster, party), liar === 0 ? [] : [liar], what);
    const told = verdictsAt(cluster, party, paid);
    // Whom the liar told yes may have counted it, until the others' half of its votes came.
    const early =
      count("yes") + count("both") >= QUORUM && told[0] === "approved" && expected[0] !== "approved" ? 1 : 0;
    assert.deepEqual(told.slice(early), expected, `${what}: ${party} concludes`);
  }
}

function run(order: readonly Said[], death: Death | null, cluster: Cluster, number: number): void {
  // Asked of an honest node: who restarts does not vote for what a banned one proposed.
  const paid = fresh(cluster, number, { origin: order[0] === "both" ? 2 : 1 });
  for (const [i, said] of order.entries()) {
    speak(cluster, paid, { party: i + 1, said, death });
    cluster.pump();
  }
  check(cluster, paid, order, death);
}

function tell(t: TestContext, runs: number, approved: number): void {
  t.diagnostic(`${runs} runs, ${approved} of them approved`);
}

test("honest voters speak in every order, and each dies around its vote", (t) => {
  let [runs, approved] = [0, 0];
  for (const order of orders(0)) {
    // One cluster for all deaths: making one costs more than its votes.
    const cluster = new Cluster({ seed: "exhaustive" }).start();
    for (const death of deaths(order)) {
      runs += 1;
      run(order, death, cluster, runs % 200);
    }
    if (order.filter((said) => said === "yes").length >= QUORUM) approved += 1;
  }
  tell(t, runs, approved);
  assert.equal(runs, 579);
});

test("one voter lies at every place in every order, and each honest one dies around its vote", (t) => {
  let [runs, approved] = [0, 0];
  for (const order of orders(1)) {
    for (const death of deaths(order)) {
      runs += 1;
      // A ban stays, so each run has a cluster of its own.
      run(order, death, new Cluster({ seed: "exhaustive" }).start(), 1);
    }
    if (order.filter((said) => said === "yes").length >= QUORUM) approved += 1;
  }
  tell(t, runs, approved);
  assert.equal(runs, 1_017);
});
