/** Checkpoints of audit logs: what a node signs, what it believes, and each lie by its refusal. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodecError } from "@conclave/bytes";
import {
  auditCheckpointCodec,
  signCheckpoint,
  signedCheckpointCodec,
  type AuditCheckpoint,
  type NodeId,
} from "@conclave/consensus";
import { nodeEngine } from "@conclave/engine-node";
import { Checkpoints } from "./checkpoints.ts";
import type { CustodyEvent } from "./events.ts";
import { Cluster } from "./testing/cluster.ts";

const cluster = new Cluster({ n: 4, t: 3, seed: "checkpoints", withKey: false });
const roster = cluster.roster;
const idOf = (place: number): NodeId => cluster.node(place).identity.id;

const checkpointOf = (changes: Partial<AuditCheckpoint> = {}): AuditCheckpoint => ({
  domain: "conclave/audit-checkpoint/v1",
  cluster: roster.cluster,
  node: idOf(1),
  position: 5,
  hash: new Uint8Array(32).fill(5),
  atMs: 1_000,
  ...changes,
});

/** One node's, and what it told. */
function checkpointsAt(place: number) {
  const events: CustodyEvent[] = [];
  const checkpoints = new Checkpoints({
    engine: nodeEngine,
    roster,
    identity: cluster.node(place).identity,
    others: () => roster.nodes.map(({ id }) => id).filter((id) => id !== idOf(place)),
    emit: (event) => events.push(event),
    seal: (fields, body) => cluster.reader.open(cluster.forge(place, fields, body)),
  });
  const sign = (changes: Partial<AuditCheckpoint>): void =>
    checkpoints.sign(auditCheckpointCodec.encode(checkpointOf(changes)));
  /** From whom it comes, and what it holds: a checkpoint signed by `signer`. */
  const hear = (sender: number, signer: number, changes: Partial<AuditCheckpoint>, spoil = false): void => {
    const signed = signCheckpoint(cluster.node(signer).identity.envelope, idOf(signer), checkpointOf(changes));
    if (spoil) signed.signature[3]! ^= 1;
    const body = signedCheckpointCodec.encode(signed);
    checkpoints.hear(cluster.reader.open(cluster.forge(sender, { kind: "checkpoint" }, body)));
  };
  return { events, sign, hear };
}

const sendsIn = (events: readonly CustodyEvent[]) => events.flatMap((event) => (event.kind === "send" ? [event] : []));

describe("checkpoints", () => {
  test("a node's own goes to all others, another's to that node alone", () => {
    const own = checkpointsAt(1);
    own.sign({});
    assert.deepEqual(
      own.events.map(({ kind }) => kind),
      ["checkpoint", "send"],
    );
    assert.deepEqual(
      sendsIn(own.events)
        .flatMap((event) => event.to)
        .toSorted(),
      [2, 3, 4].map(idOf).toSorted(),
    );
    const other = checkpointsAt(2);
    other.sign({});
    assert.deepEqual(
      sendsIn(other.events).flatMap((event) => event.to),
      [idOf(1)],
    );
  });

  test("what one signs, the others can open and believe", () => {
    const [own, other] = [checkpointsAt(1), checkpointsAt(2)];
    other.hear(1, 1, {});
    own.hear(2, 2, {});
    assert.deepEqual(
      [own.events, other.events].map((events) => events.map(({ kind }) => kind)),
      [["checkpoint"], ["checkpoint"]],
    );
  });

  test("another cluster's, and a stranger's log, are not signed", () => {
    const { sign, events } = checkpointsAt(2);
    assert.throws(() => sign({ cluster: "other" }), /another cluster/);
    assert.throws(() => sign({ node: "ab".repeat(32) as NodeId }), /no node of this one/);
    assert.deepEqual(events, []);
  });

  test("of two histories one is signed, and nothing behind it", () => {
    const { sign } = checkpointsAt(2);
    sign({});
    sign({});
    assert.throws(() => sign({ hash: new Uint8Array(32).fill(6) }), /contradicts/);
    assert.throws(() => sign({ position: 4 }), /contradicts/);
    sign({ position: 4, node: idOf(3) });
    sign({ position: 6 });
  });

  const LIES: Readonly<Record<string, [(at: ReturnType<typeof checkpointsAt>) => void, RegExp]>> = {
    "passed on for somebody else": [({ hear }) => hear(3, 1, {}), /told by whoever signed it/],
    "of a third node's log": [({ hear }) => hear(1, 1, { node: idOf(3) }), /neither's/],
    "with a spoilt signature": [({ hear }) => hear(1, 1, {}, true), /signature does not hold/],
    "of another cluster": [({ hear }) => hear(1, 1, { cluster: "other" }), /signature does not hold/],
  };
  for (const [lie, [tell, refusal]] of Object.entries(LIES))
    test(`one ${lie} is refused`, () => {
      const at = checkpointsAt(2);
      assert.throws(
        () => tell(at),
        (error) => error instanceof CodecError && refusal.test(error.message),
      );
      assert.deepEqual(at.events, []);
    });
});
