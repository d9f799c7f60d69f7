/** Presignatures in a cluster: each signer's history has the one row of each that is gone, and no row where it died in between. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex, utf8 } from "@conclave/bytes";
import type { CustodyEvent, CustodyPort } from "@conclave/custody";
import type { NodeId } from "@conclave/consensus";
import type { Notice } from "./context.ts";
import type { PresignatureUse } from "./store/presignature-uses.ts";
import { calm, type Scenario } from "./testing/scenario.ts";
import { live, type LifeOptions, type Lived, type World } from "./testing/simulation.ts";

type Ended = Extract<CustodyEvent, { kind: "presignatureEnded" }>;

/** Two of three sign: whoever is no holder has nothing to write down. */
const messageLife = (seed: string): Scenario =>
  calm(seed, { scheme: "dkls23-secp256k1", size: { n: 3, t: 2, q: 2 }, coins: [], wishes: [], healMs: 20_000 });

const keyOf = ({ machines: [machine] }: World): Uint8Array => machine!.custody!.status().keys[0]!.key;

/** Once it is ready, the first node has presignatures made; once their holders have them, a message signed. */
function presignedMessage(count: number) {
  const holders = new Set<number>();
  const signedAt = new Set<number>();
  let asked = false;
  let request = "";
  const react = (world: World, node: number, notice: Notice): void => {
    const first = world.machines[0]!.node;
    if (notice.kind === "ready" && node === 0 && !asked) {
      asked = true;
      void first!.presign(keyOf(world), count);
    }
    if (notice.kind === "presigned" && holders.add(node).size === 2) {
      const content = { message: utf8("pay attention"), hash: "sha256" as const };
      void first!.signMessage({ key: keyOf(world), content, idempotencyKey: "letter" }).then((id) => (request = id));
    }
    if (notice.kind === "messageSigned") signedAt.add(node);
  };
  return { holders, signedAt, react, request: () => request };
}

/** What each node's history says of these presignatures, in the order of the committee. */
const historyOf = ({ machines }: World, presignatures: readonly string[]) =>
  Promise.all(
    machines.map(async ({ store }) => {
      const rows = await Promise.all(presignatures.map((id) => store.presignatures.get(id)));
      return rows.filter((row) => row !== undefined);
    }),
  );

/** Presignatures that somebody said are gone. */
const goneIn = ({ notices }: Pick<Lived, "notices">): readonly string[] => [
  ...new Set(notices.flatMap(({ notice }) => (notice.kind === "presignatureEnded" ? toHex(notice.presignature) : []))),
];

const withoutTime = ({ usedAtMs, ...row }: PresignatureUse): Omit<PresignatureUse, "usedAtMs"> => {
  assert.ok(usedAtMs > 0);
  return row;
};

describe("the history of presignatures", () => {
  test("has exactly one row at each signer, the same but for its time; what an edge took along is burnt", async () => {
    const signing = presignedMessage(2);
    const histories: (readonly PresignatureUse[])[] = [];
    let key = "";
    let rekeyed = false;
    const ids = new Set<string>();
    const options: LifeOptions = {
      purpose: "messages",
      react: (world, node, notice) => {
        signing.react(world, node, notice);
        if (notice.kind === "presignatureEnded") ids.add(toHex(notice.presignature));
        if (signing.signedAt.size < 3 || rekeyed) return;
        rekeyed = true;
        const [a, b] = [...signing.holders].map((holder) => world.machines[holder]!.self) as [NodeId, NodeId];
        void world.machines[0]!.node!.rekey(keyOf(world), a, b);
      },
      inspect: async (world) => {
        key = toHex(keyOf(world));
        histories.push(...(await historyOf(world, [...ids])));
      },
    };
    const lived = await live(messageLife("presigned"), options);
    assert.deepEqual(lived.violations, []);
    const [first, second, ...more] = goneIn(lived);
    assert.deepEqual(more, []);
    const used = {
      presignature: first,
      key,
      request: signing.request(),
      revision: 1,
      attempt: 0,
      end: "used",
      nonces: 1,
    };
    const nothing = { request: null, revision: null, attempt: null };
    const burnt = { presignature: second, key, ...nothing, end: "burnt", nonces: 0 };
    assert.equal(signing.holders.size, 2);
    for (const [node, rows] of histories.entries())
      assert.deepEqual(rows.map(withoutTime), signing.holders.has(node) ? [used, burnt] : []);
  });

  test("claims nothing where a signer dies between its journal and its store, and never makes up for it", async () => {
    const signing = presignedMessage(1);
    const died: { readonly node: number; readonly event: Ended }[] = [];
    const coordinators = new Map<string, NodeId>();
    const histories: (readonly PresignatureUse[])[] = [];
    let world: World | null = null;
    let isInJournal = false;
    /** Custody has answered, with its promises on disk, and its host is gone before it reads that. */
    const dying = (node: number, port: CustodyPort): CustodyPort => ({
      ...port,
      receive: async (nowMs, wire) => {
        const events = await port.receive(nowMs, wire);
        const machine = world!.machines[node]!;
        for (const event of events)
          if (event.kind === "joined") coordinators.set(toHex(event.request), event.coordinator);
        const ended = events.find((event) => event.kind === "presignatureEnded");
        const opener = ended?.use && coordinators.get(toHex(ended.use.request));
        // Not the coordinator: without it the other signer would never hear that the attempt began.
        if (ended === undefined || opener === machine.self || died.length > 0) return events;
        died.push({ node, event: ended });
        isInJournal = machine.promises.some((record) => toHex(record).includes(toHex(ended.presignature)));
        machine.crash("between its journal and its store");
        world!.clock.schedule(2_000, () => machine.boot());
        return events;
      },
    });
    const lived = await live(messageLife("in between"), {
      purpose: "messages",
      prepare: (prepared) => (world = prepared),
      custody: dying,
      react: signing.react,
      inspect: async (inspected) => {
        histories.push(...(await historyOf(inspected, [toHex(died[0]!.event.presignature)])));
      },
    });
    assert.deepEqual(lived.violations, []);
    const [{ node: victim, event }, ...more] = died as [(typeof died)[number]];
    assert.deepEqual([more.length, event.end, isInJournal], [0, "used", true]);
    assert.equal(signing.signedAt.size, 3, "the next attempt made a nonce of its own");
    for (const [node, rows] of histories.entries()) {
      const isOther = signing.holders.has(node) && node !== victim;
      assert.deepEqual(
        rows.map(({ end, request, attempt }) => ({ end, request, attempt })),
        isOther ? [{ end: "used", request: signing.request(), attempt: 0 }] : [],
      );
    }
  });
});
