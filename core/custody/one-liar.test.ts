/** What one member can do to the others' signatures: cost an attempt in which it takes part, and no more. */
import { utf8 } from "@conclave/bytes";
import type { PartyIndex } from "@conclave/protocol";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ackCodec, attemptId, selectOffer, selectSigners, type Offer } from "./attempts.ts";
import { edgeDeathCodec } from "./edge-deaths.ts";
import { proposalCodec, requestId, type Request } from "./index.ts";
import { Cluster, ecdsa, type Frame } from "./testing/cluster.ts";
import { carryOut, message, presign, rekey, signedAt } from "./testing/messages.ts";
import { approve, attemptName, begin, open, paidAt, payment, propose, sign } from "./testing/payments.ts";

/** One member's oversized ack must not keep an honest coordinator from beginning. */
test("an ack that is too long for `begin` costs its sender's part and no more", () => {
  const cluster = new Cluster({ n: 4, t: 3, seed: "ack size" }).start();
  const paid = payment(cluster);
  propose(cluster, paid);
  approve(cluster, paid);
  const bytes = (i: number): Uint8Array => new Uint8Array(32).fill(i);
  cluster.route = (frame, { header, body }) => {
    if (header.kind !== "ack" || frame.from !== 2) return [frame];
    const stuffed = {
      ...ackCodec.decode(body),
      holds: Array.from({ length: 32 }, (_, i) => bytes(i)),
      edges: Array.from({ length: 32 }, (_, i) => ({ peer: (i + 1) as never, setup: bytes(i) })),
    };
    const { request, attempt, round, receiver } = header;
    const fields = { kind: "ack" as const, request, attempt, round, receiver };
    return [{ ...frame, wire: cluster.forge(2, fields, ackCodec.encode(stuffed)) }];
  };
  // Parties 1, 3 and 4 coordinate attempts 0, 2 and 3.
  for (const attempt of [0, 2, 3]) sign(cluster, paid, { attempt });
  const begins = cluster.sent.filter(({ wire }) => cluster.reader.open(wire).header.kind === "begin");
  assert.ok(begins.length > 0, `no attempt ever began: ${[1, 3, 4].flatMap((party) => cluster.dropped(party)).join()}`);
});

/** One member must not be able to use up every attempt at a request that everybody approved. */
test("a coordinator that opens its own attempts far ahead leaves the others theirs", () => {
  const n = 4;
  const cluster = new Cluster({ n, t: 3, seed: "burning" }).start();
  const paid = payment(cluster);
  propose(cluster, paid);
  approve(cluster, paid);
  // Attempts 1, 5, 9, … are party 2's to open: 64 setups, no begin.
  for (let k = 0; k < 64; k++)
    cluster.do(2, (custody, nowMs) => custody.open(nowMs, paid.id, paid.number, 1, 1 + n * k));
  cluster.pump();
  for (const attempt of [0, 2, 3]) sign(cluster, paid, { attempt });
  assert.deepEqual(paidAt(cluster, paid), cluster.all, cluster.dropped(1).join("; "));
});

/** A signature whose signers have begun and wait for each other, and a member that does not sign. */
function underWay(cluster: Cluster) {
  const motion = message(cluster);
  propose(cluster, motion);
  approve(cluster, motion);
  const held: Frame[] = [];
  cluster.route = (frame, { header: { kind } }) => {
    if (!kind.startsWith("step/")) return [frame];
    held.push(frame);
    return [];
  };
  sign(cluster, motion);
  cluster.route = null;
  const signers = cluster.events(1, "begun")[0]!.signers.map((id) => cluster.partyOf(id));
  return { motion, held, signers, liar: cluster.all.find((party) => !signers.includes(party))! };
}

