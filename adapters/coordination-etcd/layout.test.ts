/** Real statements of real custodies land under document 004's names. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { evidenceCodec } from "@conclave/consensus";
import { Cluster } from "../../core/custody/testing/cluster.ts";
import { message } from "../../core/custody/testing/messages.ts";
import { propose } from "../../core/custody/testing/payments.ts";
import { digestOf, endOf, layoutOf } from "./layout.ts";

const layout = layoutOf("lab");
const cluster = new Cluster({ n: 3, t: 2, ecdsa: true, purpose: "messages", seed: "layout" }).start();
const motion = message(cluster);
const request = toHex(motion.id);
const topic = `request:${request}`;

const wireOf = (kind: string, from: number): Uint8Array => {
  const found = cluster.sent.find((sent) => sent.from === from && cluster.reader.open(sent.wire).header.kind === kind);
  assert.ok(found !== undefined, `${from} sent a ${kind}`);
  return found.wire;
};
const keyOf = (wire: Uint8Array, about = topic): string => layout.statement({ to: [], wire, topic: about });

propose(cluster, motion);

describe("where statements lie", () => {
  test("a proposal lies with its request, under whoever told it", () => {
    const wire = wireOf("proposal", 1);
    assert.equal(keyOf(wire), `/conclave/lab/tx/${request}/proposal/${cluster.idOf(1)}/${digestOf(wire)}`);
  });

  test("an abandon and a result likewise", () => {
    for (const kind of ["abandon", "result"] as const) {
      const wire = cluster.forge(2, { kind, request: motion.id, round: "1" }, new Uint8Array(3));
      assert.ok(keyOf(wire).startsWith(`/conclave/lab/tx/${request}/${kind}/${cluster.idOf(2)}/`), keyOf(wire));
    }
  });

  test("two different votes of one node have two places, both under its name", () => {
    const votes = [1, 2].map((n) =>
      cluster.forge(2, { kind: "vote", request: motion.id, round: "1.0" }, new Uint8Array(n)),
    );
    const keys = votes.map((wire) => keyOf(wire));
    assert.equal(new Set(keys).size, 2);
    for (const key of keys) assert.ok(key.startsWith(`/conclave/lab/votes/${request}/${cluster.idOf(2)}/1.0/`), key);
  });

  test("a certificate and an edge's death lie with their key", () => {
    for (const kind of ["certificate", "edge"] as const) {
      const wire = cluster.forge(3, { kind, key: cluster.key, epoch: 0 }, new Uint8Array(3));
      const expected = `/conclave/lab/keys/${toHex(cluster.key)}/${kind}/${cluster.idOf(3)}/`;
      assert.ok(keyOf(wire, "certificate").startsWith(expected), keyOf(wire));
    }
  });

  test("evidence lies under whom it accuses; what is none, under nobody", () => {
    const nothing = cluster.forge(1, { kind: "evidence" }, new Uint8Array(9));
    assert.ok(keyOf(nothing, "evidence").startsWith(`/conclave/lab/bans/unnamed/${cluster.idOf(1)}/`));
    const envelopes = [1, 2].map((n) =>
      cluster.forge(3, { kind: "vote", request: motion.id, round: "1.0" }, new Uint8Array(n)),
    );
    const [first, second] = envelopes.toSorted((a, b) => Buffer.compare(a, b)) as [Uint8Array, Uint8Array];
    const body = evidenceCodec.encode({ kind: "Equivocation", first, second });
    const proof = cluster.forge(1, { kind: "evidence" }, body);
    assert.ok(keyOf(proof, "evidence").startsWith(`/conclave/lab/bans/${cluster.idOf(3)}/${cluster.idOf(1)}/`));
  });

  test("what is no envelope lies with its topic, whatever the topic is called", () => {
    for (const about of ["", "/", "../../leader", "\0"]) {
      const key = keyOf(Uint8Array.of(1, 2, 3), about);
      assert.match(key, /^\/conclave\/lab\/other\/[0-9a-f]{32}\/[0-9a-f]{32}$/);
      assert.equal(layout.digestAt(key), digestOf(Uint8Array.of(1, 2, 3)));
    }
  });

  test("only statements' keys have a digest, and only peers' keys a peer", () => {
    const peer = layout.peer(cluster.idOf(1));
    for (const key of [peer, layout.leader, layout.config("threshold"), `${layout.prefix}tx/abc`])
      assert.equal(layout.digestAt(key), null);
    assert.equal(layout.peerAt(peer), cluster.idOf(1));
    assert.equal(layout.peerAt(layout.leader), null);
  });

  test("the end of a prefix is right behind its last key", () => {
    assert.ok(`${layout.prefix}~~~` < endOf(layout.prefix) && endOf(layout.prefix) < "/conclave/lab1");
  });
});
