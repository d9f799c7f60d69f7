/**
 * `npm run sim -- --seeds 1000 [--from 0]`: lives of whole clusters, each drawn from its seed, with every fault there is.
 * `npm run sim -- --seed 17`: one of them again, with everything that happened in it. `--json` for machines.
 * `--jobs 2`: in so many processes at once; as many as there are cores unless said, and one for a short campaign.
 * `--scheme frost-secp256k1-taproot` or `--scheme dkls23-secp256k1`: with wallets of that kind only.
 * Exit status 1 if a rule was broken or a kind of fault never happened, with the seeds to replay.
 */
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs, promisify } from "node:util";
import { drawScenario, FAULTS, SCHEMES, type Scenario } from "../core/node/testing/scenario.ts";
import { live, type Lived } from "../core/node/testing/simulation.ts";

/** Campaigns shorter than this, or with one kind of wallet, may miss a kind of fault by chance. */
const ENOUGH_FOR_EVERY_FAULT = 100;
/** Seeds that one process lives through before the next asks for more: a few seconds each, so that all end together. */
const CHUNK = 25;
/** What a chunk says: a few kilobytes, and a line for each broken rule. */
const MAX_REPORT_BYTES = 16 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "0" },
    seed: { type: "string" },
    scheme: { type: "string" },
    jobs: { type: "string" },
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
  const jobs = values.jobs === undefined ? (count > CHUNK ? availableParallelism() : 1) : whole(values.jobs, "jobs");
  if (jobs < 1) throw new RangeError("--jobs is 1 or more");
  const startMs = performance.now();
  const lived = jobs === 1 ? await liveAll(from, count) : await shared(from, count, jobs);
  const seconds = (performance.now() - startMs) / 1_000;
  const missing =
    count < ENOUGH_FOR_EVERY_FAULT || scheme !== undefined
      ? []
      : FAULTS.filter((kind) => (lived.faults.get(kind) ?? 0) === 0);
  report({ from, count, seconds, missing, ...lived });
  return lived.broken.length + missing.length === 0 ? 0 : 1;
}

type Counts = Map<string, number>;

interface Outcome {
  readonly faults: Counts;
  readonly endings: Counts;
  readonly broken: readonly Broken[];
}

/** Rules that a life broke. */
type Broken = Pick<Lived, "seed" | "violations">;

/** One life after the other, in this process. */
async function liveAll(from: number, count: number): Promise<Outcome> {
  const faults = noFaults();
  const endings: Counts = new Map();
  const broken: Broken[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const lived = await live(scenarioOf(String(seed)));
    add(faults, lived.faults);
    add(endings, lived.endings);
    if (lived.violations.length > 0) broken.push(told(lived));
  }
  return { faults, endings, broken };
}

/** Seeds are independent of each other: as many processes as there are jobs take the next ones until there are none. */
async function shared(from: number, count: number, jobs: number): Promise<Outcome> {
  const faults = noFaults();
  const endings: Counts = new Map();
  const broken: Broken[] = [];
  let next = from;
  const work = async (): Promise<void> => {
    while (next < from + count) {
      const first = next;
      next = Math.min(first + CHUNK, from + count);
      const part = await inChild(first, next - first);
      add(faults, new Map(Object.entries(part.faults)));
      add(endings, new Map(Object.entries(part.endings)));
      for (const { seed, rules } of part.violations) broken.push(told({ seed, violations: rules }));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return { faults, endings, broken: broken.toSorted((a, b) => Number(a.seed) - Number(b.seed)) };
}

interface Part {
  readonly faults: Readonly<Record<string, number>>;
  readonly endings: Readonly<Record<string, number>>;
  readonly violations: readonly { readonly seed: string; readonly rules: readonly string[] }[];
}

async function inChild(from: number, count: number): Promise<Part> {
  const chosen = scheme === undefined ? [] : ["--scheme", scheme];
  const args = [import.meta.filename, "--seeds", `${count}`, "--from", `${from}`, "--jobs", "1", "--json", ...chosen];
  const run = promisify(execFile)(process.execPath, args, { maxBuffer: MAX_REPORT_BYTES });
  // Exit status 1 says that a rule was broken, which its report says too.
  const { stdout } = await run.catch((error: { readonly stdout?: string }) => {
    if (error.stdout === undefined || error.stdout === "") throw error;
    return { stdout: error.stdout };
  });
  return JSON.parse(stdout) as Part;
}

function noFaults(): Counts {
  return new Map(FAULTS.map((kind) => [kind, 0]));
}

/** At once, for whoever looks on. */
function told({ seed, violations }: Broken): Broken {
  if (!values.json) for (const violation of violations) console.log(`seed ${seed}: BROKEN ${violation}`);
  return { seed, violations };
}

interface Report {
  readonly from: number;
  readonly count: number;
  readonly seconds: number;
  readonly broken: readonly Broken[];
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
