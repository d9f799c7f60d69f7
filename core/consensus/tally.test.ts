import assert from "node:assert/strict";
import { test } from "node:test";
import { CodecError } from "@conclave/bytes";
import fc from "fast-check";
import { advance, NEW_TRANSACTION } from "./machine.ts";
import { ballotOpenAt, tally, type ForeignReason, type Tally } from "./tally.ts";
import { filled, places, testCluster } from "./testing/cluster.ts";
import { contradicts, signedVoteCodec, signVote, verifyVote, voteCodec, type SignedVote, type Vote } from "./vote.ts";

const cluster = testCluster(5);
const { engine, roster, electorate, ballot, ids, signed } = cluster;

const count = (votes: Iterable<SignedVote>, changes: Partial<typeof electorate> = {}): Tally =>
  tally(engine, { ...electorate, ...changes }, ballot, votes);

/** What a changed field does to a vote that its voter signed so. */
type Effect =
  | { readonly foreign: ForeignReason }
  /** The vote counts all the same, as a yes or a no. */
  | { readonly counts: "yes" | "no" }
  /** Not even encodable. */
  | "unreadable";

const FIELDS: Readonly<Record<string, { readonly change: Partial<Vote>; readonly effect: Effect }>> = {
  domain: { change: { domain: "conclave/vote/v2" as Vote["domain"] }, effect: "unreadable" },
  cluster: { change: { cluster: "elsewhere" }, effect: { foreign: "cluster" } },
  network: { change: { network: "mainnet" }, effect: { foreign: "network" } },
  wallet: { change: { wallet: filled(101) }, effect: { foreign: "wallet" } },
  request: { change: { request: filled(102) }, effect: { foreign: "request" } },
  revision: { change: { revision: 4 }, effect: { foreign: "revision" } },
  digest: { change: { digest: filled(103) }, effect: { foreign: "digest" } },
  round: { change: { round: 6 }, effect: { foreign: "round" } },
  policy: { change: { policy: filled(104) }, effect: { foreign: "policy" } },
  epoch: { change: { epoch: 7 }, effect: { foreign: "epoch" } },
  fromHeight: { change: { fromHeight: 99 }, effect: { foreign: "fromHeight" } },
  toHeight: { change: { toHeight: 201 }, effect: { foreign: "toHeight" } },
  // The journal position is the voter's own; its honesty is checked against the peers' memory, not here.
  generation: { change: { generation: 77 }, effect: { counts: "yes" } },
  // Another node's name under this node's signature.
  voter: { change: { voter: ids[4]! }, effect: { foreign: "signature" } },
  value: { change: { value: false }, effect: { counts: "no" } },
};

const voteField = voteCodec.field;
assert.equal(voteField.kind, "record");

for (const name of voteField.kind === "record" ? voteField.fields.keys() : []) {
  test(`a vote with another ${name} than the ballot's`, () => {
    const row = FIELDS[name];
    assert.ok(row !== undefined, `declare what a vote with another ${name} does`);
    if (row.effect === "unreadable") {
      assert.throws(() => signed(0, row.change), CodecError);
      return;
    }
    const result = count([signed(0, row.change), signed(1), signed(2), signed(3)]);
    const counted = "counts" in row.effect;
    assert.deepEqual(places(cluster, result.yes), counted && row.effect.counts === "yes" ? [0, 1, 2, 3] : [1, 2, 3]);
    assert.deepEqual(places(cluster, result.no), counted && row.effect.counts === "no" ? [0] : []);
    assert.equal(result.verdict, result.yes.length === 4 ? "approved" : "open");
    assert.deepEqual(
      result.foreign.map(({ reason }) => reason),
      "foreign" in row.effect ? [row.effect.foreign] : [],
    );

    // The same change under the old signature never counts, whatever the field.
    const { signature } = signed(0);
    const forged = count([{ vote: cluster.vote(0, row.change), signature }, signed(1), signed(2), signed(3)]);
    assert.equal(forged.verdict, "open");
    assert.equal(forged.foreign.length, 1);
  });
}

