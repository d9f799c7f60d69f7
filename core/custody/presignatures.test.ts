/** Presignatures (safety rule 7): used once, for the key they were made for, and gone with the process. */
import { toHex } from "@conclave/bytes";
import { secp256k1Group } from "@conclave/crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decideSpend } from "./locks/index.ts";
import { MAX_PRESIGNATURES, PresignaturePool } from "./presignatures.ts";
import { SafetyLog } from "./safety-log.ts";
import { Cluster } from "./testing/cluster.ts";
import { memoryJournal } from "./testing/memory-journal.ts";
import { bareDigest, carryOut, message, presign, rekey, signedAt } from "./testing/messages.ts";
import { abandon, approve, attemptName, begin, open, propose, sign } from "./testing/payments.ts";

const messageKey = (seed: string, settings = {}): Cluster =>
  new Cluster({ n: 3, t: 2, ecdsa: true, purpose: "messages", seed, settings }).start();

const waiting = (cluster: Cluster, party: number): number => cluster.events(party, "presigned").at(-1)?.waiting ?? 0;

/** What a party said of presignatures that are gone. */
const ended = (cluster: Cluster, party: number) =>
  cluster.events(party, "presignatureEnded").map(({ end, use, nonces }) => ({ end, use, nonces }));

/** Rounds that a cluster's parties went through since `from`. */
const roundsSince = (cluster: Cluster, from: number): ReadonlySet<string> =>
  new Set(
    cluster.sent
      .slice(from)
      .map(({ wire }) => cluster.reader.open(wire).header)
      .filter(({ kind }) => kind.startsWith("step/"))
      .map(({ round }) => round),
  );

function signNow(cluster: Cluster, idempotencyKey: string, options: Parameters<typeof message>[1] = {}) {
  const motion = message(cluster, { ...options, idempotencyKey });
  propose(cluster, motion);
  approve(cluster, motion);
  const from = cluster.sent.length;
  sign(cluster, motion);
  return { motion, rounds: roundsSince(cluster, from) };
}

