/**
 * Sessions from seeds: a committee, a network that loses, delays, repeats and reorders, and a liar with one lie out of all
 * there are, or none. `CONCLAVE_TEST_SEED=17` lives one of them again, `CONCLAVE_TEST_SEED=300-1300` others.
 */
import { mod, resolveTweak, type TweakContext } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import type { Abort, Message, PartyIndex, Protocol } from "@conclave/protocol";
import {
  addFaults,
  CALM,
  cheat,
  interceptSteps,
  noFaults,
  parties,
  pick,
  randomMutation,
  seededDice,
  simulate,
  testSsid,
  withFlippedBit,
  type Dice,
  type Outcome,
  type Rewrite,
  type Schedule,
  type Sent,
  type Simulation,
  type SimulationOptions,
} from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  finishProtocol,
  presignatureCodec,
  presignProtocol,
  signProtocol,
  type Edge,
  type Presignature,
} from "../index.ts";
import {
  assertNobleAccepts,
  dealEdges,
  dealKey,
  finishConfig,
  presignConfigs,
  quickEngine,
  signConfigs,
  testDigest,
  testGroup,
  type DealtKey,
} from "../testing/index.ts";

const KINDS = [
  "nothing",
  "a crash",
  "a field changed for all",
  "a field changed for one",
  "a bit flipped for one",
  "another party's message",
  "a reflected message",
  "another receiver's message",
  "last session's message",
  "another view",
  "two contents in one slot",
  "a message withheld",
  "silence from some round on",
  "another digest",
  "another path",
  "another approval",
  "another setup",
  "another edge",
  "another nonce multiplied",
  "another secret multiplied",
] as const;
type Kind = (typeof KINDS)[number];

/** A difference of opinion, with everything else done honestly: nobody is to blame for it, the liar included. */
const OPINIONS: ReadonlySet<Kind> = new Set([
  "another digest",
  "another path",
  "another approval",
  "another setup",
  "another view",
]);
const HONEST: ReadonlySet<Kind> = new Set(["nothing", "a crash"]);

const protocols = {
  sign: signProtocol(quickEngine),
  presign: presignProtocol(quickEngine),
  finish: finishProtocol(quickEngine),
};

/** Who signs what, from a seed. */
interface Cast {
  readonly seed: string;
  readonly dice: Dice;
  readonly key: DealtKey;
  readonly committee: readonly PartyIndex[];
  readonly liar: PartyIndex;
  /** Whom a lie is meant for, if it is for one only. */
  readonly victim: PartyIndex;
  readonly tweak: TweakContext;
  readonly digest: Uint8Array;
  readonly schedule: Partial<Schedule>;
}

/** One session that is to be run: `configs` anew for every run, because presignatures are used up. */
interface Act<Config, Result> {
  readonly protocol: Protocol<Config, Result>;
  readonly configs: () => Map<PartyIndex, Config>;
  readonly seed: string;
}

const keys = new Map<string, DealtKey>();

function keyOf(n: number, t: number): DealtKey {
  const name = `${t} of ${n}`;
  const key = keys.get(name) ?? dealKey({ n, t, rng: seededRng(`lies/${name}`) });
  keys.set(name, key);
  return key;
}

function draw(seed: string): Cast {
  const dice = seededDice(`dkls23/lies/${seed}`);
  const t = [2, 2, 2, 3, 3, 3, 3, 4][dice.below(8)]!;
  const n = t + dice.below(5 - t);
  const all = Array.from({ length: n }, (_, i) => i + 1);
  while (all.length > t) all.splice(dice.below(all.length), 1);
  const committee = parties(...all);
  const at = dice.below(t);
  const path = dice.chance(0.5) ? [] : [dice.below(2), dice.below(100)];
  const chance = (): number => (dice.chance(0.5) ? 0 : 0.3);
  return {
    seed,
    dice,
    key: keyOf(n, t),
    committee,
    liar: committee[at]!,
    victim: committee[(at + 1 + dice.below(t - 1)) % t]!,
    tweak: { path, taproot: null },
    digest: testDigest(seed),
    schedule: { repeat: chance(), lose: chance(), delay: chance(), shuffle: dice.chance(0.8) },
  };
}