test("every row is a field of a vote", () => {
  assert.deepEqual(Object.keys(FIELDS), voteField.kind === "record" ? [...voteField.fields.keys()] : []);
});

test("a signed vote survives its encoding and is bound to every bit of its signature", () => {
  const vote = signed(0);
  assert.deepEqual(signedVoteCodec.decode(signedVoteCodec.encode(vote)), vote);
  assert.ok(verifyVote(engine, roster, vote));
  for (let bit = 0; bit < 512; bit += 37) {
    const signature = vote.signature.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    assert.ok(!verifyVote(engine, roster, { ...vote, signature }), `bit ${bit}`);
  }
});

test("a vote is signed by the vote key, not by the envelope key or another node's", () => {
  const byAnother = signVote(cluster.signers[1]!, cluster.vote(0));
  assert.deepEqual(
    count([byAnother]).foreign.map(({ reason }) => reason),
    ["signature"],
  );
});

test("a stranger's vote and one of a node that does not hold the key do not count", () => {
  const stranger = testCluster(6);
  const outsider = count([stranger.signed(5)]);
  assert.deepEqual(
    outsider.foreign.map(({ reason }) => reason),
    ["voter"],
  );
  const four = count([signed(4), signed(0), signed(1), signed(2)], { committee: ids.slice(0, 4), quorum: 3 });
  assert.deepEqual(places(cluster, four.yes), [0, 1, 2]);
  assert.deepEqual(
    four.foreign.map(({ reason }) => reason),
    ["voter"],
  );
});

test("the same vote many times is one vote, and so is one said again at another journal position", () => {
  const again = signed(0, { generation: 400 });
  const result = count([signed(0), signed(0), again, signed(1), signed(2)]);
  assert.deepEqual(places(cluster, result.yes), [0, 1, 2]);
  assert.equal(result.verdict, "open");
  assert.deepEqual(result.equivocators, []);
  assert.deepEqual(result.foreign, []);
});

test("a contradiction in any content or circumstance excludes its voter and leaves a verifiable pair", () => {
  const sameSlot = new Set(["request", "revision", "round", "voter", "domain", "generation"]);
  for (const [name, { change }] of Object.entries(FIELDS)) {
    if (sameSlot.has(name)) continue;
    const result = count([signed(0, change), signed(1), signed(0), signed(2), signed(3)]);
    assert.deepEqual(places(cluster, result.equivocators), [0], name);
    assert.deepEqual(places(cluster, result.yes), [1, 2, 3], name);
    const [{ first, second }] = result.contradictions as [{ first: SignedVote; second: SignedVote }];
    assert.ok(contradicts(first.vote, second.vote));
  }
  // Another request, revision or round is another slot: an honest change of mind.
  for (const name of ["request", "revision", "round"])
    assert.deepEqual(count([signed(0, FIELDS[name]!.change), signed(0)]).equivocators, [], name);
});

test("a forged contradiction excludes nobody", () => {
  const forged: SignedVote = { vote: cluster.vote(0, { value: false }), signature: signed(0).signature };
  const result = count([forged, signed(0), signed(1), signed(2), signed(3)]);
  assert.equal(result.verdict, "approved");
  assert.deepEqual(result.equivocators, []);
});

const no = (i: number): SignedVote => signed(i, { value: false });