/** Attempts "kept in memory after their end" must not push out one that runs. */
test("a member that opens 64 attempts of its own does not end a signature that is under way", () => {
  const cluster = new Cluster({ n: 3, t: 2, ecdsa: true, purpose: "messages", seed: "eviction" }).start();
  const { motion, held, liar } = underWay(cluster);
  for (let i = 0; i < 64; i++) {
    const request = { ...presign(cluster, { idempotencyKey: `presign ${i}` }), origin: cluster.idOf(liar) };
    cluster.do(liar, (custody, nowMs) => custody.propose(nowMs, proposalCodec.encode({ request, revision: null })));
    cluster.do(liar, (custody, nowMs) => custody.open(nowMs, requestId(request), 0, 0, liar - 1));
  }
  cluster.pump();
  cluster.inject(...held);
  cluster.pump();
  assert.deepEqual(signedAt(cluster, motion), cluster.all);
});

/** A request that this cluster is too large for is refused in words; it must not throw out of every member's custody. */
test("a DKLS23 key for 17 nodes is refused before anybody acknowledges", () => {
  const n = 17;
  const cluster = new Cluster({ n, t: 9, q: 14, withKey: false, schemeOf: () => ecdsa, seed: "17" }).start();
  const request: Request = {
    kind: "keygen",
    cluster: "local",
    idempotencyKey: "too many",
    origin: cluster.idOf(1),
    height: 0,
    expiresHeight: 100,
    scheme: "dkls23-secp256k1",
    purpose: "messages",
    threshold: 9,
    quorum: 14,
  };
  const id = requestId(request);
  cluster.do(1, (custody, nowMs) => custody.propose(nowMs, proposalCodec.encode({ request, revision: null })));
  cluster.pump();
  cluster.do(1, (custody, nowMs) => custody.open(nowMs, id, 0, 0, 0));
  cluster.pump();
  const name = attemptId({ request: id, revision: 0, digest: new Uint8Array(32), round: 0, attempt: 0 });
  assert.doesNotThrow(() => cluster.do(1, (custody, nowMs) => custody.begin(nowMs, name, [])));
});

/** The death of an edge that was made anew since is old news: replayed, it must end nothing. */
test("a third signer does not give up because somebody replays the death of an edge that lives again", () => {
  const cluster = new Cluster({ n: 3, t: 3, ecdsa: true, purpose: "messages", seed: "replay" }).start();
  const name = [...cluster.node(2).vaultDisk.records.keys()].find(
    (edge) => edge.startsWith("edge/") && edge.endsWith("/1"),
  )!;
  const { setup } = ecdsa.edges!.open(cluster.node(2).vaultDisk.records.get(name)!);
  // Once, long ago, party 1 said so. Whoever heard it has kept the envelope.
  const fields = { kind: "edge" as const, key: cluster.key, epoch: 0 };
  const old = cluster.forge(1, fields, edgeDeathCodec.encode({ setup, peer: cluster.idOf(2) }));
  cluster.deliver(2, old);
  carryOut(cluster, rekey(cluster, 1, 2), [1, 2]);
  assert.equal(cluster.events(1, "edgeMade").length, 1);
  const motion = message(cluster);
  propose(cluster, motion);
  approve(cluster, motion);
  let replayed = false;
  cluster.route = (frame, { header: { kind } }) => {
    if (replayed || kind !== "step/direct" || frame.to !== 3) return [frame];
    replayed = true;
    return [{ ...frame, wire: old }, frame];
  };
  sign(cluster, motion);
  assert.ok(replayed);
  assert.deepEqual(
    cluster.events(3, "aborted").map(({ reason }) => reason),
    [],
  );
  assert.deepEqual(signedAt(cluster, motion), cluster.all);
});

/** §6: either endpoint's word costs "only that edge". A third party's edge to a signer must not end what others sign. */
test("a member that declares its own edge dead does not end a signature that it has no part in", () => {
  const cluster = new Cluster({ n: 3, t: 2, ecdsa: true, purpose: "messages", seed: "scope" }).start();
  const { motion, held, signers, liar } = underWay(cluster);
  const [victim] = signers as [number];
  const name = [...cluster.node(victim).vaultDisk.records.keys()].find((edge) => edge.endsWith(`/${liar}`))!;
  const { setup } = ecdsa.edges!.open(cluster.node(victim).vaultDisk.records.get(name)!);
  const fields = { kind: "edge" as const, key: cluster.key, epoch: 0 };
  cluster.deliver(victim, cluster.forge(liar, fields, edgeDeathCodec.encode({ setup, peer: cluster.idOf(victim) })));
  cluster.inject(...held);
  cluster.pump();
  assert.deepEqual(
    cluster.events(victim, "aborted").map(({ reason }) => reason),
    [],
  );
  assert.deepEqual(signedAt(cluster, motion), cluster.all);
});

