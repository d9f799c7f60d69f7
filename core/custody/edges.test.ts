/** Mistake 5: an edge that survives a cheat. And what else ends, carries on or renews the pairwise state of a key. */
import { interceptSteps } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { edgeDeathCodec } from "./edge-deaths.ts";
import { proposalCodec, requestId, type SigningScheme } from "./index.ts";
import { Cluster, ecdsa } from "./testing/cluster.ts";
import { memoryVault } from "./testing/memory-vault.ts";
import { carryOut, message, rekey, signedAt } from "./testing/messages.ts";
import { approve, propose, sign, type Motion } from "./testing/payments.ts";

/** Where the sealed messages of DKLS23 signing can be spoilt: a byte in each field that a check protects. */
const FIELDS = {
  "extension, u": { round: "dkls23/sign/2-multiply", at: 100 },
  "extension, t": { round: "dkls23/sign/2-multiply", at: 8_000 },
  "multiplication, corrections": { round: "dkls23/sign/3-open", at: 20_000 },
} as const;

/** A party that spoils one byte of every sealed message of a round. */
function spoiling({ round, at }: { readonly round: string; readonly at: number }): SigningScheme {
  const protocol = interceptSteps(ecdsa.protocol, (step) => {
    if (step.kind !== "send" || step.round.name !== round) return step;
    const direct = new Map([...step.outgoing.direct].map(([to, body]) => [to, spoilt(body, at)]));
    return { ...step, outgoing: { ...step.outgoing, direct } };
  });
  return { ...ecdsa, protocol };
}

const spoilt = (body: Uint8Array, at: number): Uint8Array => {
  const changed = body.slice();
  changed[at]! ^= 1;
  return changed;
};

const clusterWith = (
  liar: number | null,
  scheme: SigningScheme,
  options: { n: number; t: number; seed: string },
): Cluster =>
  new Cluster({ ...options, ecdsa: true, purpose: "messages", schemeOf: (party) => (party === liar ? scheme : ecdsa) });

const edgesOn = (cluster: Cluster, party: number): readonly string[] =>
  [...cluster.node(party).vaultDisk.records.keys()].filter((name) => name.startsWith("edge/"));

const hasEdge = (cluster: Cluster, party: number, peer: number): boolean =>
  edgesOn(cluster, party).some((name) => name.endsWith(`/${peer}`));

/** Parties that lost an edge to `peer` because a check of their own failed. */
const victimsOf = (cluster: Cluster, peer: number): readonly number[] =>
  cluster.all.filter(
    (party) =>
      party !== peer &&
      cluster
        .events(party, "edgeDead")
        .some(({ between }) => between[0] === cluster.idOf(party) && between[1] === cluster.idOf(peer)),
  );

/** A message that everybody approved, at a cluster in which party 2 spoils a field. */
function spoiltCluster(field: keyof typeof FIELDS, seed: string): { cluster: Cluster; motion: Motion } {
  const cluster = clusterWith(2, spoiling(FIELDS[field]), { n: 4, t: 3, seed }).start();
  const motion = message(cluster);
  propose(cluster, motion);
  approve(cluster, motion);
  return { cluster, motion };
}

