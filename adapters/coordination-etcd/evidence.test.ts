/**
 * Bans and payments behind an etcd that hides, replays and forges: nobody is banned whom nothing is proven against, no ban is lost
 * once one honest way tells of it, and old votes are no new ones.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { compareBytes } from "@conclave/bytes";
import { evidenceCodec, signedVoteCodec, type SignedVote } from "@conclave/consensus";
import { Cluster, type Frame } from "../../core/custody/testing/cluster.ts";
import { coin, payment, propose, vote, type Payment } from "../../core/custody/testing/payments.ts";
import { bannedAt, LIAR, voteBy } from "../../core/custody/testing/suspects.ts";
import { startFakeEtcd, type FakeEtcd, type Json } from "./testing/fake-etcd.ts";
import { hexOf, NODES, QUICK, startNode, type TestNode } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

const INTERVALS = { ...QUICK, requestMs: 300, beatMs: 60, stallMs: 600, longestRetryMs: 200, relistMs: 300 };
/** Several listings, and whatever a watch shows. */
const LYING_MS = 800;
const HOUR_MS = 3_600_000;
const HONEST = [1, 2, 3, 4];

interface Place {
  readonly etcd: FakeEtcd;
  readonly cluster: Cluster;
  /** Every node has read these. */
  readonly heard: (...wires: readonly Uint8Array[]) => Promise<void>;
  /** Every node begins anew with what stands in etcd, as after a restart: it is handed everything again. */
  readonly restart: () => Promise<void>;
  /** Somebody who may write to etcd does. */
  readonly put: (...wires: readonly Uint8Array[]) => Promise<void>;
}

/** Five custodies, four of which sign, whose statements go through etcd and nowhere else. */
async function behindEtcd(work: (place: Place) => Promise<void>): Promise<void> {
  const etcd = await startFakeEtcd();
  const cluster = new Cluster().start();
  const endpoints = [etcd.url];
  let open: TestNode[] = [];
  const hear = (party: number, wire: Uint8Array): boolean => {
    const events = cluster.deliver(party, wire);
    cluster.pump();
    return events.every(({ kind }) => kind !== "dropped");
  };
  const join = async (): Promise<void> => {
    const members = cluster.all.map((party) => cluster.idOf(party));
    for (const party of cluster.all) {
      const read = (wire: Uint8Array): boolean => hear(party, wire);
      open.push(await startNode(cluster.idOf(party), { endpoints, members, intervals: INTERVALS, read }));
    }
  };
  const leave = async (): Promise<void> => {
    for (const { coordination } of open) await coordination.close();
    open = [];
  };
  await join();
  cluster.route = (frame, { header }) => {
    if (!["proposal", "vote", "evidence"].includes(header.kind)) return [frame];
    const statement = { to: [cluster.idOf(frame.to)], wire: frame.wire, topic: header.kind };
    open[frame.from - 1]!.coordination.publish(statement);
    return [];
  };
  const heard: Place["heard"] = (...wires) =>
    eventually("everybody reads it", () =>
      open.every((node, i) => wires.every((wire) => isOwn(cluster, i + 1, wire) || node.has(wire))),
    );
  const put: Place["put"] = async (...wires) => {
    const writer = await startNode(NODES[0]!, { endpoints, intervals: INTERVALS });
    for (const wire of wires) writer.coordination.publish({ to: NODES, wire, topic: "somebody's" });
    await heard(...wires);
    await writer.coordination.close();
  };
  try {
    await work({ etcd, cluster, heard, put, restart: () => leave().then(join) });
  } finally {
    await leave();
    await etcd.close();
  }
}

/** What a node published itself, it is not handed. */
const isOwn = (cluster: Cluster, party: number, wire: Uint8Array): boolean =>
  cluster.sent.some(({ from, wire: sent }) => from === party && hexOf(sent) === hexOf(wire));

const framesOf = (cluster: Cluster, kind: string): readonly Frame[] =>
  cluster.sent.filter(({ wire }) => cluster.reader.open(wire).header.kind === kind);

const violations = (cluster: Cluster, party: number) =>
  cluster.events(party, "violation").map(({ violation }) => violation);

/** Nothing below `/bans/` is there, whoever asks. */
function hideBans(etcd: FakeEtcd): () => void {
  const { mouth } = etcd;
  const isBan = ({ key }: { readonly key?: string }): boolean =>
    Buffer.from(key ?? "", "base64")
      .toString("utf8")
      .includes("/bans/");
  const shown = (answer: Json): Json => ({
    ...answer,
    ...(Array.isArray(answer["kvs"]) && { kvs: (answer["kvs"] as { key?: string }[]).filter((kv) => !isBan(kv)) }),
  });
  etcd.mouth = {
    answer: (path, question, answer, response) => mouth.answer(path, question, shown(answer), response),
    events: (answer, response) => {
      const { events = [], ...result } = answer["result"] as { events?: readonly { kv: { key: string } }[] };
      mouth.events({ result: { ...result, events: events.filter(({ kv }) => !isBan(kv)) } }, response);
    },
  };
  return () => {
    etcd.mouth = mouth;
  };
}