// What a lie does to a session.

interface Told<Result> {
  readonly simulation: Simulation<Result>;
  /** False if there was no occasion for this lie. */
  readonly lied: boolean;
}

function run<Config, Result>(cast: Cast, kind: Kind, { protocol, configs, seed }: Act<Config, Result>): Told<Result> {
  const { dice, liar, schedule, committee } = cast;
  const base = { protocol: observed(protocol), committee, seed, schedule, ssid: testSsid({ seed, committee }) };
  const lived = (more: Partial<SimulationOptions<Config, Result>>, lied = true): Told<Result> => ({
    simulation: simulate({ ...base, configs: configs(), ...more }),
    lied,
  });
  if (kind === "nothing") return lived({});
  if (kind === "a crash") return lived({ schedule: { ...schedule, crashes: 1, crashWithin: 30 } });
  if (kind === "silence from some round on") {
    const rounds = protocol.rounds.map(({ name }) => name);
    const from = dice.below(rounds.length);
    return lived({
      tamper: (message) => (message.from === liar && rounds.indexOf(message.round) >= from ? [] : [message]),
    });
  }
  if (kind === "another nonce multiplied" || kind === "another secret multiplied") {
    const secret = kind === "another nonce multiplied" ? "nonce" : "sk";
    const lied = protocol.id !== protocols.finish.id;
    return lived({ protocol: observed(multiplying(secret, liar, protocol)), liar }, lied);
  }
  const own = configs();
  const other = otherConfig(cast, kind, own.get(liar)!);
  if (other !== null) return lived({ configs: own.set(liar, other) });
  const rewrite = rewriteFor(cast, kind, { protocol, configs, seed });
  if (rewrite === null) return lived({}, false);
  if (kind === "two contents in one slot")
    return lived({
      tamper: (message, to) => (isMeant(message, to, { liar, rewrite }) ? twice(message, rewrite) : [message]),
    });
  const afterwards = dice.chance(0.7) ? "insists" : "forgets";
  const { simulation } = cheat({ ...base, configs: configs(), cheater: liar, rewrite, afterwards });
  return { simulation, lied: true };
}

const isMeant = (
  message: Message,
  to: PartyIndex,
  { liar, rewrite }: { liar: PartyIndex; rewrite: Rewrite },
): boolean =>
  message.from === liar && message.round === rewrite.round && message.part === rewrite.part && to === rewrite.to;

const twice = (message: Message, { body }: Rewrite): readonly Message[] => [
  message,
  { ...message, body: body!(message.body) },
];

/** The protocol with a liar that multiplies with something else than it committed to or holds, towards everybody alike. */
const multiplying = <Config, Result>(
  secret: "nonce" | "sk",
  liar: PartyIndex,
  protocol: Protocol<Config, Result>,
): Protocol<Config, Result> =>
  interceptSteps(protocol, (step, { self }) => {
    if (self !== liar || !step.round.name.endsWith("/2-multiply")) return step;
    const state = step.state as { readonly secrets: Readonly<Record<"nonce" | "sk", Uint8Array>> };
    const other = testGroup.encodeScalar(mod(testGroup.decodeScalar(state.secrets[secret]) + 1n, testGroup.order));
    return { ...step, state: { ...state, secrets: { ...state.secrets, [secret]: other } } };
  });

