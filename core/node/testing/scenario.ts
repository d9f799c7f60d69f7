/** What happens to a cluster in one life: drawn from a seed, before anything begins. */
import type { Scheme } from "@conclave/keys";
import { pick, seededDice, type Dice } from "@conclave/protocol/testing";
import { CHAIN_LIES, LIES_ABOUT_ONE, type ChainLie } from "./chain-lies.ts";
import type { Size } from "./committee.ts";
import { COORDINATION_LIES, type CoordinationLie } from "./lying-coordination.ts";
import { LIES, type Lie } from "./liar.ts";
import type { WriteFault } from "./machine.ts";
import { CLEAR, type Weather } from "./network.ts";
import { LOOSE_LIES, PAIRWISE_LIES, SESSION_LIES } from "./pairwise-liar.ts";

/** A wish to pay, as a client brings it to one node. */
export interface Wish {
  readonly atMs: number;
  /** Position of the node in the committee. */
  readonly node: number;
  readonly amount: bigint;
  /** Wishes with one name share an idempotency key. */
  readonly name: string;
  readonly kind: "ordinary" | "bad address" | "too much" | "said twice";
}

export type Trouble =
  | { readonly kind: "crash"; readonly node: number; readonly downMs: number }
  | {
      readonly kind: "write";
      readonly node: number;
      readonly skip: number;
      readonly fault: WriteFault;
      readonly downMs: number;
    }
  | { readonly kind: "store write"; readonly node: number; readonly skip: number; readonly downMs: number }
  | { readonly kind: "partition"; readonly groups: readonly (readonly number[])[] }
  | { readonly kind: "reunite" }
  | { readonly kind: "one-way"; readonly from: number; readonly to: number }
  | { readonly kind: "chain away"; readonly node: number; readonly forMs: number }
  | { readonly kind: "chain behind"; readonly node: number; readonly forMs: number }
  | { readonly kind: "chain forgets"; readonly node: number; readonly forMs: number }
  | { readonly kind: "chain lies"; readonly node: number; readonly lie: ChainLie; readonly forMs: number }
  | {
      readonly kind: "coordination lies";
      readonly node: number;
      readonly lies: readonly CoordinationLie[];
      readonly forMs: number;
    }
  /** Killed, and one table of its store is not what the others remember. */
  | {
      readonly kind: "torn store";
      readonly node: number;
      readonly table: number;
      readonly lost: number;
      readonly downMs: number;
    }
  /** No call of its store is answered: longer than the store's own patience lasts. */
  | { readonly kind: "store away"; readonly node: number; readonly forMs: number }
  | { readonly kind: "reorganisation"; readonly depth: number }
  | { readonly kind: "skew"; readonly node: number; readonly byMs: number };

export interface Scenario {
  readonly seed: string;
  readonly size: Size;
  /** Values of the wallet's coins, in satoshis. */
  readonly coins: readonly bigint[];
  readonly weather: Weather;
  readonly wishes: readonly Wish[];
  readonly troubles: readonly (Trouble & { readonly atMs: number })[];
  /** The last moment at which something goes wrong by itself. */
  readonly healMs: number;
  readonly liar: { readonly node: number; readonly lies: readonly Lie[] } | null;
  /** Whether the cluster has to make its key first. */
  readonly keygen: boolean;
  /** Of the wallet's key. */
  readonly scheme: Scheme;
  /** Whether an operator has dead edges made anew, once each. */
  readonly rekeys: boolean;
}

const SIZES: readonly (Size & { readonly weight: number })[] = [
  { n: 5, t: 4, q: 4, weight: 6 },
  { n: 4, t: 3, q: 3, weight: 2 },
  { n: 3, t: 2, q: 2, weight: 1 },
];

const HEAL_MS = 30_000;
const WRITE_FAULTS: readonly WriteFault[] = [
  "killed before append",
  "killed after append",
  "append failed, nothing stored",
  "append failed, yet stored",
];

/** Share of lives in which the cluster has to make its key first, under the same faults. */
const KEYGEN_CHANCE = 0.05;

/** Of wallet keys: Taproot by FROST, P2WPKH by DKLS23. */
export const SCHEMES = ["frost-secp256k1-taproot", "dkls23-secp256k1"] as const satisfies readonly Scheme[];

