/**
 * `npm run sim -- --seeds 1000 [--from 0]`: lives of whole clusters, each drawn from its seed, with every fault there is.
 * `npm run sim -- --seed 17`: one of them again, with everything that happened in it. `--json` for machines.
 * `--scheme frost-secp256k1-taproot` or `--scheme dkls23-secp256k1`: with wallets of that kind only.
 * Exit status 1 if a rule was broken or a kind of fault never happened, with the seeds to replay.
 */
import { parseArgs } from "node:util";
import { drawScenario, FAULTS, SCHEMES, type Scenario } from "../core/node/testing/scenario.ts";
import { live, type Lived } from "../core/node/testing/simulation.ts";

/** Campaigns shorter than this, or with one kind of wallet, may miss a kind of fault by chance. */
const ENOUGH_FOR_EVERY_FAULT = 100;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "0" },
    seed: { type: "string" },
    scheme: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

const scheme = SCHEMES.find((known) => known === values.scheme);
if (values.scheme !== undefined && scheme === undefined)
  throw new RangeError(`--scheme is ${SCHEMES.join(" or ")}, not ${values.scheme}`);
const scenarioOf = (seed: string): Scenario => drawScenario(seed, scheme === undefined ? {} : { scheme });

process.exitCode = values.seed === undefined ? await campaign() : await replay(values.seed);

async function replay(seed: string): Promise<number> {
  const lived = await live(scenarioOf(seed), { verbose: true });
  if (values.json)
    console.log(
      JSON.stringify({
        ...lived,
        faults: Object.fromEntries(lived.faults),
        endings: Object.fromEntries(lived.endings),
      }),
    );
  else {
    for (const line of lived.lines) console.log(line);
    console.log(
      `seed ${seed}: ${lived.events} events, ${lived.virtualMs / 1_000} s of virtual time, trace ${lived.trace}`,
    );
    for (const violation of lived.violations) console.log(`BROKEN ${violation}`);
  }
  return lived.violations.length === 0 ? 0 : 1;
}

async function campaign(): Promise<number> {
  const count = whole(values.seeds, "seeds");
  const from = whole(values.from, "from");
  const startMs = performance.now();
  const faults = new Map(FAULTS.map((kind) => [kind, 0]));
  const endings = new Map<string, number>();
  const broken: Lived[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const lived = await live(scenarioOf(String(seed)));
    add(faults, lived.faults);
    add(endings, lived.endings);
    if (lived.violations.length === 0) continue;
    broken.push(lived);
    if (!values.json) for (const violation of lived.violations) console.log(`seed ${seed}: BROKEN ${violation}`);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const missing =
    count < ENOUGH_FOR_EVERY_FAULT || scheme !== undefined ? [] : FAULTS.filter((kind) => faults.get(kind) === 0);
  report({ from, count, seconds, broken, faults, endings, missing });
  return broken.length + missing.length === 0 ? 0 : 1;
}

interface Report {
  readonly from: number;
  readonly count: number;
  readonly seconds: number;
  readonly broken: readonly Lived[];
  readonly faults: ReadonlyMap<string, number>;
  readonly endings: ReadonlyMap<string, number>;
  readonly missing: readonly string[];
}

function report({ from, count, seconds, broken, faults, endings, missing }: Report): void {
  const held = count - broken.length;
  if (values.json) {
    const violations = broken.map(({ seed, violations: rules }) => ({ seed, rules }));
    const counters = { faults: Object.fromEntries(faults), endings: Object.fromEntries(endings) };
    console.log(JSON.stringify({ from, tried: count, held, seconds, ...counters, missing, violations }));
    return;
  }
  for (const [kind, times] of faults) console.log(`${String(times).padStart(9)} ${kind}`);
  console.log(`requests: ${[...endings].map(([ending, times]) => `${times} ${ending}`).join(", ")}`);
  for (const kind of missing) console.log(`NEVER HAPPENED: ${kind}`);
  for (const { seed } of broken)
    console.log(`replay: npm run sim -- --seed ${seed}${scheme === undefined ? "" : ` --scheme ${scheme}`}`);
  console.log(`${count} tried, ${held} held, ${broken.length} violations, ${seconds.toFixed(1)} s`);
}

function add(total: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, times] of more) total.set(name, (total.get(name) ?? 0) + times);
}

function whole(text: string, name: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} is a whole number, not ${text}`);
  return Number(text);
}
