/** Eleven mistakes that a network of this kind was once found to make, each shown not to be made here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { codec, fixedBytes, record, toHex } from "@conclave/bytes";
import { secp256k1Group } from "@conclave/crypto";
import type { CustodyEvent } from "@conclave/custody";
import { keyShareCodec } from "@conclave/keys";
import { committeeOf } from "./testing/committee.ts";
import { CLEAR } from "./testing/network.ts";
import { calm, wish, type Scenario } from "./testing/scenario.ts";
import { live, type Lived, type LifeOptions, type World } from "./testing/simulation.ts";

async function holds(scenario: Scenario, options?: LifeOptions): Promise<Lived> {
  const lived = await live(scenario, options);
  assert.deepEqual(lived.violations, [], scenario.seed);
  return lived;
}

type Noticed<K> = { readonly node: number; readonly atMs: number; readonly notice: Extract<CustodyEvent, { kind: K }> };

const noticed = <K extends CustodyEvent["kind"]>(lived: Lived, kind: K): readonly Noticed<K>[] =>
  lived.notices.filter(({ notice }) => notice.kind === kind) as unknown as readonly Noticed<K>[];

const attempts = (lived: Lived): readonly number[] => noticed(lived, "joined").map(({ notice }) => notice.attempt);

const SIZES = [
  { n: 3, t: 2, q: 2 },
  { n: 4, t: 3, q: 3 },
  { n: 5, t: 4, q: 4 },
  { n: 5, t: 3, q: 4 },
];

void test("defect 1: every node finds the same signers, whatever the sizes", async () => {
  for (const size of SIZES) {
    const lived = await holds(calm(`signers ${size.t} of ${size.n}`, { size }));
    const begun = noticed(lived, "begun").map(({ notice }) => notice.signers.join());
    assert.equal(begun.length, size.n);
    assert.equal(new Set(begun).size, 1);
  }
});

void test("defect 2: a coordinator that does not sign opens no second session", async () => {
  const wishes = Array.from({ length: 8 }, (_, i) => wish(i, { atMs: 500 + 1_000 * i, amount: 5_000n }));
  const coins = Array.from({ length: 8 }, () => 50_000n);
  const lived = await holds(calm("outside", { size: { n: 5, t: 3, q: 4 }, wishes, coins, healMs: 12_000 }));
  const coordinators = new Map(noticed(lived, "joined").map(({ notice }) => [notice.attemptId, notice.coordinator]));
  const outside = noticed(lived, "begun").filter(
    ({ notice: { attemptId, signers } }) => !signers.includes(coordinators.get(attemptId)!),
  );
  assert.ok(outside.length >= 5, "some coordinator is no signer");
  assert.equal(coordinators.size, 8, "one attempt for each request");
  assert.equal(lived.endings.get("confirmed"), 8);
});

void test("defect 3: who does not sign learns the result, and does not sign again", async () => {
  const lived = await holds(calm("result for all"));
  const [begun] = noticed(lived, "begun");
  const signed = noticed(lived, "signed");
  assert.equal(begun!.notice.signers.length, 4);
  assert.equal(new Set(signed.map(({ node }) => node)).size, 5);
  assert.equal(new Set(signed.map(({ notice }) => notice.txid)).size, 1);
  assert.deepEqual([...new Set(attempts(lived))], [0]);
});

void test("defect 4: a step that comes before its setup or begin is kept", async () => {
  let early = 0;
  for (let seed = 0; seed < 4; seed++) {
    const weather = { ...CLEAR, latePercent: 50, longestDelayMs: 700, overtaking: true };
    const lived = await holds(calm(`early ${seed}`, { weather, healMs: 20_000 }), { verbose: true });
    for (const name of ["node1", "node2", "node3", "node4", "node5"]) {
      const own = lived.lines.filter((line) => line.includes(` ${name} `));
      const begun = own.findIndex((line) => line.includes(" begun "));
      const step = own.findIndex((line) => line.includes(" hears step/"));
      if (step >= 0 && step < begun) early += 1;
    }
    assert.deepEqual([...new Set(attempts(lived))], [0], "nothing had to be tried again");
    assert.equal(lived.endings.get("confirmed"), 1);
  }
  assert.ok(early > 0, "some step came early");
});

/** From the moment when a payment is approved, nobody hears anybody, and nobody knows. */
const deafAfterApproval = (): LifeOptions => {
  let done = false;
  return {
    react: ({ network, machines }, _, notice) => {
      if (notice.kind !== "verdict" || done) return;
      done = true;
      const ids = machines.map(({ self }) => self);
      for (const from of ids) for (const to of ids) if (from !== to) network.sever(from, to);
    },
  };
};

void test("defect 5: an event that cannot be carried out fails, with the reason of every attempt", async () => {
  const events: { readonly error: string | null; readonly reasons: readonly string[] }[] = [];
  const scenario = calm("deaf", { healMs: 20 * 60_000 });
  const lived = await live(scenario, {
    ...deafAfterApproval(),
    inspect: async ({ machines }) => {
      for (const { store } of machines) events.push(...(await store.events.list({ status: "FAILED", limit: 10 })));
    },
  });
  assert.ok(events.length > 0);
  for (const { error, reasons } of events) {
    assert.equal(reasons.length, 32);
    assert.match(error!, /^attempt \d+: /);
  }
  const states = lived.notices.flatMap(({ notice }) => (notice.kind === "state" ? [notice] : []));
  assert.ok(states.some(({ state, reason }) => state === "unresolved" && reason !== null));
});

