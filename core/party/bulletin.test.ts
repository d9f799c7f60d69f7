import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "@conclave/consensus";
import type { PartyIndex } from "@conclave/protocol";
import { Bulletin } from "./bulletin.ts";
import { tell, type PartyEvent } from "./events.ts";
import type { Peer } from "./meeting.ts";
import type { SignIntent } from "./presence.ts";

const [ONE, TWO] = [1 as PartyIndex, 2 as PartyIndex];

const intent = (path: readonly number[]): SignIntent => ({
  kind: "sign",
  key: new Uint8Array(32),
  digest: new Uint8Array(32),
  hash: "sha256",
  path,
  parties: [ONE, TWO],
  lost: [],
});

const peer = (path: readonly number[]): Peer => ({
  party: TWO,
  node: "2".repeat(64) as NodeId,
  up: true,
  presence: {
    invite: new Uint8Array(32),
    run: new Uint8Array(32),
    startedMs: 0,
    serial: 0,
    intent: intent(path),
    stage: "waiting",
    gaveUp: null,
  },
});

test("an operator is told each change once, and no more than sixteen of one party's", () => {
  const events: PartyEvent[] = [];
  const bulletin = new Bulletin((event) => events.push(event));
  for (let time = 0; time < 3; time++) bulletin.differences(intent([]), [peer([7])]);
  assert.deepEqual(events.map(tell), ["party 2 takes no part here: its derivation path is m/7, and here m"]);
  for (let step = 0; step < 100; step++) bulletin.differences(intent([]), [peer([step])]);
  assert.equal(events.length, 16);
  for (let time = 0; time < 3; time++) bulletin.waiting([TWO]);
  assert.deepEqual(events.slice(16).map(tell), ["waiting for party 2 …"]);
});