describe("a presignature in the cluster", () => {
  test("completes a message in one round, once; then the next one is used, then none is left", () => {
    const cluster = messageKey("pool");
    carryOut(cluster, presign(cluster, { count: 2 }));
    const holders = cluster.all.filter((party) => waiting(cluster, party) === 2);
    assert.equal(holders.length, 2);
    const signers = holders.map((party) => cluster.idOf(party));
    const [said] = cluster.node(holders[0]!).custody.status().presignatures;
    assert.deepEqual(
      said?.signers.map((nodes) => nodes.toSorted()),
      [signers.toSorted(), signers.toSorted()],
    );
    const signatures = new Set<string>();
    for (const [i, expected] of [["dkls23/finish"], ["dkls23/finish"], null].entries()) {
      const { motion, rounds } = signNow(cluster, `letter ${i}`);
      assert.deepEqual(signedAt(cluster, motion), cluster.all);
      if (expected === null) assert.ok(rounds.has("dkls23/sign/1-commit"));
      else assert.deepEqual([...rounds], expected);
      const [signed] = cluster.events(1, "messageSigned").slice(-1);
      signatures.add(signed!.signature.subarray(0, 32).join());
      assert.deepEqual(signed!.publicKey, secp256k1Group.encode(cluster.shares[0]!.record.publicKey));
      assert.ok(
        secp256k1.verify(signed!.signature.subarray(0, 64), signed!.hash, signed!.publicKey, { prehash: false }),
      );
    }
    assert.equal(signatures.size, 3, "every signature has a nonce of its own");
    for (const party of cluster.all) {
      const letter = (i: number) => ({ request: message(cluster, { idempotencyKey: `letter ${i}` }).id, revision: 1 });
      const uses = [0, 1].map((i) => ({ end: "used", use: { ...letter(i), attempt: 0 }, nonces: 1 }));
      assert.deepEqual(ended(cluster, party), holders.includes(party) ? uses : []);
    }
    const told = holders.map((party) => cluster.events(party, "presignatureEnded"));
    const ids = (events: (typeof told)[number]) => events.map(({ presignature }) => toHex(presignature));
    assert.deepEqual(ids(told[0]!), ids(told[1]!), "all who hold a part of one know it by the same id");
    assert.ok(new Set(ids(told[0]!)).size === 2 && told.flat().every(({ key }) => toHex(key) === toHex(cluster.key)));
  });

  test("is spent on disk before its partial leaves, and gone after a restart", () => {
    for (const stored of [false, true]) {
      const cluster = messageKey("spent");
      carryOut(cluster, presign(cluster));
      const [holder] = cluster.all.filter((party) => waiting(cluster, party) === 1) as [number];
      const motion = message(cluster);
      propose(cluster, motion);
      approve(cluster, motion);
      // After the slot of the attempt, the second write is the presignature's.
      cluster.crashAt(holder, { at: 2, stored });
      const from = cluster.sent.length;
      sign(cluster, motion);
      assert.ok(!cluster.node(holder).alive);
      assert.deepEqual(ended(cluster, holder), [], "what may not be on disk is told to nobody");
      const left = cluster.sent.slice(from).filter((frame) => frame.from === holder);
      assert.ok(left.every(({ wire }) => !cluster.reader.open(wire).header.kind.startsWith("step/")));
      cluster.restart(holder);
      cluster.pump();
      approve(cluster, motion);
      const again = cluster.sent.length;
      for (const attempt of [1, 2, 3]) sign(cluster, motion, { attempt });
      assert.deepEqual(signedAt(cluster, motion), cluster.all);
      assert.ok(!roundsSince(cluster, again).has("dkls23/finish"), "nobody uses what one of them has lost");
    }
  });

  test("is not used for a digest that came from outside, which runs all rounds with the digest in the session", () => {
    const cluster = messageKey("digest", { rawDigests: true });
    carryOut(cluster, presign(cluster));
    const motion = bareDigest(cluster, new Uint8Array(32).fill(5));
    propose(cluster, motion);
    approve(cluster, motion);
    const from = cluster.sent.length;
    sign(cluster, motion);
    assert.deepEqual(signedAt(cluster, motion), cluster.all);
    assert.ok(!roundsSince(cluster, from).has("dkls23/finish"));
  });

  test("is burnt when an edge among its holders is made anew", () => {
    const cluster = messageKey("burnt");
    carryOut(cluster, presign(cluster));
    const [a, b] = cluster.all.filter((party) => waiting(cluster, party) === 1) as [number, number];
    carryOut(cluster, rekey(cluster, a, b), [a, b]);
    assert.equal(cluster.events(a, "edgeMade").length, 1);
    const { motion, rounds } = signNow(cluster, "after");
    assert.deepEqual(signedAt(cluster, motion), cluster.all);
    assert.ok(!rounds.has("dkls23/finish"));
    for (const party of [a, b]) assert.deepEqual(ended(cluster, party), [{ end: "burnt", use: null, nonces: 0 }]);
  });

  test("is burnt, and no nonce with it, where the locks forbid the partial that it was taken out for", () => {
    const cluster = messageKey("forbidden");
    carryOut(cluster, presign(cluster));
    const holders = cluster.all.filter((party) => waiting(cluster, party) === 1) as [number, number];
    const motion = message(cluster);
    propose(cluster, motion);
    approve(cluster, motion);
    const coordinator = open(cluster, motion);
    // After its ack, and before the list of acks is closed.
    abandon(cluster, holders[0], motion);
    begin(cluster, coordinator, attemptName(motion));
    const use = { request: motion.id, revision: 1, attempt: 0 };
    assert.deepEqual(ended(cluster, holders[0]), [{ end: "burnt", use, nonces: 0 }]);
    assert.deepEqual(ended(cluster, holders[1]), [{ end: "used", use, nonces: 1 }]);
    assert.deepEqual(signedAt(cluster, motion), []);
  });

  test("that a liar breaks costs one attempt: the next runs all rounds", () => {
    const cluster = messageKey("broken");
    carryOut(cluster, presign(cluster, { count: 3 }));
    const motion = message(cluster);
    propose(cluster, motion);
    approve(cluster, motion);
    cluster.route = (frame, { header: { round } }) => (round === "dkls23/finish" ? [] : [frame]);
    sign(cluster, motion);
    assert.deepEqual(signedAt(cluster, motion), []);
    cluster.route = null;
    const from = cluster.sent.length;
    sign(cluster, motion, { attempt: 1 });
    assert.deepEqual(signedAt(cluster, motion), cluster.all);
    assert.ok(roundsSince(cluster, from).has("dkls23/sign/1-commit"));
  });
});

