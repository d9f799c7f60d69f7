/** What this node votes for, what it does not and why; whose votes count; and when a coin is free again. */
import { CodecError } from "@conclave/bytes";
import { sats } from "@conclave/bitcoin";
import { signedVoteCodec, signVote, voteCodec, type Vote } from "@conclave/consensus";
import { seededRng } from "@conclave/crypto/testing";
import { nodeEngine } from "@conclave/engine-node";
import { mutations } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { abandonCodec } from "./abandons.ts";
import { Custody } from "./custody.ts";
import { Cluster, taproot } from "./testing/cluster.ts";
import { memoryJournal } from "./testing/memory-journal.ts";
import { memoryVault } from "./testing/memory-vault.ts";
import {
  abandon,
  approve,
  coin,
  open,
  paidAt,
  payment,
  propose,
  revisionOf,
  sign,
  vote,
  type Payment,
  type VoteOptions,
} from "./testing/payments.ts";
import { forgedVote } from "./testing/suspects.ts";

const approvedAt = (cluster: Cluster, party: number, { number, id }: Payment): boolean =>
  cluster
    .events(party, "verdict")
    .some(
      ({ request, revision, verdict }) => request.join() === id.join() && revision === number && verdict === "approved",
    );

describe("a vote is refused, with a reason that people understand,", () => {
  const cluster = new Cluster({ n: 4, t: 3, settings: { burialDepth: 3 } }).start();
  let requests = 0;

  /** A payment of its own that everybody knows. */
  const fresh = (options: Parameters<typeof payment>[1] = {}): Payment => {
    requests += 1;
    const paid = payment(cluster, { coins: [coin(requests)], idempotencyKey: `request ${requests}`, ...options });
    propose(cluster, paid);
    return paid;
  };
  const later = (of: Payment, number: number, coins = [coin(100 + requests)]): Payment => {
    const revision = revisionOf(cluster, of.request, { number, coins });
    propose(cluster, revision);
    return revision;
  };

  const refused = (paid: Payment, options: VoteOptions, code: string, message: RegExp): void => {
    const before = cluster.node(1).journalDisk.records.length;
    const events = vote(cluster, 1, paid, options);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["objected"],
      code,
    );
    const [objected] = events;
    assert.ok(objected?.kind === "objected");
    const found = objected.objections.find((objection) => objection.code === code);
    assert.ok(found !== undefined, `${code} among ${objected.objections.map((objection) => objection.code).join()}`);
    assert.match(found.message, message);
    assert.equal(cluster.node(1).journalDisk.records.length, before, "a refusal promises nothing");
  };

  test("if the payment is not what was asked for", () => {
    const other = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";
    refused(fresh({ pays: { recipient: other } }), {}, "recipient-altered", /does not go to bcrt1/);
    refused(fresh({ pays: { amount: 50_001n } }), {}, "amount-altered", /is of 50001 sat, not of 50000/);
  });

  test("if this node does not know the coins like that", () => {
    const paid = fresh();
    const [known] = paid.coins;
    const cases: readonly (readonly [string, RegExp, readonly (typeof known)[]])[] = [
      ["unknown-coin", /this node knows no coin/, []],
      ["spent-coin", /is already spent by/, [{ ...known!, spentBy: "ff".repeat(32) }]],
      ["wrong-coin-value", /holds 7 sat, not 100000/, [{ ...known!, value: sats(7n) }]],
      ["wrong-coin-key", /belongs to another address/, [{ ...known!, index: 1 }]],
      ["unconfirmed-coin", /fewer than 1 confirmations/, [{ ...known!, height: null }]],
      ["immature-coin", /not mature/, [{ ...known!, coinbase: true }]],
    ];
    for (const [code, message, coins] of cases) refused(paid, { coins: coins as never }, code, message);
  });

  test("if it breaks this node's policy", () => {
    const paid = fresh();
    refused(paid, { tipHeight: -1 }, "locktime-ahead", /far above this node's tip/);
    refused(paid, { changeIndex: { from: 5, to: 9 } }, "change-index", /change index 0 is not from 5 to 9/);
  });

  test("if this node voted in a later round", () => {
    const paid = fresh();
    vote(cluster, 1, paid, { value: false, round: 2 });
    refused(paid, { round: 1 }, "old-round", /round 2, which is later/);
    assert.ok(vote(cluster, 1, paid, { round: 3 }).some(({ kind }) => kind === "voted"));
  });

  test("if an earlier revision is neither abandoned nor signed, or the new one is not newer", () => {
    const first = fresh();
    vote(cluster, 1, first);
    const second = later(first, 2);
    refused(second, {}, "not-abandoned", /approved revision 1 and has not abandoned it/);
    abandon(cluster, 1, first);
    refused(first, { round: 2 }, "abandoned", /promised never to sign revision 1/);
    vote(cluster, 1, second);
    const zeroth = fresh();
    vote(cluster, 1, later(zeroth, 3));
    refused(zeroth, {}, "not-newer", /already voted for revision 3, which is later than 1/);
  });

  test("if the revision skips too many numbers", () => {
    const first = fresh();
    refused(later(first, 17), {}, "too-far-ahead", /skips too many numbers: at most 16/);
    assert.ok(vote(cluster, 1, later(first, 16)).some(({ kind }) => kind === "voted"));
  });

  test("if a coin is promised to another request", () => {
    const first = fresh();
    vote(cluster, 1, first);
    refused(fresh({ coins: first.coins }), {}, "coin-locked", /is promised to request/);
  });

  test("if a coin was promised to another request and abandoned by this node alone: the others may still pay it", () => {
    const coins = [coin(90)];
    const [one, other] = [fresh({ coins }), fresh({ coins })];
    vote(cluster, 1, one);
    abandon(cluster, 1, one);
    refused(other, {}, "coin-locked", /is promised to request .* not proven dead/);
  });

  test("if this node signed an earlier revision and the new one does not spend its anchor", () => {
    const first = fresh();
    approve(cluster, first);
    for (const attempt of [0, 1]) sign(cluster, first, { attempt });
    refused(later(first, 2), {}, "misses-anchor", /a replacement has to spend .* so that only one can confirm/);
  });

  test("of a request that nobody here knows, silently: there is nothing to say", () => {
    assert.deepEqual(vote(cluster, 1, payment(cluster, { idempotencyKey: "unknown" })), []);
  });
});