/** Share of lives whose wallet holds P2WPKH coins and signs by DKLS23, and of those in which an operator mends edges. */
const ECDSA_CHANCE = 1 / 3;
const REKEY_CHANCE = 0.3;

export interface DrawOptions {
  readonly keygen?: boolean;
  /** Instead of the one that the seed would choose. */
  readonly scheme?: Scheme;
}

/** One life. */
export function drawScenario(seed: string, options: DrawOptions = {}): Scenario {
  // Of its own stream: the same seed without it is the same life of a Taproot wallet.
  const dice = seededDice(`scenario/scheme/${seed}`);
  const drawn = dice.chance(ECDSA_CHANCE) ? "dkls23-secp256k1" : "frost-secp256k1-taproot";
  const scheme = options.scheme ?? drawn;
  const drawnLife = drawTroubledLife(seed, options);
  // Of a stream of their own, too: whoever serves a node lies to it.
  const services = drawServices(seededDice(`scenario/services/${seed}`), drawnLife.size.n);
  const absences = drawAbsences(seededDice(`scenario/absences/${seed}`), drawnLife.size.n);
  const silences = drawLiesAboutOne(seededDice(`scenario/lies-about-one/${seed}`), drawnLife.size.n);
  const troubles = [...drawnLife.troubles, ...services, ...absences, ...silences];
  const life = { ...drawnLife, troubles, scheme, rekeys: dice.chance(REKEY_CHANCE) };
  return scheme === "frost-secp256k1-taproot" ? life : pairwiseLife(life, dice);
}

/** With more signatures, and more liars, so that there are lies about each of the many things that pairs tell each other. */
function pairwiseLife(life: Scenario, dice: Dice): Scenario {
  const { size, liar, keygen, wishes, coins } = life;
  const another = !keygen && isLiarTolerated(size) && dice.chance(0.8) ? { node: dice.below(size.n), lies: [] } : null;
  const { node, lies } = liar ?? another ?? { node: 0, lies: [] };
  // Who is banned for its votes signs nothing, and has no session to lie in.
  const others = dice.chance(0.3) ? lies : [];
  const inSessions = [0, 1, 2].map(() => pick(dice, SESSION_LIES));
  const pairwise = [...inSessions, ...LOOSE_LIES.filter(() => dice.chance(0.3))];
  const more = [0, 1].map((i) =>
    wish(wishes.length + i, { atMs: HEAL_MS - 9_000 + dice.below(6_000), node: dice.below(size.n), amount: 5_000n }),
  );
  return {
    ...life,
    coins: [...coins, 60_000n, 60_000n],
    wishes: [...wishes, ...more],
    liar: liar === null && another === null ? null : { node, lies: [...new Set([...others, ...pairwise])] },
  };
}

function drawTroubledLife(seed: string, options: DrawOptions): Omit<Scenario, "scheme" | "rekeys"> {
  const dice = seededDice(`scenario/${seed}`);
  const keygen = options.keygen ?? dice.chance(KEYGEN_CHANCE);
  const { n, t, q } = keygen ? SIZES.at(-1)! : chooseSize(dice);
  const liar = !keygen && isLiarTolerated({ n }) && dice.chance(0.5) ? drawLiar(dice, n) : null;
  return {
    seed,
    size: { n, t, q },
    coins: Array.from({ length: 1 + dice.below(4) }, () => 100_000n + BigInt(dice.below(200_000))),
    weather: drawWeather(dice),
    wishes: drawWishes(dice, n, keygen ? 20_000 : 0),
    troubles: drawTroubles(dice, n),
    healMs: HEAL_MS,
    liar,
    keygen,
  };
}

/** A life in which nothing goes wrong beside what `change` says. */
export const calm = (seed: string, change: Partial<Scenario> = {}): Scenario => ({
  seed,
  size: { n: 5, t: 4, q: 4 },
  coins: [200_000n, 200_000n, 200_000n],
  weather: CLEAR,
  wishes: [wish(0)],
  troubles: [],
  healMs: 5_000,
  liar: null,
  keygen: false,
  scheme: "frost-secp256k1-taproot",
  rekeys: false,
  ...change,
});

/** An ordinary wish, half a second after the beginning. */
export const wish = (number: number, change: Partial<Wish> = {}): Wish => ({
  atMs: 500,
  node: 0,
  amount: 20_000n,
  name: `wish ${number}`,
  kind: "ordinary",
  ...change,
});

