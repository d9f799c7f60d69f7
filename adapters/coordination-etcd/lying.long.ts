/**
 * A lying etcd delays what goes through it. It does not end the process, fill its memory, make it ask without pause, or have
 * anything handed over that could be taken for more than bytes; once it is honest, everything arrives.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { STATEMENTS_AT_ONCE, WASTED_STATEMENTS } from "./limits.ts";
import { startFakeEtcd, type FakeEtcd } from "./testing/fake-etcd.ts";
import { LIES, seeded, type Lie } from "./testing/lying-etcd.ts";
import { NODES, QUICK, startNode, statement, type TestNode } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

/** `ETCD_LIES_SEED=n` replays a run. */
const SEED = Number(process.env["ETCD_LIES_SEED"] ?? Date.now() % 1_000_000);
/** Long enough for every loop of the adapter to meet the lie several times. */
const LYING_MS = 700;
/** In a second: writes, listings, watches and beats of two nodes, and their retries. A loop without a pause asks thousands. */
const MAX_QUESTIONS = 1_200;
/** Above what the process had: buffers of some answers, and whatever the collector has not found yet. */
const MAX_GROWTH_BYTES = 256 << 20;

/** Quick to look again, which is what an honest etcd is found out by. */
const INTERVALS = { ...QUICK, requestMs: 200, beatMs: 60, stallMs: 400, longestRetryMs: 200, relistMs: 1_000 };

async function withLiar(
  lie: Lie,
  work: (etcd: FakeEtcd, nodes: readonly TestNode[], lies: () => void) => Promise<void>,
) {
  const etcd = await startFakeEtcd();
  const honest = etcd.mouth;
  const endpoints = [etcd.url];
  // As custody does: what is no statement of ours is of no use.
  const read = (wire: Uint8Array): boolean => wire.at(-1) === statement(0).wire.at(-1);
  const nodes = await Promise.all([0, 1].map((i) => startNode(NODES[i]!, { endpoints, intervals: INTERVALS, read })));
  try {
    await work(etcd, nodes, () => {
      etcd.mouth = lie(etcd, seeded(SEED));
      etcd.cutWatches();
    });
  } finally {
    etcd.mouth = honest;
    for (const { coordination } of nodes) await coordination.close();
    await etcd.close();
  }
}

describe(`an etcd that lies, seed ${SEED}`, { concurrency: 4 }, () => {
  for (const [name, lie] of Object.entries(LIES)) {
    test(name, () =>
      withLiar(lie, async (etcd, [first, second], beginLying) => {
        const honest = etcd.mouth;
        const told = () => [first, second].map((node) => [node!.coordination.status(), node!.reports]);
        first!.coordination.publish(statement(1));
        await eventually("the first arrives", () => second!.has(statement(1).wire), told);
        const bytesBefore = process.memoryUsage().rss;
        const askedBefore = etcd.asked;

        beginLying();
        first!.coordination.publish(statement(2));
        const startMs = Date.now();
        await wait(LYING_MS);
        const [asked, tookMs] = [etcd.asked - askedBefore, Date.now() - startMs];
        assert.ok(asked < (MAX_QUESTIONS * tookMs) / 1_000, `it was asked ${asked} times in ${tookMs} ms`);
        const grown = process.memoryUsage().rss - bytesBefore;
        assert.ok(grown < MAX_GROWTH_BYTES, `the process grew by ${grown} bytes`);

        etcd.mouth = honest;
        etcd.cutWatches();
        first!.coordination.publish(statement(3));
        const wires = [2, 3].map((n) => statement(n).wire);
        await eventually("all the others arrive", () => second!.has(...wires), told);
        for (const { coordination } of [first!, second!])
          await eventually("it is connected again", () => coordination.status().state === "connected", told);
        for (const { reports } of [first!, second!])
          for (const { message } of reports)
            assert.match(message, /^[\x20-\x7e…]+$/, "nothing that moves a cursor is shown");
      }),
    );
  }

  test("with one member honest, the liars cost no statement", async () => {
    const [honest, silent, forger] = [await startFakeEtcd(), await startFakeEtcd(), await startFakeEtcd()];
    silent.mouth = LIES["no answers at all"]!(silent, seeded(SEED));
    forger.mouth = LIES["fields of other types"]!(forger, seeded(SEED));
    const endpoints = [silent.url, forger.url, honest.url];
    const nodes = await Promise.all([0, 1].map((i) => startNode(NODES[i]!, { endpoints, intervals: INTERVALS })));
    try {
      for (let n = 0; n < 20; n++) nodes[0]!.coordination.publish(statement(n));
      const wires = Array.from({ length: 20 }, (_, n) => statement(n).wire);
      await eventually(
        "all arrive",
        () => nodes[1]!.has(...wires),
        () => nodes.map(({ coordination }) => coordination.status()),
      );
    } finally {
      for (const { coordination } of nodes) await coordination.close();
      for (const etcd of [honest, silent, forger]) await etcd.close();
    }
  });

  test("of statements that nobody has a use for, the node reads some hundreds at once and 200 a second", () =>
    withLiar(LIES["a flood of statements that nobody made"]!, async (_, [, second], beginLying) => {
      const startMs = Date.now();
      beginLying();
      await wait(LYING_MS);
      await eventually("it floods", () => second!.heard.length > 100);
      const { length } = second!.heard;
      const most = STATEMENTS_AT_ONCE / WASTED_STATEMENTS + ((Date.now() - startMs) / 1_000) * 200;
      assert.ok(length <= most + 10, `${length} and at most ${most}`);
    }));
});