describe("the pool", () => {
  const log = () => new SafetyLog(memoryJournal({ records: [], holder: Symbol("nobody") }));
  const bytes = (value: number): Uint8Array => new Uint8Array(32).fill(value);
  const held = (id: number, wiped: number[] = []) => ({
    id: bytes(id),
    key: bytes(200),
    path: [0, 1],
    signers: [1, 2] as never,
    value: id,
    wipe: () => void wiped.push(id),
  });

  const never = (what: string) => (): never => assert.fail(`none is ${what}`);
  const quiet = (): PresignaturePool => new PresignaturePool(log(), { burnt: () => {}, reused: never("reused") });

  test("hands each out once: of 100 takers one gets it, and the journal says so before", () => {
    const journal = log();
    const pool = new PresignaturePool(journal, { burnt: never("burnt"), reused: never("reused") });
    pool.add(held(1));
    const got = Array.from({ length: 100 }, () => pool.spend(bytes(1), bytes(9))).filter((spent) => spent !== null);
    assert.deepEqual(got, [{ value: 1 }]);
    assert.equal(decideSpend(journal.state, { purpose: "presignature", id: bytes(1), binding: bytes(8) }).ok, false);
  });

  test("never hands out what the journal says is spent, however it came back, and says that it was asked to", () => {
    const journal = log();
    const reused: (readonly [number, string])[] = [];
    const pool = new PresignaturePool(journal, {
      burnt: never("burnt"),
      reused: ({ id }, reason) => void reused.push([id[0]!, reason]),
    });
    pool.add(held(1));
    pool.spend(bytes(1), bytes(9));
    const wiped: number[] = [];
    pool.add(held(1, wiped));
    assert.deepEqual(reused, []);
    assert.equal(pool.spend(bytes(1), bytes(9)), null);
    assert.deepEqual(wiped, [1]);
    pool.add(held(1));
    assert.equal(pool.spend(bytes(1), bytes(8)), null);
    assert.deepEqual(reused, [
      [1, "this presignature was used before, on the same content: start a new attempt"],
      [1, "this presignature was used before, on other content: start a new attempt"],
    ]);
  });

  test("offers for one key and path only, another first to every request, and keeps so many", () => {
    const pool = quiet();
    const wiped: number[] = [];
    for (let id = MAX_PRESIGNATURES; id >= 1; id--) assert.ok(pool.add(held(id, wiped)));
    assert.equal(pool.add(held(100, wiped)), false);
    assert.deepEqual(wiped, [100]);
    const at = (...path: number[]) => ({ path, except: new Set<string>() });
    const first = [1, 2, 3, 4].map((request) => pool.offers(bytes(request), bytes(200), at(0, 1))[0]!.id[0]);
    assert.equal(new Set(first).size, 4);
    const offered = pool.offers(bytes(1), bytes(200), at(0, 1)).map(({ id }) => toHex(id));
    assert.equal(offered.length, 4);
    const others = pool.offers(bytes(1), bytes(200), { path: [0, 1], except: new Set(offered) });
    assert.ok(others.length === 4 && others.every(({ id }) => !offered.includes(toHex(id))));
    assert.deepEqual(pool.offers(bytes(1), bytes(200), at(0, 2)), []);
    assert.deepEqual(pool.offers(bytes(1), bytes(201), at(0, 1)), []);
    pool.close();
    assert.equal(wiped.length, MAX_PRESIGNATURES + 1);
  });

  test("tells of each that it burns, once, and of none that goes with the process", () => {
    const burnt: number[] = [];
    const wiped: number[] = [];
    const pool = new PresignaturePool(log(), {
      burnt: ({ id }) => void burnt.push(id[0]!),
      reused: never("reused"),
    });
    for (let id = 1; id <= MAX_PRESIGNATURES; id++) pool.add(held(id));
    assert.equal(pool.add(held(1, wiped)), false);
    assert.deepEqual(burnt, [], "the first of that id still waits");
    assert.equal(pool.add(held(100, wiped)), false);
    assert.deepEqual([burnt, wiped], [[100], [1, 100]]);
    const at = { path: [0, 1], except: new Set<string>() };
    const offer = () => pool.offers(bytes(1), bytes(200), at).map(({ id }) => id[0]!);
    const lost = offer();
    for (let again = 0; lost.every((id) => offer().includes(id)); again++) assert.ok(again < 100);
    assert.deepEqual(new Set(burnt.slice(1)), new Set(lost));
    assert.equal(burnt.length, 1 + lost.length);
    pool.burnWith(bytes(200), 3 as never);
    assert.equal(burnt.length, 1 + lost.length, "the party holds no part of them");
    pool.close();
    assert.equal(burnt.length, 1 + lost.length);
    assert.deepEqual(offer(), []);
  });

  test("holds nothing that a journal or a vault would keep", () => {
    const cluster = messageKey("memory");
    const files = cluster.nodes.map(({ vaultDisk }) => [...vaultDisk.records.keys()].join());
    carryOut(cluster, presign(cluster, { count: 4 }));
    assert.deepEqual(
      cluster.nodes.map(({ vaultDisk }) => [...vaultDisk.records.keys()].join()),
      files,
    );
  });
});