/** The liar's config, if the lie is one about what it wants; null for a lie of another kind or one that it cannot begin with. */
function otherConfig<Config>({ liar, victim, tweak, seed }: Cast, kind: Kind, honest: Config): Config | null {
  const { edges, digest } = honest as { readonly edges?: ReadonlyMap<PartyIndex, Edge>; readonly digest?: Uint8Array };
  const edge = edges?.get(victim);
  const withEdge = (other: Edge): Config => ({ ...honest, edges: new Map([...edges!, [victim, other]]) });
  switch (kind) {
    case "another digest":
      return digest === undefined ? null : { ...honest, digest: testDigest(`${seed}, another`) };
    case "another approval":
      return { ...honest, approval: testDigest(`${seed}, another approval`) };
    case "another path":
      // A presignature is for one path: its owner does not even begin with another.
      return edge === undefined ? null : { ...honest, tweak: { ...tweak, path: [...tweak.path, 7] } };
    case "another setup":
      return edge === undefined ? null : withEdge({ ...edge, setup: testDigest(`${seed}, another setup`) });
    case "another edge": {
      // Of another dealing, under the name of the true one.
      if (edge === undefined) return null;
      const strange = dealEdges([liar, victim], { rng: seededRng(seed), setup: edge.setup })
        .get(liar)!
        .get(victim)!;
      return withEdge(strange);
    }
    default:
      return null;
  }
}

/** Which message the liar sends otherwise, and how; null if there is none of the kind. */
function rewriteFor<Config, Result>(cast: Cast, kind: Kind, act: Act<Config, Result>): Rewrite | null {
  const { dice, victim } = cast;
  const places = act.protocol.rounds.flatMap(({ name: round, broadcast, direct }) => [
    ...(broadcast === null ? [] : [{ round, part: "broadcast" as const, codec: broadcast }]),
    ...(direct === null ? [] : [{ round, part: "direct" as const, codec: direct }]),
  ]);
  const suitable = kind === "another receiver's message" ? places.filter(({ part }) => part === "direct") : places;
  if (suitable.length === 0) return null;
  const { round, part, codec } = pick(dice, suitable);
  const toOne = { round, part, to: victim };
  switch (kind) {
    case "a field changed for all":
      return { round, part, body: (honest) => randomMutation(codec, honest, { dice, group: testGroup }) };
    case "a field changed for one":
      return { ...toOne, body: (honest) => randomMutation(codec, honest, { dice, group: testGroup }) };
    case "a bit flipped for one":
    case "two contents in one slot":
      return { ...toOne, body: (honest) => withFlippedBit(honest, dice) };
    case "another view":
      return { ...toOne, view: (honest) => withFlippedBit(honest, dice) };
    case "a message withheld":
      return { ...toOne, withhold: true };
    default: {
      const donor = donorFor(cast, kind, act, { round, part });
      return donor === undefined ? null : { ...toOne, body: () => donor.slice() };
    }
  }
}

/** A message of an honest run that stands where the liar's should. Honest runs of one seed say the same, whatever the network does. */
function donorFor<Config, Result>(
  { committee, liar, victim }: Cast,
  kind: Kind,
  { protocol, configs, seed }: Act<Config, Result>,
  place: Pick<Message, "round" | "part">,
): Uint8Array | undefined {
  const session = kind === "last session's message" ? `${seed}, earlier` : seed;
  const third = committee.find((party) => party !== liar && party !== victim);
  const ends: Partial<Record<Kind, readonly [PartyIndex | undefined, PartyIndex | undefined]>> = {
    "another party's message": [third, victim],
    "a reflected message": [victim, liar],
    "another receiver's message": [liar, third],
    "last session's message": [liar, victim],
  };
  const [from, to] = ends[kind] ?? [];
  if (from === undefined || to === undefined) return undefined;
  const ssid = testSsid({ seed: session, committee });
  const { trace } = simulate({ protocol, committee, configs: configs(), seed, ssid, schedule: CALM });
  const sent = trace.find(
    (event): event is Sent =>
      event.kind === "send" &&
      event.to === to &&
      event.message.from === from &&
      event.message.round === place.round &&
      event.message.part === place.part,
  );
  return sent?.message.body;
}

// What has to come of it.

const secretsSeen: { readonly party: PartyIndex; readonly secrets: unknown }[] = [];

