import type { NodeId } from "@conclave/consensus";
import { checkLimit, type Audit, type Saved, type StoredCheckpoint } from "@conclave/node";
import type { Kysely, Selectable } from "kysely";
import { atomically, inserted, plainBytes, wholeNumber } from "./rows.ts";
import type { CheckpointTable, Schema } from "./schema.ts";

type Checkpoints = Pick<Audit, "keepCheckpoint" | "checkpoints" | "lastCheckpoint">;

/** The audit log's signed checkpoints. */
export const checkpointsOn = (db: Kysely<Schema>): Checkpoints => ({
  keepCheckpoint: (checkpoint) => atomically(db, (trx) => keep(trx, checkpoint)),
  async checkpoints({ node, from, limit }) {
    checkLimit(limit);
    const rows = await db
      .selectFrom("audit_checkpoints")
      .selectAll()
      .where("node_id", "=", node)
      .where("position", ">=", from)
      .orderBy("position")
      .orderBy("signer")
      .limit(limit)
      .execute();
    return rows.map(toCheckpoint);
  },
  async lastCheckpoint(node, signer) {
    const row = await db
      .selectFrom("audit_checkpoints")
      .selectAll()
      .where("node_id", "=", node)
      .where("signer", "=", signer)
      .orderBy("position", "desc")
      .limit(1)
      .executeTakeFirst();
    return row && toCheckpoint(row);
  },
});

async function keep(db: Kysely<Schema>, checkpoint: StoredCheckpoint): Promise<Saved> {
  const { node, position, hash, atMs, signer, signature } = checkpoint;
  const outcome = await db
    .insertInto("audit_checkpoints")
    .values({ node_id: node, position, hash, at: atMs, signer, signature })
    .onConflict((conflict) => conflict.columns(["node_id", "position", "signer"]).doNothing())
    .executeTakeFirstOrThrow();
  if (inserted(outcome)) return "saved";
  const first = await db
    .selectFrom("audit_checkpoints")
    .select("hash")
    .where("node_id", "=", node)
    .where("position", "=", position)
    .where("signer", "=", signer)
    .executeTakeFirstOrThrow();
  return first.hash === hash ? "known" : "conflict";
}

const toCheckpoint = (row: Selectable<CheckpointTable>): StoredCheckpoint => ({
  node: row.node_id as NodeId,
  position: wholeNumber(row.position),
  hash: row.hash,
  atMs: wholeNumber(row.at),
  signer: row.signer as NodeId,
  signature: plainBytes(row.signature),
});