describe("mistake 5: an edge survives a cheat", () => {
  for (const field of Object.keys(FIELDS) as (keyof typeof FIELDS)[]) {
    test(`a spoilt ${field} kills the edges to the cheat, on disk; the others sign without it`, () => {
      const { cluster, motion } = spoiltCluster(field, `cheat ${field}`);
      for (const attempt of [0, 1, 2, 3, 4, 5]) sign(cluster, motion, { attempt });
      assert.deepEqual(signedAt(cluster, motion), cluster.all);
      const victims = victimsOf(cluster, 2);
      assert.ok(victims.length > 0, "somebody met the cheat");
      for (const victim of victims) {
        assert.ok(!hasEdge(cluster, victim, 2), "gone from its disk");
        assert.ok(!hasEdge(cluster, 2, victim), "and from the other end's, who was told");
        for (const honest of [1, 3, 4].filter((other) => other !== victim)) assert.ok(hasEdge(cluster, victim, honest));
      }
      const cheats = cluster.all.flatMap((party) =>
        cluster.events(party, "aborted").filter(({ fault }) => fault === "cheat"),
      );
      assert.ok(cheats.length > 0);
      for (const { culprits } of cheats) assert.deepEqual(culprits, [cluster.idOf(2)]);
      for (const { custody } of cluster.nodes) assert.deepEqual(custody.status().bans, [], "only the victim can tell");
    });
  }

  test("the edge is gone from journal and disk before anybody hears of it, whenever the process dies", () => {
    let writes = 0;
    for (let at = 1; at < 4; at++) {
      for (const stored of [false, true]) {
        const { cluster, motion } = spoiltCluster("multiplication, corrections", "killed");
        let armed = false;
        cluster.route = (frame, { header: { kind, round } }) => {
          // From the moment that the spoilt message is on its way, the victim's writes are counted.
          if (
            !armed &&
            frame.from === 2 &&
            kind === "step/direct" &&
            round === "dkls23/sign/3-open" &&
            frame.to !== 2
          ) {
            armed = true;
            victim = frame.to;
            cluster.crashAt(victim, { at, stored });
          }
          return [frame];
        };
        let victim = 0;
        for (const attempt of [0, 1, 2, 3]) if (!armed) sign(cluster, motion, { attempt });
        const died = !cluster.node(victim).alive;
        if (died) {
          writes = Math.max(writes, at);
          cluster.route = null;
          const told = cluster.sent.filter(({ from, wire }) => from === victim && isDeath(cluster, wire));
          assert.equal(told.length, 0, "it died before it could tell");
          cluster.restart(victim);
          cluster.pump();
        }
        if (at > 1 || stored || !died) {
          assert.ok(!hasEdge(cluster, victim, 2), `write ${at}, ${stored ? "stored" : "lost"}: no edge comes back`);
        }
      }
    }
    // The record of its death, and the file.
    assert.equal(writes, 2);
  });

  test("a dead edge stays dead across a restart: not one sealed message passes between its ends", () => {
    const { cluster, motion } = spoiltCluster("extension, u", "again");
    for (const attempt of [0, 1, 2, 3, 4, 5]) sign(cluster, motion, { attempt });
    const [victim] = victimsOf(cluster, 2) as [number];
    const before = cluster.sent.length;
    cluster.restart(victim);
    cluster.pump();
    const next = message(cluster, { idempotencyKey: "letter 2" });
    propose(cluster, next);
    approve(cluster, next);
    for (const attempt of [0, 1, 2, 3]) sign(cluster, next, { attempt });
    assert.deepEqual(signedAt(cluster, next), cluster.all);
    const together = cluster.sent.slice(before).filter(({ from, to, wire }) => {
      const { kind } = cluster.reader.open(wire).header;
      return kind === "step/direct" && [from, to].includes(victim) && [from, to].includes(2);
    });
    assert.deepEqual(together, []);
  });

  test("a death that only one end knows of keeps the pair apart as well", () => {
    const cluster = clusterWith(null, ecdsa, { n: 3, t: 2, seed: "one end" }).start();
    const name = edgesOn(cluster, 1).find((edge) => edge.endsWith("/2"))!;
    cluster.kill(1);
    memoryVault(cluster.node(1).vaultDisk).erase(name);
    cluster.restart(1);
    cluster.pump();
    const motion = message(cluster);
    propose(cluster, motion);
    approve(cluster, motion);
    for (const attempt of [0, 1, 2]) sign(cluster, motion, { attempt });
    assert.deepEqual(signedAt(cluster, motion), cluster.all);
    const signers = cluster.events(1, "begun").map((event) => event.signers.map((id) => cluster.partyOf(id)).join());
    assert.ok(!signers.includes("1,2"));
  });

  test("without enough live edges nobody signs, and the reason says what to do", () => {
    const cluster = clusterWith(null, ecdsa, { n: 2, t: 2, seed: "no edge" }).start();
    cluster.kill(1);
    memoryVault(cluster.node(1).vaultDisk).erase(edgesOn(cluster, 1)[0]!);
    cluster.restart(1);
    cluster.pump();
    const motion = message(cluster);
    propose(cluster, motion);
    approve(cluster, motion);
    sign(cluster, motion);
    assert.deepEqual(signedAt(cluster, motion), []);
    assert.match(cluster.events(1, "aborted").at(-1)!.reason, /re-key dead ones/);
  });

  test("a stranger's or a third party's word ends no edge; an end's word ends its own", () => {
    const cluster = clusterWith(null, ecdsa, { n: 3, t: 2, seed: "words" }).start();
    const { edges } = ecdsa;
    const stored = cluster.node(1).vaultDisk.records.get(edgesOn(cluster, 1).find((name) => name.endsWith("/2"))!)!;
    const { setup } = edges!.open(stored);
    const death = (by: number, peer: number, of: Uint8Array): Uint8Array =>
      cluster.forge(
        by,
        { kind: "edge", key: cluster.key, epoch: 0 },
        edgeDeathCodec.encode({ setup: of, peer: cluster.idOf(peer) }),
      );
    cluster.deliver(1, death(3, 2, setup));
    assert.ok(hasEdge(cluster, 1, 2), "party 3 has no say in it");
    cluster.deliver(1, death(2, 1, new Uint8Array(32)));
    assert.ok(hasEdge(cluster, 1, 2), "another setup's death is another edge's");
    cluster.deliver(1, death(2, 1, setup));
    assert.ok(!hasEdge(cluster, 1, 2));
    assert.ok(hasEdge(cluster, 1, 3));
  });
});