void test("defect 6: only holders of a share are asked to sign, whoever else is in touch", async () => {
  // One of five is banned: it is in the roster, its link is up, and it is not asked.
  const lived = await holds(
    calm("not asked", {
      liar: { node: 4, lies: ["votes twice"] },
      wishes: [wish(0), wish(1, { atMs: 3_000 })],
      healMs: 6_000,
    }),
  );
  const later = noticed(lived, "joined").filter(({ atMs }) => atMs > 3_000);
  assert.ok(later.length > 0);
  assert.ok(later.every(({ node }) => node !== 4));
  assert.equal(lived.endings.get("confirmed"), 2);
});

void test("defect 7: a lost setup, ack or begin costs a resend and no attempt", async () => {
  for (const [lost, moment] of [
    ["setup", "verdict"],
    ["ack", "joined"],
    ["begin", "acked"],
  ] as const) {
    let done = false;
    const lived = await holds(calm(`lost ${lost}`), {
      react: ({ network, clock }, _, notice) => {
        if (notice.kind !== moment || done) return;
        done = true;
        network.weather = { ...CLEAR, lostPercent: 100 };
        clock.schedule(120, () => (network.weather = CLEAR));
      },
    });
    assert.ok((lived.faults.get("lost") ?? 0) > 0, lost);
    assert.deepEqual([...new Set(attempts(lived))], [0], lost);
  }
});

void test("defect 8: at the boundary of a coordinator's range all nodes name the same one", async () => {
  const skews = [-1_800, 900, 0, 1_800, -900];
  const troubles = skews.map((byMs, node) => ({ kind: "skew" as const, node, byMs, atMs: 0 }));
  const wishes = Array.from({ length: 4 }, (_, i) => wish(i, { atMs: 500 + 700 * i, node: i, amount: 5_000n }));
  const coins = Array.from({ length: 4 }, () => 50_000n);
  const lived = await holds(calm("boundary", { troubles, wishes, coins, healMs: 6_000 }), { startHeight: 997 });
  assert.equal(lived.endings.get("confirmed"), 4);
  const refused = noticed(lived, "dropped").filter(({ notice }) => notice.reason.includes("does not coordinate"));
  assert.deepEqual(refused, []);
  const coordinators = new Set(noticed(lived, "joined").map(({ notice }) => notice.coordinator));
  assert.equal(coordinators.size, 2, "the boundary was crossed");
});

void test("defect 9: a retry keeps the event's height on every node", async () => {
  const heights = new Set<number>();
  let retried = 0;
  let crashed = false;
  await holds(calm("retry", { healMs: 30_000 }), {
    startHeight: 40,
    react: ({ machines, clock }, node, notice) => {
      if (notice.kind !== "begun" || crashed) return;
      crashed = true;
      machines[(node + 1) % 5]!.crash("in the middle of an attempt");
      clock.schedule(15_000, () => machines[(node + 1) % 5]!.boot());
    },
    inspect: async ({ machines }: World) => {
      for (const { store } of machines) {
        const [request] = (await store.requests.list({ limit: 1 })).rows;
        for (const event of await store.events.ofRequest(request!.id)) {
          heights.add(event.height).add(request!.height);
          retried = Math.max(retried, event.attempt);
        }
      }
    },
  });
  assert.ok(retried > 0, "a second attempt was needed");
  assert.equal(heights.size, 1);
});

void test("defect 10: the threshold is the key's, not that of those who take part", async () => {
  const lived = await holds(calm("threshold", { size: { n: 5, t: 3, q: 4 } }));
  const acked = noticed(lived, "acked").map(({ notice }) => notice.node);
  assert.ok(new Set(acked).size > 3, "more took part in the handshake than sign");
  for (const { notice } of noticed(lived, "begun")) assert.equal(notice.signers.length, 3);
});

const seedsCodec = codec(record({ envelope: fixedBytes(32), vote: fixedBytes(32) }));

void test("defect 11: no secret is in what nodes tell, store, or promise", async () => {
  const { keyed, size } = committeeOf({ n: 5, t: 4, q: 4 });
  const secrets = keyed.flatMap(({ vault }) => {
    const identity = seedsCodec.decode(vault.get("identity")!);
    const shares = [...vault].filter(([name]) => name.startsWith("share/")).map(([, bytes]) => bytes);
    const scalars = shares.map((bytes) =>
      toHex(secp256k1Group.encodeScalar(keyShareCodec(secp256k1Group).decode(bytes).secret)),
    );
    return [toHex(identity.envelope), toHex(identity.vote), toHex(vault.get("storage-key")!.slice(-32)), ...scalars];
  });
  assert.equal(secrets.length, 4 * size.n);
  const told: string[] = [];
  const lived = await holds(calm("secrets", { troubles: [{ kind: "crash", node: 2, downMs: 400, atMs: 530 }] }), {
    verbose: true,
    inspect: async ({ machines }) => {
      for (const { store, promises } of machines) {
        told.push(...promises.map((promise) => toHex(promise)));
        const rows = [await store.requests.list({ limit: 50 }), await store.transactions.list({ limit: 50 })];
        told.push(plain(rows), plain(await store.audit.list({ from: 1, limit: 500 })), plain(await store.nodes.list()));
        for (const event of await store.events.list({ status: "SUCCESS", limit: 50 })) told.push(plain(event));
      }
    },
  });
  told.push(...lived.lines, ...lived.notices.map(({ notice }) => plain(notice)));
  for (const secret of secrets) assert.ok(!told.some((text) => text.includes(secret)), "a secret was told");
});

const plain = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof Uint8Array) return toHex(inner);
    return typeof inner === "bigint" ? String(inner) : inner;
  });
