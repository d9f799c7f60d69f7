/** The audit log: nothing is lost, cut or replaced unnoticed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AUDIT_GENESIS } from "../../store/audit.ts";
import type { WithStore } from "./place.ts";
import { id, NODE_A, NODE_B, sampleAudit, sampleCheckpoint } from "./samples.ts";

export function auditContract(withStore: WithStore): void {
  describe("the audit log", () => {
    it(
      "chains every entry to the one before",
      withStore(async ({ audit }) => {
        assert.deepEqual(await audit.head(), { position: 0, hash: AUDIT_GENESIS });
        const first = await audit.append(sampleAudit(1));
        const second = await audit.append(sampleAudit(2));
        assert.deepEqual([first.position, first.previous], [1, AUDIT_GENESIS]);
        assert.deepEqual([second.position, second.previous], [2, first.hash]);
        assert.deepEqual(second.detail, sampleAudit(2).detail);
        assert.deepEqual(await audit.list({ from: 1, limit: 9 }), [first, second]);
        assert.deepEqual(await audit.list({ from: 2, limit: 9 }), [second]);
        assert.deepEqual(await audit.head(), { position: 2, hash: second.hash });
        assert.deepEqual(await audit.verify(), { intact: true, entries: 2 });
      }),
    );
    it(
      "loses no entry when many are written at once",
      withStore(async ({ audit }) => {
        await Promise.all(Array.from({ length: 12 }, (_, n) => audit.append(sampleAudit(n))));
        assert.deepEqual(await audit.verify(), { intact: true, entries: 12 });
      }),
    );
    it(
      "notices that entries after a known head are gone or others",
      withStore(async ({ audit }) => {
        const { position, hash } = await audit.append(sampleAudit(1));
        await audit.append(sampleAudit(2));
        assert.deepEqual(await audit.verify({ position, hash }), { intact: true, entries: 2 });
        assert.deepEqual(await audit.verify({ position: 3, hash }), {
          intact: false,
          position: 3,
          reason: "the log was cut",
        });
        assert.deepEqual(await audit.verify({ position: 2, hash }), {
          intact: false,
          position: 2,
          reason: "not the known head",
        });
      }),
    );
    it(
      "keeps each signer's checkpoints of each log, the first one at a position",
      withStore(async ({ audit }) => {
        const [a2, a5, other] = [
          sampleCheckpoint(2, { signer: NODE_A }),
          sampleCheckpoint(5, { signer: NODE_A }),
          sampleCheckpoint(9, { node: NODE_A }),
        ];
        const b5 = sampleCheckpoint(5);
        for (const row of [b5, a5, other, a2]) assert.equal(await audit.keepCheckpoint(row), "saved");
        assert.equal(await audit.keepCheckpoint({ ...b5, atMs: 1, signature: new Uint8Array(64) }), "known");
        assert.equal(await audit.keepCheckpoint({ ...b5, hash: id(1) }), "conflict");
        const node = b5.node;
        assert.deepEqual(await audit.checkpoints({ node, from: 1, limit: 9 }), [a2, a5, b5]);
        assert.deepEqual(await audit.checkpoints({ node, from: 3, limit: 1 }), [a5]);
        assert.deepEqual(await audit.checkpoints({ node: NODE_B, from: 1, limit: 9 }), []);
        assert.deepEqual(await audit.lastCheckpoint(node, NODE_A), a5);
        assert.deepEqual(await audit.lastCheckpoint(NODE_A, NODE_B), other);
        assert.equal(await audit.lastCheckpoint(NODE_B, NODE_A), undefined);
      }),
    );
  });
}
