/** A wallet that signs by DKLS23: what a liar does to the pairs that it belongs to costs these pairs, and nothing else. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Notice } from "./context.ts";
import type { Machine } from "./testing/machine.ts";
import { PAIRWISE_LIES, type PairwiseLie } from "./testing/pairwise-liar.ts";
import { calm, wish, type Scenario } from "./testing/scenario.ts";
import { GENESIS_MS, live, type Lived, type LifeOptions } from "./testing/simulation.ts";

const LIAR = 2;

/** Payments one after the other, by nodes that do not lie. */
const ecdsaLife = (seed: string, lies: readonly PairwiseLie[], change: Partial<Scenario> = {}): Scenario =>
  calm(seed, {
    scheme: "dkls23-secp256k1",
    coins: [100_000n, 100_000n],
    wishes: [wish(0), wish(1, { atMs: 3_500, node: 1 })],
    liar: lies.length === 0 ? null : { node: LIAR, lies },
    ...change,
  });

async function holds(scenario: Scenario, options?: LifeOptions): Promise<Lived> {
  const lived = await live(scenario, options);
  assert.deepEqual(lived.violations, [], scenario.seed);
  assert.equal(lived.endings.get("confirmed") ?? 0, scenario.wishes.length, scenario.seed);
  return lived;
}

const genesisOf = (atMs: number): number => GENESIS_MS + atMs;

type Noticed<K extends Notice["kind"]> = { readonly node: number; readonly notice: Extract<Notice, { kind: K }> };

const noticed = <K extends Notice["kind"]>(lived: Lived, kind: K): readonly Noticed<K>[] =>
  lived.notices.filter(({ notice }) => notice.kind === kind) as unknown as readonly Noticed<K>[];

/** What each lie leads to, beside what it must not lead to. */
const CONSEQUENCES: Readonly<Record<PairwiseLie, readonly ("edge dead" | "ban")[]>> = {
  "spoils an extension": ["edge dead"],
  "spoils a multiplication": ["edge dead"],
  "multiplies another nonce than it opens": ["edge dead"],
  "spoils a mask": [],
  "opens another nonce than it committed to": ["ban"],
  "sends a wrong ECDSA partial": [],
  "commits differently to different peers": ["ban"],
  "seals what does not open": ["edge dead"],
  "names other setups": [],
  "forges offers": [],
  "declares own edges dead": ["edge dead"],
  "declares others' edges dead": [],
  "replays old deaths": ["edge dead"],
  "has others make edges anew": [],
};

/** A node ends at the moment when the other end of its edge has made it anew, and has to make up for what it missed. */
async function halfMade(seed: string): Promise<{ readonly wasHalf: boolean }> {
  let asked = false;
  let killed = false;
  let wasHalf = false;
  const scenario = calm(seed, {
    scheme: "dkls23-secp256k1",
    size: { n: 3, t: 2, q: 2 },
    wishes: [wish(0, { atMs: 20_000 })],
    // From then on, who can sign at all are the two ends of that edge.
    troubles: [{ kind: "crash", node: 2, downMs: 60_000, atMs: 19_000 }],
    healMs: 45_000,
  });
  const made = new Set<number>();
  await holds(scenario, {
    react: ({ machines, clock }, node, { kind }) => {
      const [{ self: a, node: origin, custody }, { self: b }] = machines as [Machine, Machine];
      if (kind === "ready" && node === 0 && !asked) {
        asked = true;
        origin!.rekey(custody!.status().keys[0]!.key, a, b).catch(() => {});
      }
      if (kind !== "edgeMade") return;
      made.add(node);
      if (node !== 0 || killed) return;
      killed = true;
      wasHalf = !made.has(1);
      machines[1]!.crash("just before it was done");
      clock.schedule(1_000, () => machines[1]!.boot());
    },
  });
  assert.deepEqual(made, new Set([0, 1]), `${seed}: both ends made it in the end`);
  return { wasHalf };
}

void test("an edge that only one end has finished is made again, and signs", async () => {
  let half = 0;
  for (let life = 0; life < 4; life++) if ((await halfMade(`half an edge ${life}`)).wasHalf) half += 1;
  assert.ok(half > 0, "some end died before it had the new edge");
});

/** Lives that may pass until the dice let a liar lie. */
const MAX_LIVES = 8;

