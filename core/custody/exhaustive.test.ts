/**
 * What one node promised survives every crash: all that five nodes can say about a payment, with a crash of each voter around the
 * write of its vote; all that an operator and a host can ask of one node in a row, with a restart between and a crash in each
 * write. The state is thrown away each time and read from the journal again.
 */
import { NO_SPENDING_LIMITS } from "@conclave/bitcoin";
import { toHex } from "@conclave/bytes";
import assert from "node:assert/strict";
import { test } from "node:test";
import { decideVote, lockRecordCodec, replay, type LockRecord, type VoteAsk } from "./locks/index.ts";
import type { CustodyEvent } from "./events.ts";
import { Cluster } from "./testing/cluster.ts";
import { vote, type Payment } from "./testing/payments.ts";
import { fresh, saidBy } from "./testing/sayings.ts";
import { bannedAt } from "./testing/suspects.ts";

type Said = true | false | null;

/** Every choice of five voters, up to which of them it is: parties differ in nothing but their number. */
function* choices(): Generator<readonly Said[]> {
  for (let yes = 0; yes <= 5; yes++)
    for (let no = 0; no <= 5 - yes; no++)
      yield [...Array<Said>(yes).fill(true), ...Array<Said>(no).fill(false), ...Array<Said>(5 - yes - no).fill(null)];
}

test("five voters approve, reject or keep silent, and each in turn dies around its vote: nobody contradicts itself, all conclude alike", (t) => {
  let [runs, approved] = [0, 0];
  for (const choice of choices()) {
    const expected = choice.filter((value) => value === true).length >= 4;
    const refused = choice.filter((value) => value === false).length >= 2;
    // One victim of each kind of voter: the first that votes like this. `null`: nobody dies.
    const victims = new Set([
      null,
      ...choice.flatMap((value, i) => (value !== null && choice.indexOf(value) === i ? [i + 1] : [])),
    ]);
    // One cluster for all of them: making one costs more than its votes.
    const cluster = new Cluster({ seed: "exhaustive" }).start();
    let number = 0;
    for (const victim of victims) {
      for (const stored of victim === null ? [true] : [true, false]) {
        number += 1;
        const paid = fresh(cluster, number);
        for (const [i, value] of choice.entries()) {
          if (value === null) continue;
          const party = i + 1;
          if (party === victim) cluster.crashAt(party, { at: 1, stored });
          vote(cluster, party, paid, { value });
          if (party === victim) {
            assert.equal(cluster.node(party).alive, false);
            cluster.restart(party);
            cluster.pump();
            // The host does not know whether it voted, and asks for the opposite: a vote that was stored stays.
            vote(cluster, party, paid, { value: stored ? !value : value });
          }
          cluster.pump();
        }
        for (const party of cluster.all) {
          assert.ok(
            [...saidBy(cluster, party, paid).values()].every(({ size }) => size === 1),
            `${choice.join()}: ${party} said both`,
          );
          assert.deepEqual(bannedAt(cluster, party), []);
          const verdicts = new Set(
            cluster
              .events(party, "verdict")
              .flatMap(({ request, verdict }) => (toHex(request) === toHex(paid.id) ? [verdict] : [])),
          );
          assert.deepEqual([...verdicts], expected ? ["approved"] : refused ? ["rejected"] : [], choice.join());
        }
        runs += 1;
        if (expected) approved += 1;
      }
    }
  }
  t.diagnostic(`${runs} runs, ${approved} of them approved`);
});

type Step = "vote" | "approve" | "reject" | "restart";
const STEPS: readonly Step[] = ["vote", "approve", "reject", "restart"];

/** Every row of steps. A restart at the beginning, at the end or after another says nothing that a shorter row does not. */
function* sequences(length: number, before: Step = "restart"): Generator<readonly Step[]> {
  if (length === 0) return yield [];
  for (const step of STEPS) {
    if (step === "restart" && (before === "restart" || length === 1)) continue;
    for (const rest of sequences(length - 1, step)) yield [step, ...rest];
  }
}

/** So many payments of one cluster: a restart reads all that came before. */
const SHARED = 8;

const manual = { spending: { ...NO_SPENDING_LIMITS, approval: "manual" as const } };

function take(cluster: Cluster, paid: Payment, step: Step): readonly CustodyEvent[] {
  const decide = (approved: boolean) =>
    cluster.do(1, (custody, nowMs) => custody.decide(nowMs, paid.id, { approved, maxFee: null, reason: "" }));
  switch (step) {
    case "vote":
      return vote(cluster, 1, paid);
    case "approve":
      return decide(true);
    case "reject":
      return decide(false);
    case "restart":
      return restarted(cluster);
  }
}

