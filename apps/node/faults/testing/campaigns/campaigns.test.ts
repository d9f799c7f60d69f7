import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder } from "../../../up/testing/places.ts";
import { growthPerMinute } from "./growth.ts";
import { drawBlow } from "./kills.ts";
import { percentile } from "./timeline.ts";
import { addToLog, beginLog, mendLog, readLog } from "./trial-log.ts";

const READ = { promises: 1, secrets: 1, attempts: 1, votes: 1, requests: 1, auditEntries: 1 };

describe("the record of a campaign", () => {
  test("says which trials stand, whatever became of the run", (t) => {
    const { path, remove } = temporaryFolder();
    t.after(remove);
    const file = join(path, "kills.jsonl");
    const head = { kind: "campaign", seed: "s", transport: "quic" } as const;
    beginLog(file, head);
    const trial = { kind: "trial", blow: drawBlow("s", 1), told: "killed", payments: 5, ms: 1 } as const;
    for (const number of [1, 2, 3, 4]) addToLog(file, { ...trial, number });
    addToLog(file, { kind: "judged", numbers: [1, 2], held: true, read: READ, refusals: {} });
    addToLog(file, { kind: "judged", numbers: [3], held: false, reason: "a vote was lost" });
    // The process ended in the middle of a line.
    appendFileSync(file, '{"kind":"judged","numb');
    const { held, broken, ...rest } = readLog(file);
    assert.deepEqual([rest.head, [...held], [...broken]], [head, [1, 2], [3]]);
    mendLog(file);
    addToLog(file, { kind: "judged", numbers: [3, 4], held: true, read: READ, refusals: {} });
    assert.deepEqual([...readLog(file).held], [1, 2, 4]);
    assert.deepEqual([...readLog(file).broken], [3]);
  });
  test("is not begun over another, and not read from a file that is none", (t) => {
    const { path, remove } = temporaryFolder();
    t.after(remove);
    const file = join(path, "kills.jsonl");
    beginLog(file, { kind: "campaign", seed: "s", transport: "quic" });
    assert.throws(() => beginLog(file, { kind: "campaign", seed: "s", transport: "quic" }), /--resume/);
    const other = join(path, "other.jsonl");
    appendFileSync(other, '{"kind":"trial"}\n');
    assert.throws(() => readLog(other), /is no record of a campaign/);
  });
});

test("a trial is drawn from the seed and its number alone, and all kinds are drawn", () => {
  const blows = Array.from({ length: 200 }, (_, number) => drawBlow("s", number));
  assert.deepEqual(drawBlow("s", 7), blows[7]);
  const kinds = new Set(blows.map((blow) => (blow.kind === "step" ? "step" : `${blow.nodes.length} nodes`)));
  assert.deepEqual([...kinds].toSorted(), ["1 nodes", "2 nodes", "step"]);
  for (const blow of blows) if (blow.kind === "moment") assert.equal(new Set(blow.nodes).size, blow.nodes.length);
});

test("growth is the slope of the later half", () => {
  const samples = Array.from({ length: 20 }, (_, i) => ({ atMs: i * 30_000, heapMib: [i < 10 ? i * 10 : 100, i * 2] }));
  assert.deepEqual(growthPerMinute(samples), [0, 4]);
  assert.deepEqual(growthPerMinute(samples.slice(0, 2)), [0, 0]);
});

test("percentiles are values that occurred", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual([percentile(values, 50), percentile(values, 99), percentile([7], 99)], [50, 99, 7]);
});