describe("a vote that was cast", () => {
  test("stays as it was: asked for the opposite, the node says the same again and promises nothing", () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    vote(cluster, 1, paid, { value: false });
    const { length } = cluster.node(1).journalDisk.records;
    vote(cluster, 1, paid, { value: true });
    cluster.pump();
    assert.equal(cluster.node(1).journalDisk.records.length, length);
    assert.deepEqual(
      cluster.events(2, "voted").map(({ value }) => value),
      [false],
    );
    for (const { custody } of cluster.nodes) assert.deepEqual(custody.status().bans, []);
  });

  test("is said again when asked for again, and promised once", () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    vote(cluster, 1, paid);
    const { length } = cluster.node(1).journalDisk.records;
    vote(cluster, 1, paid);
    assert.equal(cluster.node(1).journalDisk.records.length, length);
    const votes = new Set(
      cluster.sent
        .map(({ wire }) => cluster.reader.open(wire))
        .filter(({ header }) => header.kind === "vote")
        .map(({ body }) => body.join()),
    );
    assert.equal(votes.size, 1);
  });
});

describe("votes that do not count", () => {
  /** What a voter says alone; every other field has to be as in the ballot. `policy` is each voter's own. */
  const COUNTS = ["generation", "policy"];
  const NEVER = [
    "",
    "domain",
    "cluster",
    "network",
    "wallet",
    "request",
    "revision",
    "digest",
    "round",
    "epoch",
    "fromHeight",
    "toHeight",
    "voter",
    "value",
  ];

  test("mistake 9: every field of a vote, changed and signed by its voter, has a verdict", () => {
    const cluster = new Cluster({ n: 2, t: 2 }).start();
    let paid: Payment | undefined;
    let round = 0;
    let [rows, requests] = [0, 0];
    /** Party 1's yes in a slot of its own, and the vote of party 2 that would approve. */
    const next = (): { paid: Payment; round: number; honest: Vote } => {
      // A node keeps 8 rounds of one voter on one revision.
      if (paid === undefined || round > 9) {
        requests += 1;
        paid = payment(cluster, { coins: [coin(requests)], idempotencyKey: `request ${requests}` });
        propose(cluster, paid);
        round = 0;
      }
      // Rounds apart, so that a vote that names the next one contradicts nothing.
      round += 3;
      vote(cluster, 1, paid, { round });
      const own = cluster.events(1, "voted").findLast(({ voter }) => voter === cluster.idOf(1))!;
      return { paid, round, honest: { ...signedVoteCodec.decode(own.vote).vote, voter: cluster.idOf(2) } };
    };
    for (const { field, name } of mutations(voteCodec, voteCodec.encode(next().honest))) {
      const { paid: on, round: slot, honest } = next();
      const mutation = mutations(voteCodec, voteCodec.encode(honest)).find(
        (one) => one.field === field && one.name === name,
      );
      const changed = mutation === undefined ? null : decoded(mutation.bytes);
      if (changed === null) continue;
      rows += 1;
      const signed = signVote(cluster.node(2).identity.vote, changed);
      const fields = { kind: "vote" as const, request: on.id, round: `1.${slot}` };
      const before = cluster.events(1, "verdict").length;
      cluster.deliver(1, cluster.forge(2, fields, signedVoteCodec.encode(signed)));
      const counted = cluster
        .events(1, "verdict")
        .slice(before)
        .some(({ verdict }) => verdict === "approved");
      assert.ok(COUNTS.includes(field) || NEVER.includes(field), `no verdict for ${field}: ${name}`);
      assert.equal(counted, COUNTS.includes(field), `${field}: ${name}`);
    }
    console.log(`votes: ${rows} changes by their voter, each with a verdict`);
    assert.ok(rows >= 30);
  });

  const decoded = (bytes: Uint8Array): Vote | null => {
    try {
      return voteCodec.decode(bytes);
    } catch (error) {
      assert.ok(error instanceof CodecError);
      return null;
    }
  };

  test("for an altered amount or recipient: the liars vote alone, so nothing is approved, opened or signed", () => {
    for (const pays of [
      { amount: 60_000n },
      { recipient: "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry" },
    ]) {
      const cluster = new Cluster({ n: 4, t: 3 }).start();
      const altered = payment(cluster, { origin: 4, pays });
      propose(cluster, altered, { by: 4 });
      for (const party of [1, 2, 3]) {
        assert.deepEqual(
          vote(cluster, party, altered).map(({ kind }) => kind),
          ["objected"],
        );
      }
      // The liar says yes all the same, with votes that fit in every field.
      for (const party of [1, 2, 3]) cluster.deliver(party, forgedVote(cluster, 4, altered, { value: true }));
      cluster.pump();
      open(cluster, altered);
      assert.match(cluster.dropped(1).at(-1)!, /attempt not opened: this node never voted for revision 1/);
      assert.deepEqual(paidAt(cluster, altered), []);
    }
  });

  test("of one voter said in many ways do not keep a coordinator from showing the others", () => {
    const cluster = new Cluster({ n: 7, t: 5, q: 5 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid, { by: [1, 2, 3, 4, 5] });
    const own = cluster.events(1, "voted").find(({ voter }) => voter === cluster.idOf(1))!;
    for (const liar of [6, 7]) {
      const { identity } = cluster.node(liar);
      for (let generation = 1; generation <= 20; generation++) {
        const signed = signVote(identity.vote, {
          ...signedVoteCodec.decode(own.vote).vote,
          voter: identity.id,
          generation,
        });
        const fields = { kind: "vote" as const, request: paid.id, round: "1.1" };
        cluster.deliver(1, cluster.forge(liar, fields, signedVoteCodec.encode(signed)));
      }
    }
    open(cluster, paid);
    assert.equal(cluster.events(1, "joined").length, 1, cluster.dropped(1).join());
  });

  test("of requests that nobody knows do not crowd out honest votes that come early", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    const { identity } = cluster.node(4);
    cluster.route = (frame, { header }) => (header.kind === "proposal" && frame.to === 2 ? [] : [frame]);
    propose(cluster, paid);
    vote(cluster, 1, paid);
    const template = signedVoteCodec.decode(cluster.events(1, "voted")[0]!.vote).vote;
    for (let i = 0; i < 600; i++) {
      const request = Uint8Array.of(...new Uint8Array(30).fill(9), i >> 8, i & 0xff);
      const signed = signVote(identity.vote, { ...template, request, voter: identity.id });
      cluster.deliver(2, cluster.forge(4, { kind: "vote", request, round: "1.1" }, signedVoteCodec.encode(signed)));
    }
    cluster.pump();
    vote(cluster, 3, paid);
    cluster.pump();
    cluster.deliver(2, cluster.forge(1, { kind: "proposal", request: paid.id, round: "1" }, paid.proposal));
    vote(cluster, 2, paid);
    cluster.pump();
    assert.ok(approvedAt(cluster, 2, paid));
  });
});