void describe("a liar among signers by DKLS23", () => {
  for (const lie of PAIRWISE_LIES) {
    const expected = CONSEQUENCES[lie];
    void test(`${lie}: every payment is made, and ${expected.join() || "nothing"} comes of it`, async () => {
      // There are old deaths only if some edge died and was made anew.
      const lies: readonly PairwiseLie[] = lie === "replays old deaths" ? [lie, "declares own edges dead"] : [lie];
      let lived: Lived | null = null;
      for (let life = 0; life < MAX_LIVES && !hasHappened(lived, lie); life++)
        lived = await holds(ecdsaLife(`pairs: ${lie} ${life}`, lies, { rekeys: lies.length > 1 }));
      assert.ok(lived !== null && hasHappened(lived, lie), "it lied");
      const lost = (lived.faults.get("edge dead") ?? 0) > 0;
      const banned = noticed(lived, "violation").some(({ node }) => node !== LIAR);
      assert.deepEqual([lost, banned], [expected.includes("edge dead"), expected.includes("ban")]);
    });
  }
});

const hasHappened = (lived: Lived | null, lie: PairwiseLie): boolean => (lived?.faults.get(`liar ${lie}`) ?? 0) > 0;

interface Death {
  readonly scenario: Scenario;
  /** Whose check failed first, and when the attempt began in which it did. */
  readonly victim: number;
  readonly begunMs: number;
}

/** A life in which an edge dies. */
async function findDeath(): Promise<Death> {
  for (let life = 0; life < MAX_LIVES; life++) {
    const scenario = ecdsaLife(`death ${life}`, ["spoils an extension", "seals what does not open"], {
      healMs: 12_000,
    });
    const { notices } = await holds(scenario);
    const death = notices.find(({ node, notice }) => notice.kind === "edgeDead" && node !== LIAR);
    if (death === undefined) continue;
    const begun = notices.findLast(
      ({ node, atMs, notice }) => node === death.node && atMs <= death.atMs && notice.kind === "begun",
    );
    return { scenario, victim: death.node, begunMs: begun!.atMs };
  }
  throw new Error(`no edge died in ${MAX_LIVES} lives`);
}

void describe("an edge's death", () => {
  let death: Promise<Death> | null = null;
  const found = (): Promise<Death> => (death ??= findDeath());

  void test("is on disk before it is told, at whatever write its victim's process ends", async () => {
    const { scenario, victim, begunMs } = await found();
    for (const fault of ["killed before append", "killed after append", "append failed, yet stored"] as const) {
      let happened = 0;
      const lived = await holds(scenario, {
        react: ({ machines, clock }, node, notice) => {
          // The next promise is the record of the death: the attempt does not come as far as a partial signature.
          if (node !== victim || notice.kind !== "begun" || happened > 0 || clock.nowMs() < genesisOf(begunMs)) return;
          machines[victim]!.failAppend(0, fault, () => {
            happened += 1;
            clock.schedule(700, () => machines[victim]!.crash("repaired"));
            clock.schedule(701, () => machines[victim]!.boot());
          });
        },
      });
      assert.equal(happened, 1, fault);
      assert.deepEqual(lived.violations, []);
    }
  });

  void test("takes the victim's end from its disk, and no end of anybody else's", async () => {
    const { scenario, victim } = await found();
    await holds(scenario, {
      inspect: async ({ machines }) => {
        const edges = machines.map(({ holdings }) => holdings.filter((name) => name.startsWith("edge/")));
        assert.ok(!edges[victim]!.some((name) => name.endsWith(`/${LIAR + 1}`)));
        for (const node of [0, 1, 3, 4]) assert.ok(edges[node]!.length >= 3, `node ${node + 1}`);
      },
    });
  });

  void test("ends when its two ends make it anew", async () => {
    const { scenario } = await found();
    const lived = await holds({ ...scenario, rekeys: true });
    const made = noticed(lived, "edgeMade");
    assert.ok(made.some(({ node }) => node === LIAR) && made.some(({ node }) => node !== LIAR));
  });
});

void test("a key with real setups is made under crashes, whoever dies", async () => {
  const lived = await holds(
    calm("setups", {
      scheme: "dkls23-secp256k1",
      size: { n: 3, t: 2, q: 2 },
      keygen: true,
      coins: [],
      wishes: [],
      troubles: [{ kind: "write", node: 1, skip: 1, fault: "killed after append", downMs: 900, atMs: 0 }],
    }),
  );
  assert.equal(lived.faults.get("killed after append"), 1);
});
