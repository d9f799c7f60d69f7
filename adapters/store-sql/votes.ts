import { equalBytes } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import {
  VOTING_OUTCOMES,
  type ListedVote,
  type RequestId,
  type Saved,
  type StoredVote,
  type Votes,
  type VotingRound,
} from "@conclave/node";
import type { Kysely, Selectable } from "kysely";
import { atomically, flag, inserted, nameOf, plainBytes, wholeNumber, wholeNumberOrNull } from "./rows.ts";
import type { Schema, VoteTable, VotingRoundTable } from "./schema.ts";

const FIRST = 1;
const SECOND = 2;

export const votesOn = (db: Kysely<Schema>): Votes => ({
  openRound: (round) => atomically(db, (trx) => openRound(trx, round)),
  async closeRound(id, { closedAtMs, outcome }) {
    const { numUpdatedRows } = await db
      .updateTable("voting_rounds")
      .set({ closed_at: closedAtMs, outcome })
      .where("id", "=", id)
      .where("closed_at", "is", null)
      .executeTakeFirstOrThrow();
    return numUpdatedRows === 1n;
  },
  async round(id) {
    const row = await db.selectFrom("voting_rounds").selectAll().where("id", "=", id).executeTakeFirst();
    return row && toRound(row);
  },
  async rounds(request) {
    const rows = await db
      .selectFrom("voting_rounds")
      .selectAll()
      .where("request_id", "=", request)
      .orderBy("revision")
      .orderBy("round")
      .execute();
    return rows.map(toRound);
  },
  insert: (vote) => atomically(db, (trx) => insertVote(trx, vote)),
  async list(votingRound) {
    const rows = await db.selectFrom("votes").selectAll().where("round_id", "=", votingRound).orderBy("id").execute();
    return rows.map(toVote);
  },
});

async function openRound(
  db: Kysely<Schema>,
  { request, revision, round, openedAtMs }: Parameters<Votes["openRound"]>[0],
): Promise<VotingRound> {
  await db
    .insertInto("voting_rounds")
    .values({ request_id: request, revision, round, opened_at: openedAtMs, closed_at: null, outcome: null })
    .onConflict((conflict) => conflict.columns(["request_id", "revision", "round"]).doNothing())
    .execute();
  const row = await db
    .selectFrom("voting_rounds")
    .selectAll()
    .where("request_id", "=", request)
    .where("revision", "=", revision)
    .where("round", "=", round)
    .executeTakeFirstOrThrow();
  return toRound(row);
}

async function insertVote(db: Kysely<Schema>, vote: StoredVote): Promise<Saved> {
  if (await insertAs(db, FIRST, vote)) return "saved";
  const first = await db
    .selectFrom("votes")
    .select("signed_vote")
    .where("round_id", "=", vote.votingRound)
    .where("node_id", "=", vote.node)
    .where("ordinal", "=", FIRST)
    .executeTakeFirstOrThrow();
  if (equalBytes(first.signed_vote, vote.bytes)) return "known";
  await insertAs(db, SECOND, vote);
  return "conflict";
}

/** False if this place is taken. */
async function insertAs(db: Kysely<Schema>, ordinal: number, vote: StoredVote): Promise<boolean> {
  const outcome = await db
    .insertInto("votes")
    .values({
      round_id: vote.votingRound,
      node_id: vote.node,
      ordinal,
      approve: vote.approve,
      signed_vote: vote.bytes,
      received_at: vote.receivedAtMs,
    })
    .onConflict((conflict) => conflict.columns(["round_id", "node_id", "ordinal"]).doNothing())
    .executeTakeFirstOrThrow();
  return inserted(outcome);
}

const toRound = (row: Selectable<VotingRoundTable>): VotingRound => ({
  id: wholeNumber(row.id),
  request: row.request_id as RequestId,
  revision: wholeNumber(row.revision),
  round: wholeNumber(row.round),
  openedAtMs: wholeNumber(row.opened_at),
  closedAtMs: wholeNumberOrNull(row.closed_at),
  outcome: row.outcome === null ? null : nameOf(VOTING_OUTCOMES, row.outcome),
});

const toVote = (row: Selectable<VoteTable>): ListedVote => ({
  votingRound: wholeNumber(row.round_id),
  node: row.node_id as NodeId,
  approve: flag(row.approve),
  bytes: plainBytes(row.signed_vote),
  receivedAtMs: wholeNumber(row.received_at),
  order: wholeNumber(row.ordinal) === FIRST ? "first" : "second",
});