/** Party 1 asks for a payment, and these parties vote for it. */
async function asked({ cluster, heard }: Place, voters: readonly number[], number = 1): Promise<Payment> {
  const paid = payment(cluster, { idempotencyKey: `invoice ${number}`, coins: [coin(number)] });
  const before = cluster.sent.length;
  propose(cluster, paid);
  await heard(...cluster.sent.slice(before).map(({ wire }) => wire));
  for (const party of voters) vote(cluster, party, paid);
  cluster.pump();
  await heard(...cluster.sent.slice(before).map(({ wire }) => wire));
  return paid;
}

const approvedAt = (cluster: Cluster, { id }: Payment): readonly number[] =>
  cluster.all.filter((party) =>
    cluster
      .events(party, "verdict")
      .some(({ verdict, request }) => verdict === "approved" && compareBytes(request, id) === 0),
  );

describe("custody behind an etcd", { concurrency: 3 }, () => {
  test("that hides evidence: votes count as before, and one honest way brings the ban, once", () =>
    behindEtcd(async (place) => {
      const { etcd, cluster } = place;
      const reveal = hideBans(etcd);
      const paid = await asked(place, HONEST);
      for (const value of [true, false]) cluster.deliver(2, voteBy(cluster, LIAR, paid, { value }));
      cluster.pump();
      assert.deepEqual(bannedAt(cluster, 2), [LIAR]);
      await wait(LYING_MS);
      for (const party of [1, 3, 4]) assert.deepEqual(bannedAt(cluster, party), [], "nobody told them");
      assert.deepEqual(approvedAt(cluster, paid), cluster.all, "and the payment did not wait for it");
      const frames = framesOf(cluster, "evidence");
      assert.ok(frames.length > 0);
      cluster.inject(...frames);
      cluster.pump();
      for (const party of HONEST) assert.deepEqual(bannedAt(cluster, party), [LIAR]);
      reveal();
      await place.restart();
      await place.heard(...frames.filter(({ from }) => from === 2).map(({ wire }) => wire));
      for (const party of HONEST) assert.deepEqual(violations(cluster, party), ["DoubleVote"], "once");
    }));

  test("that replays evidence when its ban is over: nobody is banned again", () =>
    behindEtcd(async (place) => {
      const { cluster, heard } = place;
      const paid = await asked(place, [1]);
      for (const value of [true, false]) cluster.deliver(2, voteBy(cluster, LIAR, paid, { value }));
      cluster.pump();
      await eventually("everybody bans", () => HONEST.every((party) => bannedAt(cluster, party).length === 1));
      cluster.nowMs += 25 * HOUR_MS;
      await place.restart();
      await heard(...framesOf(cluster, "evidence").map(({ wire }) => wire));
      for (const party of HONEST) {
        const [ban, ...others] = cluster.node(party).custody.status().bans;
        assert.ok(ban!.untilMs! <= cluster.nowMs && others.length === 0, "the ban is over by its own time");
        assert.deepEqual(violations(cluster, party), ["DoubleVote"]);
      }
    }));

  test("that forges evidence: true votes that do not contradict each other, and votes that were changed, ban nobody", () =>
    behindEtcd(async (place) => {
      const { cluster, put } = place;
      const paid = await asked(place, [1, 2]);
      const voteOf = (party: number, change = {}): SignedVote =>
        signedVoteCodec.decode(cluster.reader.open(voteBy(cluster, party, paid, change)).body);
      const [yes, laterNo] = [voteOf(1), voteOf(1, { round: 2, value: false })];
      const flipped = { ...yes, vote: { ...yes.vote, value: false } };
      const accusations = [
        [yes, laterNo],
        [yes, flipped],
        [yes, { ...voteOf(LIAR, { value: false }), vote: { ...yes.vote, value: false } }],
      ].map(([first, second]) => accusation(first!, second!));
      const wires = accusations.flatMap((evidence) =>
        [LIAR, 1].map((party) => cluster.forge(party, { kind: "evidence" }, evidence)),
      );
      const altered = wires.map((wire) => wire.map((byte, at) => (at === wire.length >> 1 ? byte ^ 1 : byte)));
      await put(...wires, ...altered);
      for (const party of cluster.all) {
        assert.deepEqual(bannedAt(cluster, party), []);
        assert.deepEqual(violations(cluster, party), []);
      }
    }));

  test("that replays votes on payments: three stay three, and count for no other payment", () =>
    behindEtcd(async (place) => {
      const { cluster } = place;
      const first = await asked(place, [1, 2, 3]);
      const second = await asked(place, [1, 4], 2);
      const votes = framesOf(cluster, "vote").map(({ wire }) => wire);
      for (let times = 0; times < 2; times++) {
        await place.restart();
        await place.heard(...votes);
      }
      assert.deepEqual([approvedAt(cluster, first), approvedAt(cluster, second)], [[], []]);
      for (const party of cluster.all) assert.deepEqual(violations(cluster, party), []);
      vote(cluster, 4, first);
      cluster.pump();
      await eventually("the fourth decides", () => approvedAt(cluster, first).length === cluster.all.length);
      assert.deepEqual(approvedAt(cluster, second), []);
    }));
});

/** As evidence is written, whatever it proves. */
function accusation(...votes: readonly [SignedVote, SignedVote]): Uint8Array {
  const [first, second] = votes.toSorted((a, b) => compareBytes(signedVoteCodec.encode(a), signedVoteCodec.encode(b)));
  return evidenceCodec.encode({ kind: "DoubleVote", first: first!, second: second! });
}
