/** The judgement itself: each thing that must not be, alone, is found. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NodeId, SignedVote } from "@conclave/consensus";
import { apply, emptyState, type LockRecord } from "../../../../core/custody/locks/index.ts";
import { checkAttempts, checkSecrets, lostVote, type ReadJournal } from "./papers.ts";

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const VOTER = "11".repeat(32) as NodeId;

function journal(name: string, records: readonly LockRecord[]): ReadJournal {
  const state = emptyState();
  for (const record of records) apply(state, record);
  return { node: VOTER, name, records, state };
}

const spend = (id: number, binding: number): LockRecord => ({
  kind: "spend",
  purpose: "nonce",
  id: bytes(id),
  binding: bytes(binding),
});
const attempt = (number: number): LockRecord => ({
  kind: "attempt",
  request: bytes(1),
  revision: 1,
  round: 1,
  input: 0,
  attempt: number,
});
const vote: LockRecord = {
  kind: "vote",
  wallet: bytes(1),
  intent: bytes(2),
  revision: 1,
  digest: bytes(3),
  round: 1,
  value: true,
  context: bytes(4),
  outpoints: [],
  anchor: null,
};

function heard(changes: Partial<SignedVote["vote"]> = {}): SignedVote {
  const said = {
    domain: "conclave/vote/v1" as const,
    cluster: "local",
    network: "regtest",
    wallet: bytes(1),
    request: bytes(2),
    revision: 1,
    digest: bytes(3),
    round: 1,
    policy: bytes(4),
    epoch: 0,
    fromHeight: 0,
    toHeight: 1,
    generation: 1,
    voter: VOTER,
    value: true,
  };
  return { vote: { ...said, ...changes }, signature: new Uint8Array(64) };
}

function wrongOf(
  check: (journals: readonly ReadJournal[], wrong: string[]) => number,
  journals: ReadJournal[],
): string {
  const wrong: string[] = [];
  check(journals, wrong);
  return wrong.join("; ");
}

describe("what nodes wrote down", () => {
  test("holds when signers of one session spent one nonce each on the same", () => {
    const journals = [journal("node1", [spend(1, 5), spend(2, 6)]), journal("node2", [spend(1, 5)])];
    const wrong: string[] = [];
    assert.equal(checkSecrets(journals, wrong), 3);
    assert.deepEqual(wrong, []);
  });
  test("does not hold when a node spent a secret twice, even on the same", () => {
    assert.match(wrongOf(checkSecrets, [journal("node1", [spend(1, 5), spend(1, 5)])]), /node1 spent nonce 01.* twice/);
  });
  test("does not hold when two nodes spent a secret on two things", () => {
    const journals = [journal("node1", [spend(1, 5)]), journal("node2", [spend(1, 6)])];
    assert.match(wrongOf(checkSecrets, journals), /was spent on two things/);
  });
  test("does not hold when a node entered a slot twice", () => {
    assert.equal(wrongOf(checkAttempts, [journal("node1", [attempt(0), attempt(1)])]), "");
    assert.match(wrongOf(checkAttempts, [journal("node1", [attempt(0), attempt(0)])]), /node1 entered attempt/);
  });
  test("does not hold when a vote that was heard is not in its voter's journal, or says something else there", () => {
    const journals = [journal("node1", [vote])];
    assert.equal(lostVote(journals, heard()), null);
    assert.match(lostVote(journals, heard({ value: false }))!, /node1 on 02020202, revision 1, round 1/);
    assert.match(lostVote(journals, heard({ digest: bytes(9) }))!, /node1 on 02020202/);
    assert.match(lostVote(journals, heard({ round: 2 }))!, /round 2/);
    assert.match(lostVote(journals, heard({ request: bytes(7) }))!, /07070707/);
  });
});