describe("two payments that race for one coin", () => {
  test("are never both approved, whoever votes for which first; the loser goes on with another coin", () => {
    for (const first of [0b0000, 0b0001, 0b0011, 0b1010, 0b0111]) {
      const cluster = new Cluster({ n: 4, t: 3, seed: "race" }).start();
      const [a, b] = [payment(cluster, { idempotencyKey: "a" }), payment(cluster, { idempotencyKey: "b" })];
      for (const paid of [a, b]) propose(cluster, paid);
      for (const party of cluster.all) vote(cluster, party, (first >> (party - 1)) % 2 === 0 ? a : b);
      cluster.pump();
      for (const paid of [a, b]) approve(cluster, paid, { round: 2 });
      const won = [a, b].filter((paid) => cluster.all.some((party) => approvedAt(cluster, party, paid)));
      const forA = cluster.all.filter((party) => (first >> (party - 1)) % 2 === 0).length;
      assert.equal(won.length, forA === 2 ? 0 : 1, `first votes ${first.toString(2)}`);

      // Everybody gives the other one up and votes for it again, on a coin of its own.
      const loser = won[0] === b ? a : b;
      for (const party of cluster.all) abandon(cluster, party, loser);
      cluster.pump();
      const retry = revisionOf(cluster, loser.request, { number: 2, coins: [coin(2)] });
      propose(cluster, retry);
      approve(cluster, retry);
      assert.ok(cluster.all.every((party) => approvedAt(cluster, party, retry)));
      if (first !== 0b0011) continue;
      sign(cluster, retry);
      assert.deepEqual(paidAt(cluster, retry), cluster.all);
    }
  });
});