function chooseSize(dice: Dice): Size {
  let left = dice.below(SIZES.reduce((sum, { weight }) => sum + weight, 0));
  return SIZES.find(({ weight }) => (left -= weight) < 0)!;
}

const isLiarTolerated = ({ n }: Pick<Size, "n">): boolean => Math.floor((n - 1) / 3) > 0;

/** In a committee of four, a node that starts needs a word from every peer: one that says nothing stops it, visibly. */
const isTolerated = (lie: Lie, n: number): boolean => lie !== "withholds messages" || n > 4;

function drawLiar(dice: Dice, n: number): Scenario["liar"] {
  const possible = LIES.filter((lie) => isTolerated(lie, n));
  const lies = possible.filter(() => dice.chance(0.25));
  return { node: dice.below(n), lies: lies.length > 0 ? lies : [possible[dice.below(possible.length)]!] };
}

const drawWeather = (dice: Dice): Weather => ({
  lostPercent: dice.chance(0.5) ? dice.below(31) : 0,
  repeatedPercent: dice.chance(0.5) ? dice.below(51) : 0,
  latePercent: dice.chance(0.5) ? dice.below(31) : 0,
  longestDelayMs: 5_000,
  overtaking: dice.chance(0.5),
});

function drawWishes(dice: Dice, n: number, fromMs: number): readonly Wish[] {
  const count = 2 + dice.below(3);
  const race = dice.chance(0.4);
  const together = fromMs + 500 + dice.below(8_000);
  return Array.from({ length: count }, (_, i): Wish => {
    const kind = dice.chance(0.75) ? "ordinary" : (["bad address", "too much", "said twice"] as const)[dice.below(3)]!;
    const atMs = race && i < 2 ? together : fromMs + 500 + dice.below(15_000);
    return { atMs, node: dice.below(n), amount: 5_000n + BigInt(dice.below(90_000)), name: `wish ${i}`, kind };
  });
}

type Draw = (dice: Dice, n: number) => Trouble;

/** Every kind of trouble; each life has some of them. */
const DRAWS: readonly Draw[] = [
  (dice, n) => ({ kind: "crash", node: dice.below(n), downMs: 100 + dice.below(15_000) }),
  (dice, n) => ({ kind: "crash", node: dice.below(n), downMs: 1 }),
  (dice, n) => ({
    kind: "write",
    node: dice.below(n),
    skip: dice.below(12),
    fault: WRITE_FAULTS[dice.below(WRITE_FAULTS.length)]!,
    downMs: 100 + dice.below(8_000),
  }),
  (dice, n) => ({
    kind: "write",
    node: dice.below(n),
    skip: dice.below(8),
    fault: "killed after append",
    downMs: dice.below(3_000),
  }),
  (dice, n) => ({ kind: "store write", node: dice.below(n), skip: dice.below(60), downMs: dice.below(8_000) }),
  (dice, n) => ({ kind: "partition", groups: drawGroups(dice, n) }),
  (dice, n) => {
    const from = dice.below(n);
    return { kind: "one-way", from, to: (from + 1 + dice.below(n - 1)) % n };
  },
  (dice, n) => ({ kind: "chain away", node: dice.below(n), forMs: 1_000 + dice.below(20_000) }),
  (dice, n) => ({ kind: "chain behind", node: dice.below(n), forMs: 1_000 + dice.below(20_000) }),
  (dice, n) => ({ kind: "chain forgets", node: dice.below(n), forMs: 1_000 + dice.below(20_000) }),
  (dice) => ({ kind: "reorganisation", depth: 1 + dice.below(2) }),
  (dice, n) => ({ kind: "skew", node: dice.below(n), byMs: dice.below(4_000) - 2_000 }),
];

function drawTroubles(dice: Dice, n: number): Scenario["troubles"] {
  const chosen = DRAWS.filter(() => dice.chance(0.4));
  return chosen.flatMap((draw) => {
    const times = 1 + dice.below(2);
    return Array.from({ length: times }, () => drawOne(draw, dice, n)).flat();
  });
}

function drawOne(draw: Draw, dice: Dice, n: number): Scenario["troubles"] {
  const atMs = dice.below(HEAL_MS - 8_000);
  const trouble = draw(dice, n);
  const over = { kind: "reunite" as const, atMs: atMs + 1_000 + dice.below(8_000) };
  return trouble.kind === "partition" ? [{ ...trouble, atMs }, over] : [{ ...trouble, atMs }];
}