test("banned and contradicting voters count against the quorum like a no, each once", () => {
  const bannedFirst = { banned: new Set([ids[0]!]) };
  // One of five may be missing, whatever the reason.
  assert.equal(count([signed(0), signed(1), signed(2), signed(3)], bannedFirst).verdict, "open");
  assert.equal(count([signed(1), signed(2), signed(3), signed(4)], bannedFirst).verdict, "approved");
  assert.deepEqual([count([no(1)]).verdict, count([no(1), no(2)]).verdict], ["open", "rejected"]);
  assert.equal(count([no(1)], bannedFirst).verdict, "rejected");
  assert.equal(count([no(1), signed(0), no(0)]).verdict, "rejected");
  // A banned liar is not excluded twice, and a banned node that is no voter here excludes nobody.
  assert.equal(count([signed(0), no(0)], bannedFirst).verdict, "open");
  const stranger = new Set([testCluster(6).ids[5]!]);
  assert.equal(count([no(1)], { banned: stranger }).verdict, "open");
});

test("one liar is excluded and the transaction continues; two are too many, and only that aborts it", () => {
  const voting = advance(NEW_TRANSACTION, { kind: "votingOpened" }).status;
  const lie = (i: number): readonly SignedVote[] => [signed(i), no(i)];
  const after = (votes: readonly SignedVote[]): string =>
    advance(voting, { kind: "votesCounted", ...count(votes) }).status.state;
  assert.equal(after([...lie(0), signed(1), signed(2)]), "voting");
  assert.equal(after([...lie(0), signed(1), signed(2), signed(3), signed(4)]), "approved");
  assert.equal(after([...lie(0), no(1)]), "rejected");
  assert.equal(after([...lie(0), ...lie(1)]), "aborted_byzantine");
  assert.equal(after([...lie(0), ...lie(1), no(2), no(3)]), "rejected");
});

test("a policy is pinned per voter: two nodes may differ, one that changed its policy votes again", () => {
  const policies = new Map([
    [ids[0]!, filled(50)],
    [ids[1]!, filled(51)],
  ]);
  const on = (votes: readonly SignedVote[]): Tally => tally(engine, electorate, { ...ballot, policies }, votes);
  // Nodes 2 and 3 are not pinned and count under whatever they signed.
  const votes = [signed(0, { policy: filled(50) }), signed(1, { policy: filled(51) }), signed(2), signed(3)];
  assert.equal(on(votes).verdict, "approved");
  const stale = on([signed(0), ...votes.slice(1)]);
  assert.equal(stale.verdict, "open");
  assert.deepEqual(
    stale.foreign.map(({ reason }) => reason),
    ["policy"],
  );
});

test("a ballot is open from its first height to its last", () => {
  assert.deepEqual(
    [99, 100, 200, 201].map((height) => ballotOpenAt(ballot, height)),
    [false, true, true, false],
  );
});

test("an electorate in which two contents could be approved is refused", () => {
  for (const quorum of [0, 1, 2, 3, 6, 4.5, Number.NaN]) assert.throws(() => count([], { quorum }), RangeError);
  assert.throws(() => count([], { committee: [...ids.slice(0, 4), ids[0]!] }), RangeError);
  assert.throws(() => count([], { committee: [...ids.slice(0, 4), testCluster(6).ids[5]!] }), RangeError);
});

test("the result depends on the set of votes alone", () => {
  const pool: readonly SignedVote[] = [
    ...ids.flatMap((_, i) => [signed(i), no(i), signed(i, { digest: filled(60) }), signed(i, { generation: 99 })]),
    ...Object.entries(FIELDS).flatMap(([name, { change }]) => (name === "domain" ? [] : [signed(1, change)])),
    { vote: cluster.vote(2), signature: signed(3).signature },
  ];
  const indices = fc.array(fc.nat(pool.length - 1), { maxLength: 12 });
  fc.assert(
    fc.property(indices, fc.infiniteStream(fc.nat()), (chosen, keys) => {
      const shuffled = chosen
        .flatMap((i) => [i, i])
        .map((i) => ({ i, key: keys.next().value as number }))
        .sort((a, b) => a.key - b.key);
      const once = count(chosen.map((i) => pool[i]!));
      const twice = count(shuffled.map(({ i }) => pool[i]!));
      assert.deepEqual(twice, once);
    }),
    { numRuns: 300 },
  );
});