describe("a revision that was abandoned", () => {
  test("by n − t + 1 + f members is dead for everybody, and not by fewer, nor by strangers to the key", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    for (const [i, party] of [1, 2, 3].entries()) {
      abandon(cluster, party, paid);
      abandon(cluster, party, paid);
      cluster.pump();
      const dead = cluster.events(4, "abandoned").some((event) => event.dead);
      assert.equal(dead, i === 2, `${i + 1} abandons`);
    }
    assert.deepEqual(
      cluster.events(4, "released").map(({ reason }) => reason),
      ["abandoned-by-quorum"],
    );
    // Party 4 did not abandon it, but it can be signed by nobody any more: its coin is free.
    assert.deepEqual(cluster.node(4).custody.lockedCoins(cluster.key), []);
    const other = payment(cluster, { idempotencyKey: "next" });
    propose(cluster, other);
    assert.ok(vote(cluster, 4, other).some(({ kind }) => kind === "voted"));
    sign(cluster, paid);
    assert.deepEqual(paidAt(cluster, paid), []);
  });

  test("is remembered up to a limit for each member, so that a liar fills its own share and nobody else's", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    for (let i = 0; i < 200; i++) {
      const digest = Uint8Array.of(...new Uint8Array(31), i);
      const body = abandonCodec.encode({ request: paid.id, revision: 7, digest });
      cluster.deliver(1, cluster.forge(4, { kind: "abandon", request: paid.id, round: "7" }, body));
    }
    assert.equal(cluster.events(1, "abandoned").length, 64);
    for (const party of [1, 2, 3]) abandon(cluster, party, paid);
    cluster.pump();
    assert.ok(cluster.events(1, "abandoned").at(-1)!.dead);
  });
});

describe("a wallet with a member that is not in the roster any more", () => {
  test("approves and signs nothing, and custody goes on", () => {
    const cluster = new Cluster({ n: 5, t: 4 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    const votes = cluster.events(1, "voted").map((event) => event.vote);
    const { journalDisk, vaultDisk } = cluster.node(1);
    const roster = { ...cluster.roster, version: 2, nodes: cluster.roster.nodes.slice(0, 4) };
    const custody = new Custody({
      engine: nodeEngine,
      vault: memoryVault(vaultDisk),
      journal: memoryJournal(journalDisk),
      rng: seededRng("smaller roster"),
      schemes: [taproot],
      settings: { ...cluster.settings, roster },
    });
    custody.start(1, []);
    const events = custody.recall(1, { proposals: [paid.proposal], votes, abandons: [] });
    assert.ok(events.some(({ kind }) => kind === "proposed"));
    assert.ok(!events.some(({ kind }) => kind === "verdict"));
    assert.equal(custody.status().sealed, null);
  });
});
