/** MinorityVote: dissent is recorded and never bans; a yes that a rule refutes bans its voter where nodes enforce that. */
import { evidenceCodec, signedVoteCodec } from "@conclave/consensus";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { wrongVote } from "./judge.ts";
import { proposalCodec, requestCodec, revisionCodec } from "./request.ts";
import { Cluster } from "./testing/cluster.ts";
import { approve, coin, payment, propose, revisionOf, vote, type Payment } from "./testing/payments.ts";
import { bannedAt, LIAR, voteBy } from "./testing/suspects.ts";

const OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";
const HONEST = [1, 2, 3, 4];

const dissentAt = (cluster: Cluster, party: number) =>
  cluster
    .events(party, "dissent")
    .map(({ node, value, evidence }) => [cluster.partyOf(node), value, evidence !== null]);

/** A proposal that does not pay what was asked for: party 1 says no, the liar says yes. */
function refuted(
  minorityVotes: "record" | "enforce",
  pays: Parameters<typeof payment>[1],
): { cluster: Cluster; paid: Payment } {
  const cluster = new Cluster({ settings: { minorityVotes } }).start();
  const paid = payment(cluster, pays);
  propose(cluster, paid);
  vote(cluster, 1, paid, { value: false });
  cluster.pump();
  const wire = voteBy(cluster, LIAR, paid, { value: true });
  for (const party of HONEST) cluster.deliver(party, wire);
  cluster.pump();
  return { cluster, paid };
}

describe("a minority vote", () => {
  test("that is a mere opinion is recorded once, before or after the decision, and bans nobody", () => {
    for (const minorityVotes of ["record", "enforce"] as const) {
      for (const late of [false, true]) {
        const cluster = new Cluster({ settings: { minorityVotes } }).start();
        const paid = payment(cluster);
        propose(cluster, paid);
        if (late) approve(cluster, paid, { by: [1, 2, 3, 4] });
        vote(cluster, LIAR, paid, { value: false });
        cluster.pump();
        if (!late) approve(cluster, paid, { by: [1, 2, 3, 4] });
        for (const party of HONEST) {
          assert.deepEqual(dissentAt(cluster, party), [[LIAR, false, false]], `party ${party}`);
          assert.deepEqual(bannedAt(cluster, party), []);
        }
      }
    }
  });

  test("that a rule refutes is recorded with its proof, and bans nobody where that is not enforced", () => {
    const { cluster } = refuted("record", { pays: { amount: 50_001n } });
    for (const party of HONEST) {
      assert.deepEqual(dissentAt(cluster, party), [[LIAR, true, true]]);
      assert.deepEqual(bannedAt(cluster, party), []);
    }
    // Nor when somebody else brings the proof.
    const [told] = cluster.events(1, "dissent");
    cluster.deliver(2, cluster.forge(3, { kind: "evidence" }, told!.evidence!));
    assert.deepEqual(bannedAt(cluster, 2), []);
  });

  for (const [name, pays] of [
    ["another amount", { amount: 50_001n }],
    ["another recipient", { recipient: OTHER }],
  ] as const) {
    test(`for a payment of ${name} bans its voter where that is enforced, by the proof alone`, () => {
      const { cluster } = refuted("enforce", { pays });
      for (const party of HONEST) assert.deepEqual(bannedAt(cluster, party), [LIAR], `party ${party}`);
      const [violation] = cluster.events(2, "violation");
      assert.equal(violation?.violation, "MinorityVote");
      // A node that was not there is convinced by the bytes.
      const stranger = new Cluster({ settings: { minorityVotes: "enforce" } }).start();
      stranger.deliver(2, stranger.forge(3, { kind: "evidence" }, violation.evidence));
      assert.deepEqual(bannedAt(stranger, 2), [LIAR]);
    });
  }

  test("is refuted by nothing in which honest nodes may differ: coins, change, fees, a no, another network", () => {
    const cluster = new Cluster().start();
    const paid = payment(cluster);
    propose(cluster, paid);
    vote(cluster, 1, paid);
    cluster.pump();
    const { request, revision } = proposalCodec.decode(paid.proposal);
    assert.ok(request.kind === "payment" && revision !== null);
    const signed = (change: Parameters<typeof voteBy>[3] = {}) =>
      signedVoteCodec.decode(cluster.reader.open(voteBy(cluster, LIAR, paid, change)).body);
    const [asked, made] = [requestCodec.encode(request), revisionCodec.encode(revision)];
    assert.equal(wrongVote(signed(), asked, made), false, "it pays what was asked for");

    const bad = revisionOf(cluster, request, { pays: { amount: 50_001n } });
    const wrong = revisionCodec.encode({ request: bad.id, number: 1, psbt: bad.psbt });
    const about = { digest: bad.digest };
    assert.equal(wrongVote(signed(about), asked, wrong), true);
    const innocent: readonly (readonly [string, Parameters<typeof voteBy>[3], Uint8Array, Uint8Array])[] = [
      ["a no", { ...about, value: false }, asked, wrong],
      ["a vote on other content", {}, asked, wrong],
      ["a vote on another number", { ...about, revision: 2 }, asked, wrong],
      ["a vote on another request", { ...about, request: new Uint8Array(32) }, asked, wrong],
      ["a vote on no network", { ...about, network: "messages" }, asked, wrong],
      ["a vote on a network on which the address is none", { ...about, network: "mainnet" }, asked, wrong],
    ];
    for (const [name, change, ...bytes] of innocent) assert.equal(wrongVote(signed(change), ...bytes), false, name);
    for (const psbt of [new Uint8Array(0), Uint8Array.of(1, 2, 3)]) {
      const unread = { request: bad.id, number: 1, psbt };
      assert.equal(wrongVote(signed(), asked, revisionCodec.encode(unread)), false, "what is no PSBT proves nothing");
    }
    const other = revisionOf(cluster, request, { coins: [coin(7)], changeIndex: 9 });
    assert.equal(
      wrongVote(
        signed({ digest: other.digest }),
        asked,
        revisionCodec.encode({ request: other.id, number: 1, psbt: other.psbt }),
      ),
      false,
    );
  });

  test("whose proof is forged convinces nobody", () => {
    const { cluster } = refuted("enforce", { pays: { amount: 50_001n } });
    const evidence = evidenceCodec.decode(cluster.events(1, "violation")[0]!.evidence);
    assert.ok(evidence.kind === "MinorityVote");
    const framed = { ...evidence, vote: { ...evidence.vote, vote: { ...evidence.vote.vote, voter: cluster.idOf(3) } } };
    cluster.deliver(2, cluster.forge(1, { kind: "evidence" }, evidenceCodec.encode(framed)));
    assert.deepEqual(bannedAt(cluster, 2), [LIAR]);
  });
});