describe("an edge made anew", () => {
  test("brings two parties together again that had lost each other", () => {
    const cluster = clusterWith(null, ecdsa, { n: 2, t: 2, seed: "rekey" }).start();
    for (const party of [1, 2]) {
      cluster.kill(party);
      memoryVault(cluster.node(party).vaultDisk).erase(edgesOn(cluster, party)[0]!);
      cluster.restart(party);
    }
    cluster.pump();
    carryOut(cluster, rekey(cluster, 1, 2));
    for (const party of [1, 2]) assert.equal(cluster.events(party, "edgeMade").length, 1);
    const motion = message(cluster);
    propose(cluster, motion);
    approve(cluster, motion);
    sign(cluster, motion);
    assert.deepEqual(signedAt(cluster, motion), [1, 2]);
  });

  test("is not asked for by a third party while it lives, and not for ever by its ends", () => {
    const cluster = clusterWith(null, ecdsa, { n: 3, t: 2, seed: "rekey alive" }).start();
    carryOut(cluster, rekey(cluster, 1, 2, { origin: 3 }));
    assert.match(cluster.dropped(1).join(), /only the operator of one of its ends/);
    assert.deepEqual(cluster.events(1, "edgeMade"), []);
    const open = (n: number) => {
      const request = rekey(cluster, 1, 2, { idempotencyKey: `again ${n}` });
      const proposal = proposalCodec.encode({ request, revision: null });
      cluster.do(1, (custody, nowMs) => custody.propose(nowMs, proposal));
      cluster.do(1, (custody, nowMs) => custody.open(nowMs, requestId(request), 0, 0, 0));
    };
    for (let n = 0; n < 70; n++) open(n);
    assert.match(cluster.dropped(1).join(), /made anew often enough/);
  });

  test("is not made by somebody who is no end of it, nor with oneself", () => {
    const cluster = clusterWith(null, ecdsa, { n: 3, t: 2, seed: "rekey others" }).start();
    const before = edgesOn(cluster, 3);
    carryOut(cluster, rekey(cluster, 1, 2), [3]);
    assert.match(cluster.dropped(3).join(), /not an end of the edge/);
    assert.deepEqual(edgesOn(cluster, 3), before);
    carryOut(cluster, rekey(cluster, 1, 1, { idempotencyKey: "rekey 2" }), [1]);
    assert.match(cluster.dropped(1).join(), /an edge has two ends/);
  });
});

const isDeath = (cluster: Cluster, wire: Uint8Array): boolean => cluster.reader.open(wire).header.kind === "edge";
