/** Audit logs of a cluster are confirmed by its other nodes, and one that went back or was rewritten is not. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { signCheckpoint, signedCheckpointCodec, type AuditCheckpoint, type NodeId } from "@conclave/consensus";
import { nodeEngine } from "@conclave/engine-node";
import { Checkpointing } from "./checkpointing.ts";
import type { Context, Notice } from "./context.ts";
import { checkpointRow } from "./store/audit-checkpoints.ts";
import { memoryStore } from "./testing/memory-store.ts";
import { calm, wish } from "./testing/scenario.ts";
import { live } from "./testing/simulation.ts";

const LIFE_MS = 60_000;

test("every node's log is confirmed by all others while they pay", async () => {
  const confirmed: number[] = [];
  const lived = await live(
    calm("checkpoints", { healMs: LIFE_MS, wishes: [wish(0), wish(1, { atMs: 20_000, node: 1 })] }),
    {
      inspect: async ({ machines }) => {
        for (const { store, self } of machines) {
          const checkpoints = await store.audit.checkpoints({ node: self, from: 1, limit: 100 });
          confirmed.push(new Set(checkpoints.map(({ signer }) => signer).filter((signer) => signer !== self)).size);
          for (const { position, hash } of checkpoints) {
            const [entry] = await store.audit.list({ from: position, limit: 1 });
            assert.equal(entry?.hash, hash, "what others confirmed is what the log holds");
          }
        }
      },
    },
  );
  assert.deepEqual(lived.violations, []);
  assert.ok(confirmed.length > 2);
  assert.deepEqual(
    confirmed,
    confirmed.map(() => confirmed.length - 1),
  );
});

describe("another node's log", () => {
  const signer = nodeEngine.ed25519Signer(new Uint8Array(32).fill(3));
  const [self, peer] = ["aa".repeat(32) as NodeId, toHex(signer.publicKey) as NodeId];
  const checkpointAt = (position: number, fill: number): AuditCheckpoint => ({
    domain: "conclave/audit-checkpoint/v1",
    cluster: "test",
    node: peer,
    position,
    hash: new Uint8Array(32).fill(fill),
    atMs: 5_000,
  });

  /** A node that confirmed the peer's log at position 10. */
  async function confirmer() {
    const store = memoryStore();
    await store.audit.keepCheckpoint({
      ...checkpointRow({ checkpoint: checkpointAt(10, 10), signer: peer, signature: new Uint8Array(64) }),
      signer: self,
    });
    const [notices, asked, written]: [Notice[], Uint8Array[], string[]] = [[], [], []];
    const context = {
      self,
      store,
      roster: {
        cluster: "test",
        version: 1,
        nodes: [
          { id: self, name: "own" },
          { id: peer, name: "peer" },
        ],
      },
      clock: { nowMs: () => 6_000 },
      custody: { checkpoint: (_: number, bytes: Uint8Array) => (asked.push(bytes), Promise.resolve([])) },
      act: () => Promise.resolve(),
      notify: (notice: Notice) => notices.push(notice),
      audit: (action: string) => (written.push(action), Promise.resolve()),
    } as unknown as Context;
    const checkpointing = new Checkpointing(context);
    const hear = (checkpoint: AuditCheckpoint): Promise<void> =>
      checkpointing.heard({
        kind: "checkpoint",
        checkpoint: signedCheckpointCodec.encode(signCheckpoint(signer, peer, checkpoint)),
      });
    return { hear, notices, asked, written };
  }

  test("that goes on is confirmed, and the same again is confirmed again", async () => {
    const { hear, asked, notices } = await confirmer();
    await hear(checkpointAt(11, 11));
    await hear(checkpointAt(10, 10));
    assert.deepEqual([asked.length, notices], [2, []]);
  });

  for (const [what, checkpoint, words] of [
    ["has fewer entries than before", checkpointAt(9, 9), /cut, or an older copy/],
    ["was rewritten", checkpointAt(10, 11), /it was rewritten/],
  ] as const)
    test(`that ${what} is not, and operators hear of it once`, async () => {
      const { hear, asked, notices, written } = await confirmer();
      await hear(checkpoint);
      await hear(checkpoint);
      assert.deepEqual([asked, written], [[], ["checkpoint.refused"]]);
      assert.equal(notices.length, 1);
      assert.match(notices[0]?.kind === "problem" ? notices[0].message : "", words);
    });
});