function restarted(cluster: Cluster): readonly CustodyEvent[] {
  const events = cluster.restart(1);
  cluster.pump();
  return events;
}

/** What the steps so far have to lead to: a yes goes out exactly when the last decision before it is an approval. */
interface Expected {
  decision: boolean | null;
  voted: boolean;
}

function expect(state: Expected, step: Step, events: readonly CustodyEvent[], what: string): void {
  const kinds = events.map(({ kind }) => kind);
  if (step === "vote") {
    assert.equal(kinds.includes("send") && !kinds.includes("objected"), state.voted || state.decision === true, what);
    state.voted ||= state.decision === true;
  }
  if (step !== "approve" && step !== "reject") return;
  const approved = step === "approve";
  const isTaken = !state.voted || state.decision === approved;
  assert.deepEqual(kinds, [isTaken ? "decided" : "undecided"], what);
  if (isTaken) state.decision = approved;
}

test("an operator and a host ask in every order, with restarts between: a yes leaves only on an approval, and stays", (t) => {
  let runs = 0;
  let cluster = new Cluster({ n: 2, t: 2, seed: "by hand", settings: manual }).start();
  for (const steps of sequences(4)) {
    if (runs % SHARED === 0) cluster = new Cluster({ n: 2, t: 2, seed: "by hand", settings: manual }).start();
    const paid = fresh(cluster, runs + 1);
    const state: Expected = { decision: null, voted: false };
    for (const [i, step] of steps.entries()) expect(state, step, take(cluster, paid, step), `${steps.join()} at ${i}`);
    cluster.pump();
    const said = [...saidBy(cluster, 1, paid).values()].map((values) => [...values]);
    assert.deepEqual(said, state.voted ? [[true]] : [], steps.join());
    runs += 1;
  }
  t.diagnostic(`${runs} orders`);
});

test("a crash in any write of a decision or of the vote after it leaves the node as before the write, or as after it", (t) => {
  let runs = 0;
  for (const decision of ["approve", "reject"] as const) {
    for (const at of [1, 2]) {
      for (const stored of [true, false]) {
        const cluster = new Cluster({ n: 2, t: 2, seed: "by hand", settings: manual }).start();
        const paid = fresh(cluster, 1);
        vote(cluster, 1, paid);
        cluster.crashAt(1, { at, stored });
        take(cluster, paid, decision);
        vote(cluster, 1, paid, { value: decision === "approve" });
        assert.equal(cluster.node(1).alive, false);
        const sentBefore = saidBy(cluster, 1, paid).size;
        restarted(cluster);
        assert.equal(sentBefore, 0, "a vote leaves only after its write");
        const decided = at === 2 || stored;
        const kinds = vote(cluster, 1, paid).map(({ kind }) => kind);
        const cast = kinds.includes("send") && !kinds.includes("objected");
        const voted = at === 2 && stored;
        assert.equal(cast, voted || (decided && decision === "approve"), `${decision}, write ${at}, ${stored}`);
        runs += 1;
      }
    }
  }
  t.diagnostic(`${runs} crashes`);
});

test("one node is asked for every row of votes, and its journal is read again after each: it never says two things in one slot", (t) => {
  const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  const asks: VoteAsk[] = [];
  for (const revision of [1, 2])
    for (const digest of [bytes(1), bytes(2)])
      for (const round of [1, 2])
        for (const value of [true, false])
          asks.push({
            wallet: bytes(7),
            intent: bytes(8),
            revision,
            digest,
            round,
            value,
            context: bytes(9),
            outpoints: [],
            anchor: null,
          });
  let [rows, granted] = [0, 0];
  const explore = (journal: readonly Uint8Array[], said: ReadonlyMap<string, string>, left: number): void => {
    if (left === 0) return;
    for (const ask of asks) {
      // As after a crash: nothing but the journal is left.
      const state = replay(journal.map((record, i) => ({ position: i + 1, record })));
      const decision = decideVote(state, ask);
      rows += 1;
      if (!decision.ok) continue;
      granted += 1;
      const slot = `${ask.revision}.${ask.round}`;
      const content = `${ask.digest[0]} ${ask.value}`;
      assert.equal(said.get(slot) ?? content, content, "two votes in one slot");
      const records = decision.records.map((record: LockRecord) => lockRecordCodec.encode(record));
      explore([...journal, ...records], new Map(said).set(slot, content), left - 1);
    }
  };
  explore([], new Map(), 3);
  t.diagnostic(`${rows} asks, ${granted} granted`);
});