/** Share of lives in which a chain server lies, a coordination lies, a store comes back torn. */
const CHAIN_LIES_CHANCE = 0.4;
const COORDINATION_LIES_CHANCE = 0.4;
const TORN_STORE_CHANCE = 0.2;

/** What serves the nodes lies to some of them, for a while each. */
function drawServices(dice: Dice, n: number): Scenario["troubles"] {
  const atMs = (): number => dice.below(HEAL_MS - 8_000);
  const forMs = (): number => 2_000 + dice.below(20_000);
  const some = (): readonly number[] => Array.from({ length: n }, (_, i) => i).filter(() => dice.chance(0.4));
  const chains = dice.chance(CHAIN_LIES_CHANCE)
    ? some().map((node) => ({
        kind: "chain lies" as const,
        node,
        lie: pick(dice, CHAIN_LIES),
        forMs: forMs(),
        atMs: atMs(),
      }))
    : [];
  const coordinations = dice.chance(COORDINATION_LIES_CHANCE)
    ? some().map((node) => {
        const lies = COORDINATION_LIES.filter(() => dice.chance(0.6));
        return { kind: "coordination lies" as const, node, lies, forMs: forMs(), atMs: atMs() };
      })
    : [];
  const torn = dice.chance(TORN_STORE_CHANCE)
    ? [
        {
          node: dice.below(n),
          table: dice.below(16),
          lost: 1 + dice.below(20),
          downMs: dice.below(5_000),
          atMs: atMs(),
        },
      ]
    : [];
  return [...chains, ...coordinations, ...torn.map((tear) => ({ kind: "torn store" as const, ...tear }))];
}

/** Share of lives in which one node's chain server lies about one transaction. */
const LIES_ABOUT_ONE_CHANCE = 0.2;

function drawLiesAboutOne(dice: Dice, n: number): Scenario["troubles"] {
  if (!dice.chance(LIES_ABOUT_ONE_CHANCE)) return [];
  const lie = pick(dice, LIES_ABOUT_ONE);
  return [
    { kind: "chain lies", node: dice.below(n), lie, forMs: 2_000 + dice.below(20_000), atMs: dice.below(22_000) },
  ];
}

/** Share of lives in which stores are away, and the longest that one is: until long after everything else is mended. */
const STORE_AWAY_CHANCE = 0.3;
const LONGEST_STORE_AWAY_MS = 60_000;

/** One node's store, or those of several: from a moment's silence to a database that has to be restored. */
function drawAbsences(dice: Dice, n: number): Scenario["troubles"] {
  if (!dice.chance(STORE_AWAY_CHANCE)) return [];
  const nodes = Array.from({ length: n }, (_, i) => i).filter(() => dice.chance(0.4));
  return nodes.map((node) => {
    const longestMs = dice.chance(0.5) ? 5_000 : LONGEST_STORE_AWAY_MS;
    const forMs = 500 + dice.below(longestMs - 500);
    return { kind: "store away" as const, node, forMs, atMs: dice.below(HEAL_MS - 8_000) };
  });
}

/** 4|1, 3|2 and the like: everybody is on one of two sides. */
function drawGroups(dice: Dice, n: number): readonly (readonly number[])[] {
  const away = new Set(Array.from({ length: 1 + dice.below(2) }, () => dice.below(n)));
  const all = Array.from({ length: n }, (_, i) => i);
  return [all.filter((i) => !away.has(i)), [...away]];
}

/** Every kind of fault that lives are made of. A campaign in which one of them never happened has shown nothing about it. */
export const FAULTS: readonly string[] = [
  "lost",
  "repeated",
  "delayed",
  "overtaken",
  "partition",
  "partitioned",
  "link cut one way",
  "one-way",
  "crash",
  "power cut",
  ...WRITE_FAULTS,
  "killed after a write to the store",
  "clock skew",
  "chain unreachable",
  "chain behind",
  "broadcast forgotten",
  "reorganisation",
  "torn store",
  "store away",
  ...CHAIN_LIES,
  ...LIES_ABOUT_ONE,
  ...COORDINATION_LIES,
  ...[...LIES, ...PAIRWISE_LIES].map((lie) => `liar ${lie}`),
  "edge dead",
  "edge made anew",
];
