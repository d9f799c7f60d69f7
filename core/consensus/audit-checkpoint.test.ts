import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodecError, rawCbor, type Cbor } from "@conclave/bytes";
import { portableEngine as engine } from "@conclave/crypto";
import {
  auditCheckpointCodec,
  confirms,
  isCosigned,
  isForked,
  signCheckpoint,
  signedCheckpointCodec,
  verifyCheckpoint,
  type AuditCheckpoint,
} from "./audit-checkpoint.ts";
import { envelopeSigner } from "./testing/cards.ts";
import { filled, testCluster } from "./testing/cluster.ts";

const NODES = 4;
const { roster, ids } = testCluster(NODES);
const checkpoint: AuditCheckpoint = {
  domain: "conclave/audit-checkpoint/v1",
  cluster: "test",
  node: ids[0]!,
  position: 7,
  hash: filled(1),
  atMs: 1_763_632_800_000,
};
const signedBy = (i: number, changes: Partial<AuditCheckpoint> = {}) =>
  signCheckpoint(envelopeSigner(i, NODES), ids[i]!, { ...checkpoint, ...changes });
const isGood = (signed: ReturnType<typeof signedBy>): boolean => verifyCheckpoint(engine, roster, signed);

describe("a checkpoint of an audit log", () => {
  test("survives its encoding, and any other byte is refused or unsigned", () => {
    const signed = signedBy(1);
    const bytes = signedCheckpointCodec.encode(signed);
    assert.deepEqual(signedCheckpointCodec.decode(bytes), signed);
    assert(isGood(signed));
    let decoded = 0;
    for (let at = 0; at < bytes.length; at++) {
      const other = Uint8Array.from(bytes);
      other[at]! ^= 1;
      let read: typeof signed;
      try {
        read = signedCheckpointCodec.decode(other);
      } catch (error) {
        assert(error instanceof CodecError);
        continue;
      }
      decoded++;
      assert(!isGood(read), `byte ${at}`);
    }
    assert(decoded > 100, "most changes are of values, which only the signature notices");
  });

  test("counts for one node, one cluster, one signer, one position, one hash and one time", () => {
    const signed = signedBy(1);
    for (const changes of [
      { node: ids[2]! },
      { cluster: "other" },
      { position: 8 },
      { hash: filled(2) },
      { atMs: checkpoint.atMs + 1 },
    ])
      assert(!isGood({ ...signed, checkpoint: { ...checkpoint, ...changes } }), JSON.stringify(changes));
    assert(!isGood({ ...signed, signer: ids[2]! }), "another signer");
    assert(!verifyCheckpoint(engine, { ...roster, cluster: "other" }, signed), "another cluster");
    const without = (i: number) => ({ ...roster, nodes: roster.nodes.filter(({ id }) => id !== ids[i]) });
    assert(!verifyCheckpoint(engine, without(0), signed), "a log of nobody's");
    assert(!verifyCheckpoint(engine, without(1), signed), "a stranger's signature");
    assert(verifyCheckpoint(engine, without(3), signed));
  });

  test("is signed with the signer's own identity only", () => {
    assert.throws(() => signCheckpoint(envelopeSigner(1, NODES), ids[2]!, checkpoint), /the identity of the node/);
  });

  test("is confirmed by others; its own node only proposes it", () => {
    assert(isCosigned(signedBy(1)));
    assert(!isCosigned(signedBy(0)));
    assert(isGood(signedBy(0)));
  });

  test("is confirmed as it was proposed, or not at all", () => {
    const proposal = signedBy(0);
    assert(confirms(signedBy(1), proposal));
    assert(!confirms(proposal, proposal), "by its own node");
    for (const changes of [{ position: 8 }, { hash: filled(2) }, { atMs: 1 }, { node: ids[3]! }, { cluster: "other" }])
      assert(!confirms(signedBy(1, changes), proposal), JSON.stringify(changes));
  });

  test("proves a fork by two proposals of one node, and by nothing else", () => {
    assert(isForked(signedBy(0), signedBy(0, { hash: filled(2) })));
    assert(!isForked(signedBy(0), signedBy(0, { atMs: 1 })), "the same history, said twice");
    assert(!isForked(signedBy(0), signedBy(0, { hash: filled(2), position: 8 })), "a later history");
    assert(!isForked(signedBy(0), signedBy(1, { hash: filled(2), node: ids[1]! })), "two logs");
    assert(!isForked(signedBy(1), signedBy(1, { hash: filled(2) })), "what others were made to confirm");
    assert(!isForked(signedBy(0), signedBy(0, { hash: filled(2), cluster: "other" })), "two clusters");
  });

  test("has limits", () => {
    const plain: Readonly<Record<string, Cbor>> = { ...checkpoint, node: filled(3) };
    const decode = (changes: Readonly<Record<string, Cbor>>) => () =>
      auditCheckpointCodec.decode(rawCbor.encode(Object.values({ ...plain, ...changes })));
    assert.doesNotThrow(decode({}));
    for (const changes of [
      { domain: "conclave/vote/v1" },
      { cluster: "Not A Name" },
      { position: 0 },
      { position: 1.5 },
      { hash: new Uint8Array(31) },
      { atMs: -1 },
    ])
      assert.throws(decode(changes), CodecError, JSON.stringify(changes));
  });
});