/** The same protocol, whose states' secrets are looked at again when it is over. */
const observed = <Config, Result>(protocol: Protocol<Config, Result>): Protocol<Config, Result> =>
  interceptSteps(protocol, (step, { self }) => {
    const { secrets, receivers } = step.state as { readonly secrets?: unknown; readonly receivers?: unknown };
    secretsSeen.push({ party: self, secrets: [secrets, receivers] });
    return step;
  });

/** Buffers in a state that hold something. */
function left(value: unknown): number {
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0) ? 0 : 1;
  if (value instanceof Map) return left([...value.values()]);
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, inner) => sum + left(inner), 0);
}

interface Expectation {
  readonly kind: Kind;
  readonly lied: boolean;
}

/** Nobody honest blames anybody honest, a fault names its doer, and nothing is left behind. */
function judge<Result>(
  { liar }: Cast,
  { outcomes, violations }: Simulation<Result>,
  { kind, lied }: Expectation,
): void {
  assert.deepEqual(violations, []);
  assert.equal(left(secretsSeen.flatMap(({ party, secrets }) => (party === liar ? [] : secrets))), 0, LEFT);
  const isHonest = HONEST.has(kind) || !lied;
  for (const [party, outcome] of outcomes) {
    if (!isHonest && party === liar) continue;
    if (kind === "nothing" || !lied) assert.equal(outcome.kind, "result", `party ${party}: ${told(outcome)}`);
    if (outcome.kind !== "abort") continue;
    const blamed = outcome.culprits.join();
    const blameable = isHonest || OPINIONS.has(kind) ? "" : `${liar}`;
    assert.ok(blamed === "" || blamed === blameable, `party ${party} blames ${blamed}: ${told(outcome)}`);
    if (BLAMING.has(outcome.fault)) assert.equal(blamed, blameable, `party ${party}: ${told(outcome)}`);
    counted(FAULTS, outcome.fault);
  }
}

const LEFT = "a state still holds a secret";

const told = <Result>(outcome: Outcome<Result>): string =>
  outcome.kind === "abort" ? `${outcome.fault} in ${outcome.round}: ${outcome.reason}` : outcome.kind;

const BLAMING: ReadonlySet<Abort["fault"]> = new Set(["public", "private", "cheat", "equivocation"]);
const FAULTS = new Map<string, number>();
const counted = (counters: Map<string, number>, name: string): void =>
  void counters.set(name, (counters.get(name) ?? 0) + 1);

/** No signature leaves an honest party's session that does not verify. */
function verified({ key, tweak, digest, liar }: Cast, { outcomes }: Simulation<Uint8Array>): number {
  const [share] = key.shares.values();
  const { publicKey } = resolveTweak(testGroup, share!.record, tweak, { evenY: false });
  let signatures = 0;
  for (const [party, outcome] of outcomes) {
    if (outcome.kind !== "result" || party === liar) continue;
    assertNobleAccepts(testGroup.encode(publicKey), digest, outcome.result);
    signatures += 1;
  }
  return signatures;
}

const presignatures = presignatureCodec(testGroup);

interface Lived {
  readonly kind: Kind;
  readonly lied: boolean;
  readonly signatures: number;
  readonly simulations: readonly Simulation<unknown>[];
}