/** A presignature offer speaks for several parties: one liar alone must not be able to name itself as all of them. */
test("an offer that names one party several times is nobody's", () => {
  const party = (index: number): PartyIndex => index as PartyIndex;
  const honest: Offer = { id: new Uint8Array(32).fill(9), signers: [party(1), party(3)] };
  const forged: Offer = { id: new Uint8Array(32), signers: [party(2), party(2)] };
  const ack = (offers: readonly Offer[]) =>
    ackCodec.encode({
      setup: new Uint8Array(32),
      nonce: new Uint8Array(32),
      ephemeral: new Uint8Array(32),
      generation: 1,
      holds: [],
      edges: [],
      offers,
    });
  let decoded: readonly Offer[] = [];
  try {
    decoded = ackCodec.decode(ack([forged])).offers;
  } catch {
    return; // Refused where it is read: as good.
  }
  const acks = new Map([
    [party(1), { offers: [honest] }],
    [party(2), { offers: decoded }],
    [party(3), { offers: [honest] }],
  ]);
  assert.deepEqual(selectOffer(new Uint8Array(32), acks, 2)?.signers, [1, 3]);
});

/** Two requests whose acks offer the same presignature: the second `begin` must cost that attempt, not throw out of custody. */
test("a presignature that two open attempts offer is used by one, and the other goes on without", () => {
  const cluster = new Cluster({ n: 3, t: 2, ecdsa: true, purpose: "messages", seed: "race" }).start();
  carryOut(cluster, presign(cluster, { count: 1 }));
  const motions = ["letter 1", "letter 2"].map((idempotencyKey) =>
    message(cluster, { idempotencyKey, message: utf8(idempotencyKey) }),
  );
  for (const motion of motions) {
    propose(cluster, motion);
    approve(cluster, motion);
  }
  // Both attempts are acknowledged before either begins: nothing but two payments at once.
  const coordinators = motions.map((motion) => open(cluster, motion));
  assert.doesNotThrow(() => {
    for (const [i, motion] of motions.entries()) begin(cluster, coordinators[i]!, attemptName(motion));
  });
  for (const motion of motions) sign(cluster, motion, { attempt: 1 });
  for (const motion of motions) assert.deepEqual(signedAt(cluster, motion), cluster.all);
});

/** Who cannot be named is left behind in turn: no set of signers comes again before all were tried, under each coordinator. */
test("every set of signers meets every coordinator", () => {
  const parties = (...numbers: number[]): readonly PartyIndex[] => numbers as unknown as readonly PartyIndex[];
  const zeros = new Uint8Array(32);
  for (const [acked, t, sets] of [
    [parties(1, 2, 3, 4), 3, 4],
    [parties(1, 2, 3, 4, 5), 4, 5],
    [parties(1, 2, 4, 6, 7), 3, 10],
  ] as const) {
    const at = (attempt: number) =>
      selectSigners(
        { key: zeros, height: 7, subject: { request: zeros, revision: 1, digest: zeros, round: 1, attempt } },
        acked,
        t,
      )!.join();
    const round = (from: number) => new Set(Array.from({ length: sets }, (_, i) => at(from + i)));
    for (let turn = 0; turn < 4; turn++) assert.equal(round(turn * sets).size, sets, "no set twice in a round");
    const n = acked.length;
    const met = new Set(Array.from({ length: n * sets }, (_, attempt) => `${attempt % n}/${at(attempt)}`));
    if (n === sets) assert.equal(met.size, n * sets, "every coordinator meets every set");
  }
});
