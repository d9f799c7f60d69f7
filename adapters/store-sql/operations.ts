/** Violations, node status, address counters: the small tables of running a cluster. */
import type { NodeId } from "@conclave/consensus";
import {
  checkLimit,
  isSameUse,
  NODE_STATUSES,
  PRESIGNATURE_ENDS,
  VIOLATION_TYPES,
  type Addresses,
  type Nodes,
  type NodeStatus,
  type PresignatureUse,
  type PresignatureUses,
  type RequestId,
  type Violation,
  type Violations,
} from "@conclave/node";
import type { Kysely, Selectable } from "kysely";
import { atomically, inserted, nameOf, plainBytesOrNull, wholeNumber, wholeNumberOrNull } from "./rows.ts";
import type { NodeStatusTable, Schema, ViolationTable } from "./schema.ts";

export const violationsOn = (db: Kysely<Schema>): Violations => ({
  async insert({ node, type, request, evidence, detectedAtMs, actionTaken }) {
    const { id } = await db
      .insertInto("byzantine_violations")
      .values({
        node_id: node,
        violation_type: type,
        tx_id: request,
        evidence,
        detected_at: detectedAtMs,
        action_taken: actionTaken,
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    return wholeNumber(id);
  },
  async list({ limit, node, before }) {
    checkLimit(limit);
    const latestFirst = db.selectFrom("byzantine_violations").selectAll().orderBy("id", "desc").limit(limit);
    const ofNode = node === undefined ? latestFirst : latestFirst.where("node_id", "=", node);
    const rows = await (before === undefined ? ofNode : ofNode.where("id", "<", before)).execute();
    return rows.map(toViolation);
  },
});

const toViolation = (row: Selectable<ViolationTable>): Violation => ({
  id: wholeNumber(row.id),
  node: row.node_id as NodeId,
  type: nameOf(VIOLATION_TYPES, row.violation_type),
  request: row.tx_id as RequestId | null,
  evidence: plainBytesOrNull(row.evidence),
  detectedAtMs: wholeNumber(row.detected_at),
  actionTaken: row.action_taken,
});

export const presignaturesOn = (db: Kysely<Schema>): PresignatureUses => ({
  insert: (use) =>
    atomically(db, async (trx) => {
      const { presignature, key, request, revision, attempt, end, nonces, usedAtMs } = use;
      const outcome = await trx
        .insertInto("presignature_usage")
        .values({
          presignature_id: presignature,
          key_id: key,
          request_id: request,
          revision,
          attempt,
          outcome: end,
          nonces,
          used_at: usedAtMs,
        })
        .onConflict((conflict) => conflict.column("presignature_id").doNothing())
        .executeTakeFirstOrThrow();
      if (inserted(outcome)) return "saved";
      return isSameUse((await useOf(trx, presignature))!, use) ? "known" : "conflict";
    }),
  get: (presignature) => useOf(db, presignature),
});

async function useOf(db: Kysely<Schema>, presignature: string): Promise<PresignatureUse | undefined> {
  const all = db.selectFrom("presignature_usage").selectAll();
  const row = await all.where("presignature_id", "=", presignature).executeTakeFirst();
  return (
    row && {
      presignature: row.presignature_id,
      key: row.key_id,
      request: row.request_id as RequestId | null,
      revision: wholeNumberOrNull(row.revision),
      attempt: wholeNumberOrNull(row.attempt),
      nonces: wholeNumber(row.nonces),
      end: nameOf(PRESIGNATURE_ENDS, row.outcome),
      usedAtMs: wholeNumber(row.used_at),
    }
  );
}

export const nodesOn = (db: Kysely<Schema>): Nodes => ({
  async set({ node, lastSeenMs, status, detail }) {
    const columns = { last_seen: lastSeenMs, status, detail };
    await db
      .insertInto("node_status")
      .values({ node_id: node, ...columns })
      .onConflict((conflict) => conflict.column("node_id").doUpdateSet(columns))
      .execute();
  },
  async get(node) {
    const row = await db.selectFrom("node_status").selectAll().where("node_id", "=", node).executeTakeFirst();
    return row && toStatus(row);
  },
  async list() {
    const rows = await db.selectFrom("node_status").selectAll().orderBy("node_id").execute();
    return rows.map(toStatus);
  },
});

const toStatus = (row: Selectable<NodeStatusTable>): NodeStatus => ({
  node: row.node_id as NodeId,
  lastSeenMs: wholeNumber(row.last_seen),
  status: nameOf(NODE_STATUSES, row.status),
  detail: row.detail,
});

export const addressesOn = (db: Kysely<Schema>): Addresses => ({
  async next(wallet, branch) {
    const row = await db
      .selectFrom("wallet_addresses")
      .select("next_index")
      .where("wallet", "=", wallet)
      .where("branch", "=", branch)
      .executeTakeFirst();
    return row === undefined ? 0 : wholeNumber(row.next_index);
  },
  async take(wallet, branch) {
    // Counting and reading are one statement, so that two callers never get the same index.
    const { next_index } = await db
      .insertInto("wallet_addresses")
      .values({ wallet, branch, next_index: 1 })
      .onConflict((conflict) =>
        conflict
          .columns(["wallet", "branch"])
          .doUpdateSet((set) => ({ next_index: set("wallet_addresses.next_index", "+", 1) })),
      )
      .returning("next_index")
      .executeTakeFirstOrThrow();
    return wholeNumber(next_index) - 1;
  },
  async raise(wallet, branch, next) {
    await db
      .insertInto("wallet_addresses")
      .values({ wallet, branch, next_index: next })
      .onConflict((conflict) =>
        conflict
          .columns(["wallet", "branch"])
          .doUpdateSet({ next_index: next })
          .where("wallet_addresses.next_index", "<", next),
      )
      .execute();
  },
});