function live(seed: string): Lived {
  secretsSeen.length = 0;
  const cast = draw(seed);
  const { dice, key, committee, digest, tweak } = cast;
  const kind = dice.chance(0.1) ? "nothing" : pick(dice, KINDS);
  if (dice.chance(0.5)) {
    const configs = () => signConfigs(key, committee, { digest, tweak });
    const { simulation, lied } = run(cast, kind, { protocol: protocols.sign, configs, seed });
    judge(cast, simulation, { kind, lied });
    return { kind, lied, signatures: verified(cast, simulation), simulations: [simulation] };
  }
  const late = dice.chance(0.4);
  const presigned = run(cast, late ? "nothing" : kind, {
    protocol: protocols.presign,
    configs: () => presignConfigs(key, committee, tweak),
    seed,
  });
  judge(cast, presigned.simulation, { kind: late ? "nothing" : kind, lied: presigned.lied });
  const stored = new Map<PartyIndex, Uint8Array>();
  for (const [party, outcome] of presigned.simulation.outcomes)
    if (outcome.kind === "result") stored.set(party, presignatures.encode(outcome.result));
  const first = { kind, lied: presigned.lied, signatures: 0, simulations: [presigned.simulation] };
  if (stored.size < committee.length) return first;
  const fresh = (party: PartyIndex): Presignature => presignatures.decode(stored.get(party)!);
  const { simulation, lied } = run(cast, late ? kind : "nothing", {
    protocol: protocols.finish,
    configs: () => new Map(committee.map((party) => [party, finishConfig(key, fresh(party), { digest, tweak })])),
    seed: `${seed}, finish`,
  });
  // A lie that passed in presigning may spoil the signature now, and is then nobody's.
  judge(cast, simulation, late ? { kind, lied } : { kind, lied: presigned.lied });
  const signatures = verified(cast, simulation);
  return { kind, lied: late ? lied : presigned.lied, signatures, simulations: [presigned.simulation, simulation] };
}

/** Fewer seeds may miss a kind by chance. */
const ENOUGH_FOR_EVERY_LIE = 300;
const [first, last] = (process.env["CONCLAVE_TEST_SEED"] ?? "0-320").split("-").map(Number) as [number, number?];

test("whatever one liar does, no honest party is blamed, no bad signature leaves, and no secret stays", (context) => {
  const kinds = new Map<string, number>(KINDS.map((kind) => [kind, 0]));
  const network = noFaults();
  let signatures = 0;
  for (let seed = first; seed < (last ?? first + 1); seed++) {
    let lived: Lived;
    try {
      lived = live(String(seed));
    } catch (cause) {
      throw new Error(`CONCLAVE_TEST_SEED=${seed}: ${cause instanceof Error ? cause.message : "failed"}`, { cause });
    }
    if (lived.lied) counted(kinds, lived.kind);
    signatures += lived.signatures;
    for (const { faults } of lived.simulations) addFaults(network, faults);
  }
  const plain = (counters: Iterable<readonly [string, number]>): string =>
    [...counters].map(([name, times]) => `${times} ${name}`).join(", ");
  context.diagnostic(`lies: ${plain(kinds)}`);
  context.diagnostic(`faults: ${plain(FAULTS)}; ${signatures} signatures`);
  context.diagnostic(`network: ${plain(Object.entries(network))}`);
  if (last === undefined || last - first < ENOUGH_FOR_EVERY_LIE) return;
  for (const [kind, times] of kinds) assert.ok(times > 0, `${kind} never happened`);
  for (const [kind, times] of Object.entries(network)) assert.ok(times > 0, `${kind} never happened`);
  for (const fault of [...BLAMING, "mismatch", "silence"]) assert.ok((FAULTS.get(fault) ?? 0) > 0, `no ${fault}`);
});

test("a secret that stays is seen, and a bad signature", () => {
  const cast = draw("watched");
  const { key, committee, digest, tweak, liar } = cast;
  const careless = interceptSteps(protocols.sign, (step) => ({ ...step, round: { ...step.round, wipe: () => {} } }));
  const options = { protocol: observed(careless), committee, seed: "watched", schedule: CALM };
  const configs = () => signConfigs(key, committee, { digest, tweak });
  secretsSeen.length = 0;
  const signed = simulate({ ...options, configs: configs() });
  assert.throws(() => verified({ ...cast, digest: testDigest("never signed") }, signed), /noble verifies it/);
  const tamper: SimulationOptions<unknown, unknown>["tamper"] = (message) =>
    message.from === liar && message.round.endsWith("3-open") ? [] : [message];
  const silenced = simulate({ ...options, configs: configs(), tamper });
  assert.throws(() => judge(cast, silenced, { kind: "a message withheld", lied: true }), new RegExp(LEFT));
});
